"""Features of pictures: the cache, and what is computed anew."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from visioncli.features import files as feature_files
from visioncli.labelled.recognise import read_set
from visioncli.models import registry
from visioncli.training.data import features


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rng = np.random.default_rng(5)
    for n in range(4):
        folder = tmp_path / "set" / "ab"[n % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (40, 50, 3), np.uint8)).save(folder / f"{n}.png")
    return tmp_path / "set"


def compute(folder: Path, views: int = 0, seed: int = 0) -> features.Features:
    row = registry.find("efficientnet_lite0")
    return features.compute(read_set(str(folder)).examples, row, views=views, seed=seed)


def test_views_begin_with_the_plain_picture_and_the_cache_gives_the_same(pictures: Path) -> None:
    plain = compute(pictures)
    seen = compute(pictures, views=2, seed=11)
    assert seen.vectors.shape == (4, 3, 1280)
    assert seen.computed == 12
    assert np.allclose(seen.vectors[:, 0], plain.vectors[:, 0], atol=1e-2)
    again = compute(pictures, views=2, seed=11)
    assert again.computed == 0
    assert (again.vectors == seen.vectors).all()
    assert (again.sizes == seen.sizes).all()
    assert tuple(again.sizes[0]) == (50, 40)


def test_the_same_picture_under_another_name_is_not_computed_again(pictures: Path, tmp_path: Path) -> None:
    compute(pictures)
    (pictures / "a" / "0.png").rename(pictures / "a" / "other.png")
    assert compute(pictures).computed == 0


def test_an_unreadable_picture_is_a_failure_and_stays_out_of_the_cache(pictures: Path) -> None:
    (pictures / "a" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    for _ in range(2):
        found = compute(pictures)
        assert [found.contents[n] for n in found.failures] == [""]
        assert len(found.failures) == 1


def test_a_damaged_cache_is_made_anew(pictures: Path) -> None:
    first = compute(pictures)
    row = registry.find("efficientnet_lite0")
    for path in feature_files.stored_files():
        path.unlink()
    feature_files.store_file(row).write_bytes(b"no database " * 500)
    again = compute(pictures)
    assert again.computed == 4
    assert np.allclose(again.vectors, first.vectors, atol=1e-3)


@pytest.mark.parametrize(("count", "views"), [(10, 8), (500, 8), (1000, 4), (5000, 0), (0, 8)])
def test_few_pictures_get_more_views(count: int, views: int) -> None:
    assert features.views_for(count) == views
