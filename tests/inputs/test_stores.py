"""Objects in stores: found, fetched once, refused with a sentence."""

import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from visioncli.errors import InputError
from visioncli.inputs import stores
from visioncli.inputs.item import Held, Item
from visioncli.inputs.sources import Expansion
from visioncli.inputs.stores import MOST, in_words, is_address

OBJECTS = ("b/a.jpg", "b/c/d.png", "b/c/e/f.jpg", "b/c/.hidden.jpg", "b/notes.md", "b/plain", "b/z.JPG")


class Fake(MemoryFileSystem):  # type: ignore[misc]
    """A store that counts what it is asked, and makes trouble."""

    protocol = ("s3",)
    store: dict[str, Any] = {}  # noqa: RUF012 - as its base has it
    pseudo_dirs = [""]  # noqa: RUF012
    asked: Counter[str] = Counter()  # noqa: RUF012
    trouble: Exception | None = None

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(path.replace("s3://", "memory://")))

    def _count(self, what: str) -> None:
        self.asked[what] += 1
        if self.trouble:
            raise self.trouble

    def ls(self, path: str, detail: bool = True, **more: Any) -> Any:
        self._count(f"ls {path}")
        return super().ls(path, detail, **more)

    def info(self, path: str, **more: Any) -> Any:
        self._count(f"info {path}")
        return super().info(path, **more)

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **more: Any) -> Any:
        self._count(f"get {path}")
        data = self.store[self._strip_protocol(path)].getvalue() if self.exists_here(path) else None
        if data is None:
            raise FileNotFoundError(path)
        if start is not None and not data:
            raise OSError("InvalidRange")  # as S3 says of an empty object
        return data[start:end]

    def exists_here(self, path: str) -> bool:
        return self._strip_protocol(path) in self.store


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Fake]]:
    """Some objects in a fake of S3 and in memory."""
    before = fsspec.get_filesystem_class
    monkeypatch.setattr(fsspec, "get_filesystem_class", lambda name: Fake if name == "s3" else before(name))
    stores._opened.cache_clear()
    for kind in (Fake, MemoryFileSystem):
        system = kind(skip_instance_cache=True)
        for name in OBJECTS:
            system.pipe(f"/{name}", name.encode())
    Fake.asked = Counter()
    Fake.trouble = None
    yield Fake
    for kind in (Fake, MemoryFileSystem):
        kind.store.clear()
        kind.pseudo_dirs[:] = [""]
    stores._opened.cache_clear()


def inputs(*texts: str, **options: Any) -> list[Item]:
    return list(Expansion(**options).items(texts))


def content(item: Item) -> bytes | str:
    assert isinstance(item, Held)
    try:
        return item.content()
    except InputError as problem:
        return f"{problem.kind}: {problem}"
    finally:
        item.done()


@pytest.mark.parametrize("scheme", ["s3", "memory"])
def test_objects_below_a_prefix_are_inputs_in_order(bucket: type[Fake], scheme: str) -> None:
    expected = ["a.jpg", "c/d.png", "c/e/f.jpg", "plain", "z.JPG"]
    for text in (f"{scheme}://b/", f"{scheme}://b"):
        found = inputs(text)
        assert [i.path for i in found] == [f"{scheme}://b/{name}" for name in expected]
        assert [i.relative for i in found] == expected
        assert [content(i) for i in found] == [f"b/{name}".encode() for name in expected]
    assert [i.relative for i in inputs(f"{scheme}://b/c", exclude=("e/*",))] == ["d.png"]


def test_nothing_is_asked_twice(bucket: type[Fake]) -> None:
    for item in inputs("s3://b/"):
        assert isinstance(item, Held)
        assert item.content() == item.content()  # whoever wants it: it is still held
        item.done()
    assert max(bucket.asked.values()) == 1
    assert {name for name in bucket.asked if not name.startswith("get")} == {"ls /b", "ls /b/c", "ls /b/c/e"}


def test_an_object_with_an_ending_is_fetched_without_a_question(bucket: type[Fake]) -> None:
    (item,) = inputs("s3://b/c/d.png")
    assert not bucket.asked
    assert (content(item), item.relative) == (b"b/c/d.png", "d.png")
    assert dict(bucket.asked) == {"get /b/c/d.png": 1}
    (item,) = inputs("s3://b/plain")
    assert content(item) == b"b/plain"


def test_listing_goes_on_while_objects_are_read(bucket: type[Fake]) -> None:
    each = iter(Expansion().items(["s3://b/"]))
    assert next(each).relative == "a.jpg"
    assert list(bucket.asked) == ["ls /b"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.jpg", ["a.jpg"]),
        ("**/*.jpg", ["a.jpg", "c/e/f.jpg"]),
        ("*/*.png", ["c/d.png"]),
        ("[az].*", ["a.jpg", "z.JPG"]),
        ("c/**", ["d.png", "e/f.jpg"]),
        ("?/e/*", ["c/e/f.jpg"]),
    ],
)
def test_patterns_match_names(bucket: type[Fake], pattern: str, expected: list[str]) -> None:
    assert [i.relative for i in inputs(f"s3://b/{pattern}")] == expected
    assert max(n for name, n in bucket.asked.items() if name.startswith("ls")) == 1


def test_only_folders_that_may_fit_are_listed(bucket: type[Fake]) -> None:
    inputs("s3://b/*.jpg")
    assert list(bucket.asked) == ["ls /b"]


def test_addresses_are_read_in_lists_and_on_standard_input(
    bucket: type[Fake], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "l.csv").write_text("path\ns3://b/a.jpg\n")
    (item,) = inputs(str(tmp_path / "l.csv"), column="path")
    assert (content(item), item.relative) == (b"b/a.jpg", "b/a.jpg")
    (tmp_path / "stdin").write_text("s3://b/c/d.png\ns3://b/c/\n")
    monkeypatch.setattr(sys, "stdin", (tmp_path / "stdin").open())
    assert [i.path for i in inputs("-")] == ["s3://b/c/d.png", "s3://b/c/d.png", "s3://b/c/e/f.jpg"]


def test_outside_nothing_is_asked(bucket: type[Fake]) -> None:
    found = list(Expansion().items(["s3://b/", "s3://b/*.jpg"], inside=False))
    assert [type(i) for i in found] == [Item, Item]
    assert not bucket.asked


def test_stamps_are_those_of_the_listing(bucket: type[Fake]) -> None:
    stamps = [i.stamp for i in inputs("s3://b/") if isinstance(i, Held)]
    assert None not in stamps
    assert all(stamp.split("|")[0].isdigit() for stamp in stamps if stamp)
    Fake(skip_instance_cache=True).pipe("/b/a.jpg", b"another")
    again = [i.stamp for i in inputs("s3://b/") if isinstance(i, Held)]
    assert again[0] != stamps[0]
    assert again[1:] == stamps[1:]


def test_what_is_not_there_is_not_found(bucket: type[Fake]) -> None:
    for text in ("s3://b/gone.jpg", "s3://b/gone/", "s3://b/*.gif", "s3://b/gone"):
        (item,) = inputs(text)
        assert str(content(item)).startswith("not_found: ")
        assert item.path == text


def test_an_empty_object_is_empty(bucket: type[Fake]) -> None:
    Fake(skip_instance_cache=True).pipe("/e/a.jpg", b"")
    assert content(inputs("s3://e/a.jpg")[0]) == b""
    assert content(inputs("s3://e/")[0]) == b""


@pytest.mark.parametrize("text", ["s3://b/a.jpg", "s3://b/"])
def test_what_a_store_refuses_is_a_failure_of_its_kind(bucket: type[Fake], text: str) -> None:
    bucket.trouble = PermissionError("403")
    assert str(content(inputs(text)[0])).startswith("permission_denied: The store refuses access")
    bucket.trouble = OSError("503 Slow Down\nhttps://x/?X-Amz-Signature=abc&x=1 secret_key=def")
    told = str(content(inputs(text)[0]))
    assert told.startswith("url_failed: The store could not be read (OSError: 503 Slow Down")
    assert "abc" not in told
    assert "def" not in told


def test_a_store_that_hangs_is_given_up(bucket: type[Fake], monkeypatch: pytest.MonkeyPatch) -> None:
    end = threading.Event()
    monkeypatch.setattr(stores, "TOTAL_SECONDS", 0.05)
    monkeypatch.setattr(Fake, "_count", lambda self, what: end.wait(20))
    for text in ("s3://b/a.jpg", "s3://b/"):
        assert "did not answer" in str(content(inputs(text)[0]))
    end.set()


def test_an_object_that_is_too_large_is_refused(bucket: type[Fake], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "MAX_BYTES", 6)
    for text in ("s3://b/a.jpg", "s3://b/*.jpg"):
        assert str(content(inputs(text)[0])).startswith("too_large")
    assert bucket.asked["get /b/a.jpg"] == 1  # of the other one the listing told


def test_names_with_dots_stay_below_the_output_folder(bucket: type[Fake]) -> None:
    Fake.store["/d/../../evil.jpg"] = Fake.store["/b/a.jpg"]
    assert all(".." not in i.relative for i in inputs("s3://d/", "memory://b/../x.jpg"))


def test_credentials_are_shown_nowhere(bucket: type[Fake]) -> None:
    bucket.trouble = OSError("no route for me:pass%2Fword at host, pass%2Fword")
    (item,) = inputs("s3://me:pass%2Fword@host/b/a.jpg")
    shown = f"{item.shown} {item.relative} {content(item)}"
    assert "pass%2Fword" not in shown
    assert "s3://***@host/b/a.jpg" in shown


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    stores._opened.cache_clear()

    def absent(name: str) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec, "get_filesystem_class", absent)
    assert "pip install s3fs" in str(content(inputs("s3://b/a.jpg")[0]))
    monkeypatch.setitem(sys.modules, "fsspec", None)
    assert "pip install 'visioncli[cloud]' s3fs" in str(content(inputs("s3://b/a.jpg")[0]))


def test_only_stores_are_addresses() -> None:
    assert all(map(is_address, ("s3://b", "GS://b/a", "memory://a", "hf://datasets/x")))
    others = (
        "file:///etc/passwd",
        "local://x",
        "zip://a::s3://b",
        "simplecache::s3://b/a.jpg",
        "git://x",
        "http://x",
    )
    assert not any(map(is_address, others))


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Access Denied", "OSError: Access Denied."),
        ("", "OSError."),
        ("\n first.\nsecond", "OSError: first."),
        ("https://u:p@host/a?sig=secret gone", "OSError: https://***@host/a?… gone."),
        ("refused, token=abc here", "OSError: refused, token=*** here."),
    ],
)
def test_what_a_driver_says_is_one_line_without_secrets(said: str, shown: str) -> None:
    assert in_words(OSError(said)) == shown


def test_the_users_password_is_never_repeated() -> None:
    assert in_words(OSError("no user ann with word pw1"), "ann:pw1") == "OSError: no user *** with word ***."


def test_what_a_driver_says_is_cut() -> None:
    assert len(in_words(OSError("x" * 5000))) < MOST + 20
