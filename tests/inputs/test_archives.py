"""Members of archives as inputs: named, counted, read, refused."""

import io
import os
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from visioncli.errors import InputError
from visioncli.inputs import archives, tars, zips
from visioncli.inputs.archive_names import is_archive, names_member
from visioncli.inputs.archives import of_path
from visioncli.inputs.item import Held, Item
from visioncli.inputs.sources import Expansion

MEMBERS = {"b.jpg": b"bee", "a/c.png": b"sea", "a/c.cls": b"5", "a/README": b"?", "notes.md": b"#"}
KINDS = ("s.zip", "s.tar", "s.tar.gz", "s.tar.bz2", "s.tgz")


def made(path: Path, members: dict[str, bytes] | list[tuple[str, bytes]] = MEMBERS) -> str:
    """An archive of the kind that its name tells."""
    pairs = list(members.items()) if isinstance(members, dict) else members
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in pairs:
                archive.writestr(name, data)
        return str(path)
    packed = {".gz": "gz", ".tgz": "gz", ".bz2": "bz2"}.get(path.suffix, "")
    with tarfile.open(path, f"w:{packed}") as tar:  # type: ignore[call-overload]
        for name, data in pairs:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return str(path)


def taken(*inputs: str | Path, **options: object) -> dict[str, bytes | str]:
    """Each input by its path, with its bytes, or with the sentence that says why there are none."""
    found: dict[str, bytes | str] = {}
    for item in Expansion(**options).items(map(str, inputs)):  # type: ignore[arg-type]
        assert isinstance(item, Held)
        item.ask()
        try:
            # What a stream has not come to yet is read anew.
            found[item.path] = of_path(item.path) if item.streamed else item.content()
        except InputError as problem:
            found[item.path] = str(problem)
        item.done()
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_members_called_like_pictures_are_inputs_in_the_order_of_the_archive(tmp_path: Path, kind: str) -> None:
    path = made(tmp_path / kind)
    assert taken(path) == {f"{path}!/b.jpg": b"bee", f"{path}!/a/c.png": b"sea", f"{path}!/a/README": b"?"}
    assert list(taken(path, exclude=("a/*",))) == [f"{path}!/b.jpg"]
    assert list(taken(path, endings=(".cls",)))[2] == f"{path}!/a/c.cls"


def test_results_lie_below_a_folder_that_is_called_like_the_archive(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    path = made(tmp_path / "in" / "s.zip", {"../../up.jpg": b"1", "/abs.jpg": b"2", "a//./b.jpg": b"3", "..": b"4"})
    relatives = [i.relative for i in Expansion().items([path])]
    assert relatives == ["s.zip/up.jpg", "s.zip/abs.jpg", "s.zip/a/b.jpg", "s.zip/unnamed"]
    assert next(i.relative for i in Expansion().items([str(tmp_path)])) == "in/s.zip/up.jpg"
    assert taken(path)[f"{path}!/../../up.jpg"] == b"1"
    assert taken(path)[f"{path}!//abs.jpg"] == b"2"


@pytest.mark.parametrize("kind", KINDS)
def test_a_single_member_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.chdir(tmp_path)
    made(tmp_path / kind)
    assert taken(f"{kind}!/a/c.png", f"{kind}!/b.jpg") == {f"{kind}!/a/c.png": b"sea", f"{kind}!/b.jpg": b"bee"}
    assert "no such file in this archive" in str(taken(f"{kind}!/d.jpg"))
    assert "no such archive" in str(taken(f"gone.{kind}!/d.jpg"))
    (tmp_path / "list").write_text(f"{kind}!/b.jpg\n{kind}\n")
    monkeypatch.setattr(sys, "stdin", (tmp_path / "list").open())
    listed = list(Expansion().items(["-"]))
    assert [i.path for i in listed] == [f"{kind}!/b.jpg", f"{kind}!/b.jpg", f"{kind}!/a/c.png", f"{kind}!/a/README"]
    assert listed[0].relative == listed[1].relative == f"{kind}/b.jpg"


def test_a_file_that_is_called_like_a_member_is_that_file(tmp_path: Path) -> None:
    (tmp_path / "s.zip!").mkdir()
    (tmp_path / "s.zip!" / "a.jpg").write_bytes(b"file")
    (item,) = Expansion().items([f"{tmp_path}/s.zip!/a.jpg"])
    assert type(item) is Item


@pytest.mark.parametrize("kind", KINDS)
def test_members_of_one_name_are_told_apart(tmp_path: Path, kind: str) -> None:
    with pytest.warns(UserWarning) if kind == "s.zip" else pytest.MonkeyPatch.context():
        path = made(tmp_path / kind, [("a.jpg", b"1"), ("a.jpg", b"2"), ("a.jpg", b"3")])
    assert taken(path) == {f"{path}!/a.jpg": b"1", f"{path}!/a.jpg#2": b"2", f"{path}!/a.jpg#3": b"3"}
    assert len({i.relative for i in Expansion().items([path])}) == 3


def test_hidden_members_are_none_and_archives_within_are_told(tmp_path: Path) -> None:
    hidden = {".a.jpg": b"", "x/.b/c.jpg": b"", "__MACOSX/a.jpg": b""}
    path = made(tmp_path / "s.zip", hidden | {"in.tar.gz": b"", "a.jpg": b"1"})
    found = taken(path)
    assert list(found) == [f"{path}!/in.tar.gz", f"{path}!/a.jpg"]
    assert "an archive within an archive" in str(found[f"{path}!/in.tar.gz"])


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_without_pictures_is_a_failure(tmp_path: Path, kind: str) -> None:
    path = made(tmp_path / kind, {"a.txt": b""})
    assert taken(path) == {path: "There is no picture in this archive. None of its 1 members is called like one."}
    path = made(tmp_path / kind, {})
    assert taken(path) == {path: "There is no picture in this archive. It is empty."}


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_archive_is_a_failure_behind_what_was_read(tmp_path: Path, kind: str) -> None:
    (tmp_path / kind).write_bytes(b"hello")
    assert "The archive is damaged" in str(taken(tmp_path / kind)[str(tmp_path / kind)])
    if kind != "s.zip":  # whose directory is at its end
        path = made(tmp_path / kind, {f"{n}.jpg": os.urandom(2000) for n in range(2000)})
        data = Path(path).read_bytes()
        Path(path).write_bytes(data[: int(len(data) * 0.6)])
        found = [i.path for i in Expansion().items([path])]
        assert found[0] == f"{path}!/0.jpg"
        assert found[-1] == path


def test_an_archive_that_is_not_there_or_no_file_stays_a_name(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.tar")
    (tmp_path / "folder.zip").mkdir()
    (tmp_path / "folder.zip" / "a.jpg").touch()
    found = list(Expansion().items([f"{tmp_path}/{name}" for name in ("gone.zip", "pipe.tar", "folder.zip")]))
    assert [type(item) for item in found] == [Item, Item, Item]
    assert [item.relative for item in found] == ["gone.zip", "pipe.tar", "a.jpg"]


def test_what_may_not_be_read_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: str) -> str:
        raise PermissionError(13, "Permission denied")

    path = made(tmp_path / "s.zip")
    monkeypatch.setattr(archives, "facts_of", refused)
    assert taken(path) == {path: "The archive could not be read: Permission denied."}


def test_archives_that_hold_too_much_end_with_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zips, "most_of", lambda size: 250_000)
    monkeypatch.setattr(tars, "most_of", lambda size: 250_000)
    for kind in ("s.zip", "s.tar.gz"):
        path = made(tmp_path / kind, {f"{n}.jpg": bytes(100_000) for n in range(5)})
        items = list(Expansion().items([path]))
        assert [i.path for i in items[:2]] == [f"{path}!/0.jpg", f"{path}!/1.jpg"]
        assert items[-1].path == path
        assert len(items) <= 4
        assert isinstance(items[-1], Held)
        with pytest.raises(InputError, match="times its own size") as caught:
            items[-1].content()
        assert caught.value.kind == "too_large"


def test_an_archive_with_too_many_members_ends_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "MOST_MEMBERS", 2)
    path = made(tmp_path / "s.tar", {f"{n}.jpg": b"" for n in range(5)})
    found = taken(path)
    assert list(found) == [f"{path}!/0.jpg", f"{path}!/1.jpg", path]
    assert "more than 2 members" in str(found[path])


def test_a_packed_archive_is_read_once_and_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = made(tmp_path / "s.tar.gz", {f"{n}.jpg": b"%d" % n for n in range(9)})
    opened = []
    before: Callable[[str], tars.Reader] = tars.Reader
    monkeypatch.setattr(tars, "Reader", lambda path: opened.append(path) or before(path))
    contents, last = [], None
    for item in Expansion().items([path]):
        assert isinstance(item, Held)
        if last is not None:  # the stream has come past it
            contents.append(last.content())
            last.done()
        item.ask()
        last = item
    assert last is not None
    contents.append(last.content())
    assert contents == [b"%d" % n for n in range(9)]
    assert len(opened) == 1


def test_named_members_of_a_packed_archive_are_found_on_one_way_through_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = made(tmp_path / "s.tar.gz", {f"{n}.jpg": b"%d" % n for n in range(9)})
    opened = []
    before: Callable[[str], tars.Reader] = tars.Reader
    monkeypatch.setattr(tars, "Reader", lambda path: opened.append(path) or before(path))
    assert [of_path(f"{path}!/{n}.jpg") for n in (0, 3, 8)] == [b"0", b"3", b"8"]
    assert len(opened) == 1
    assert of_path(f"{path}!/2.jpg") == b"2"  # which is before the last one
    assert len(opened) == 2


def test_stamps_tell_contents_apart_and_change_with_the_archive(tmp_path: Path) -> None:
    def stamps(path: str) -> list[str | None]:
        return [i.stamp for i in Expansion().items([path]) if isinstance(i, Held)]

    for kind in KINDS:
        path = made(tmp_path / kind, {"a.jpg": b"1", "b.jpg": b"2"})
        before = stamps(path)
        assert None not in before
        assert len(set(before)) == 2
        assert stamps(path) == before
        os.utime(path, (1, 1))
        assert set(stamps(path)).isdisjoint(before)


def test_braces_that_a_shell_was_not_let_expand_name_shards(tmp_path: Path) -> None:
    for n in (8, 9, 10):
        made(tmp_path / f"s-{n:03d}.tar", {"a.jpg": b""})
    (tmp_path / "x{1..2}.jpg").touch()

    def names(text: str) -> list[str]:
        return [i.path.removeprefix(f"{tmp_path}/") for i in Expansion().items([f"{tmp_path}/{text}"])]

    assert names("s-{008..010}.tar") == [f"s-{n:03d}.tar!/a.jpg" for n in (8, 9, 10)]
    assert names("s-{010,008}.tar") == ["s-010.tar!/a.jpg", "s-008.tar!/a.jpg"]
    assert names("s-0{10..08}.tar") == [f"s-0{n:02d}.tar!/a.jpg" for n in (10, 9, 8)]
    assert names("x{1..2}.jpg") == ["x{1..2}.jpg"]  # which is there
    assert names("{a}.jpg") == ["{a}.jpg"]


def test_names_tell_what_is_an_archive() -> None:
    assert all(map(is_archive, ("a.zip", "A.TAR", "b/s.tar.gz", "s.tgz", "s.tar.zst")))
    assert not any(map(is_archive, ("a.gz", "zip", "a.zip.jpg", "a.npz", "a.jpg!/b.zip.jpg")))
    assert names_member("s.zip!/a")
    assert not any(map(names_member, ("s.zip!/", "s.zip", "a!/b", "s.jpg!/b")))
