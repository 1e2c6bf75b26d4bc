"""The cache of features: what goes in comes out, from any thread."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import numpy as np
import pytest

from visioncli.features.files import store_file
from visioncli.features.store import PLAIN, Store
from visioncli.models import registry

ROW = registry.find("efficientnet_lite0")


@pytest.fixture(autouse=True)
def cache(own_cache: object) -> None:
    """Each test has a cache of its own."""


def test_views_are_kept_by_content_and_name() -> None:
    vectors = np.arange(8, dtype=np.float16).reshape(2, 4)
    with closing(Store(ROW)) as store:
        store.keep("abc", (30, 20), (PLAIN, "other"), vectors)
    with closing(Store(ROW)) as store:
        assert store.get("abc", ("nothing",)) is None
        assert store.get("abd", (PLAIN,)) is None
        size, found = store.get("abc", ("other", PLAIN)) or ((0, 0), np.zeros(0))
    assert size == (30, 20)
    assert (found == vectors[::-1]).all()


def test_pictures_without_content_are_not_kept() -> None:
    with closing(Store(ROW)) as store:
        store.keep("", (1, 1), (PLAIN,), np.ones((1, 4), np.float16))
        assert store.get("", (PLAIN,)) is None


def test_what_was_committed_is_there_without_closing() -> None:
    store = Store(ROW)
    store.keep("a", (1, 1), (PLAIN,), np.ones((1, 4), np.float16))
    store.commit()
    with closing(Store(ROW)) as other:
        assert other.get("a", (PLAIN,)) is not None
    store.close()


def test_threads_share_it() -> None:
    def work(n: int) -> bool:
        store.keep(str(n), (n, n), (PLAIN,), np.full((1, 4), n, np.float16))
        found = store.get(str(n), (PLAIN,))
        return found is not None and found[0] == (n, n) and bool((found[1] == n).all())

    with closing(Store(ROW)) as store, ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(1, 600)))


def test_a_folder_that_cannot_be_written_costs_the_cache_only(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = store_file(ROW).parent
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_text("a file in its place")
    with pytest.warns(UserWarning, match="Features"), closing(Store(ROW)) as store:
        store.keep("a", (1, 1), (PLAIN,), np.ones((1, 4), np.float16))
        assert store.get("a", (PLAIN,)) is not None
