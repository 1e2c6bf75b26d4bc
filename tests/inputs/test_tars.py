"""Members of tar archives, plain and packed, whole and hostile."""

import gzip
import io
import os
import tarfile
from pathlib import Path

import pytest

from visioncli.errors import InputError
from visioncli.inputs import tars
from visioncli.inputs.tars import DamagedTar, Entry, Reader, TooMuch, read

MODES = {"": "w", "gz": "w:gz", "bz2": "w:bz2", "xz": "w:xz"}
FORMATS = (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)


def made(path: Path, members: dict[str, bytes], mode: str = "w", form: int = tarfile.PAX_FORMAT) -> str:
    with tarfile.open(path, mode, format=form) as archive:  # type: ignore[call-overload]
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return str(path)


def contents(path: str) -> dict[str, bytes]:
    reader = Reader(path)
    found = {}
    for entry in reader.entries():
        streamed = reader.read(entry)
        assert reader.packed or streamed == read(path, entry)
        found[entry.name] = streamed
    reader.close()
    return found


MEMBERS = {"b.jpg": b"two" * 500, "a/1.jpg": b"", "a/2.jpg": bytes(range(256)) * 10, "c" * 90 + "/d.jpg": b"x"}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("mode", MODES.values())
def test_members_are_read_in_order_whatever_the_format(tmp_path: Path, mode: str, form: int) -> None:
    path = made(tmp_path / "s.tar", MEMBERS, mode, form)
    assert list(contents(path).items()) == list(MEMBERS.items())


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_members_that_are_not_read_are_passed_over(tmp_path: Path, mode: str) -> None:
    path = made(tmp_path / "s.tar", MEMBERS, mode)
    reader = Reader(path)
    assert [e.name for e in reader.entries()] == list(MEMBERS)


def test_long_names_and_those_that_are_no_text_are_names(tmp_path: Path) -> None:
    name = "ä" * 300 + os.fsdecode(b"\xff\n.jpg")
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        assert list(contents(made(tmp_path / "s.tar", {name: b"1"}, "w", form))) == [name]


def test_a_name_from_here_is_shown_without_its_dot(tmp_path: Path) -> None:
    assert list(contents(made(tmp_path / "s.tar", {"././a.jpg": b"1"}))) == ["a.jpg"]


def test_folders_are_no_members_links_and_devices_have_no_content(tmp_path: Path) -> None:
    path = tmp_path / "s.tar"
    with tarfile.open(path, "w") as archive:
        for name, kind in (
            ("folder", tarfile.DIRTYPE),
            ("hard", tarfile.LNKTYPE),
            ("soft", tarfile.SYMTYPE),
            ("device", tarfile.CHRTYPE),
            ("pipe", tarfile.FIFOTYPE),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd\n" if kind in (tarfile.LNKTYPE, tarfile.SYMTYPE) else ""
            archive.addfile(info)
    found = list(Reader(str(path)).entries())
    assert [e.name for e in found] == ["hard", "soft", "device", "pipe"]
    told = []
    for entry in found:
        with pytest.raises(InputError) as caught:
            read(str(path), entry)
        told.append((caught.value.kind, str(caught.value).partition(" within")[0]))
    assert told[:2] == [("not_a_file", "It is a link to /etc/passwd")] * 2
    assert all(kind == "not_a_file" and "without content" in words for kind, words in told[2:])


@pytest.mark.parametrize("mode", ["plain", "gz"])
def test_files_with_holes_are_whole_again(tmp_path: Path, mode: str) -> None:
    # As GNU tar writes them (PAX, version 1.0): a map of pieces before the pieces.
    table = b"2\n100\n3\n5000\n3\n"
    body = table.ljust(512, b"\0") + b"onetwo"
    info = tarfile.TarInfo("GNUSparseFile.0/h.bin")
    info.size = len(body)
    info.pax_headers = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.name": "h.bin",
        "GNU.sparse.realsize": "6000",
    }
    path = tmp_path / "s.tar"
    with tarfile.open(path, "w" if mode == "plain" else "w:gz", format=tarfile.PAX_FORMAT) as archive:  # type: ignore[call-overload]
        archive.addfile(info, io.BytesIO(body))
        after = tarfile.TarInfo("after")
        after.size = 5
        archive.addfile(after, io.BytesIO(b"after"))
    expected = bytearray(6000)
    expected[100:103], expected[5000:5003] = b"one", b"two"
    assert contents(str(path)) == {"h.bin": bytes(expected), "after": b"after"}


def test_holes_that_do_not_fit_are_damage(tmp_path: Path) -> None:
    (tmp_path / "s").write_bytes(bytes(100))
    with pytest.raises(InputError, match="holes do not fit"):
        read(str(tmp_path / "s"), Entry("a", 10, ((0, 0, 2), (2, 9, 5)), 0))


def test_files_that_are_holes_for_the_most_part_are_refused(tmp_path: Path) -> None:
    (tmp_path / "s").write_bytes(bytes(100))
    with pytest.raises(InputError, match="all but 5 bytes are holes") as caught:
        read(str(tmp_path / "s"), Entry("a", 200 << 20, ((0, 0, 5),), 0))
    assert caught.value.kind == "too_large"


def test_a_member_that_claims_to_be_huge_is_refused_unread(tmp_path: Path) -> None:
    (tmp_path / "s").write_bytes(b"")
    with pytest.raises(InputError, match="the limit is 256 MiB") as caught:
        read(str(tmp_path / "s"), Entry("a", 1 << 40, ((0, 0, 5),), 0))
    assert caught.value.kind == "too_large"


@pytest.mark.parametrize("mode", MODES)
def test_a_cut_off_archive_gives_what_is_before(tmp_path: Path, mode: str) -> None:
    members = {name: os.urandom(3000) for name in "abcdef"}
    path = Path(made(tmp_path / "s.tar", members, MODES[mode]))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.6)])
    reader, found = Reader(str(path)), {}
    with pytest.raises((DamagedTar, InputError, *tars.DAMAGE)):
        for entry in reader.entries():
            found[entry.name] = reader.read(entry)
    assert found.items() <= members.items()
    assert len(found) >= (1 if mode != "bz2" else 0)


def test_rubbish_between_members_does_not_end_the_archive_in_silence(tmp_path: Path) -> None:
    path = Path(made(tmp_path / "s.tar", {"a": b"1", "b": b"2", "c": b"3"}))
    data = bytearray(path.read_bytes())
    data[1024:1536] = b"\xa5" * 512
    path.write_bytes(data)
    each = Reader(str(path)).entries()
    assert next(each).name == "a"
    with pytest.raises(DamagedTar, match="no header at byte 1,024"):
        next(each)


@pytest.mark.parametrize("data", [b"", b"hello", bytes(300), b"\x1f\x8b\x08nonsense", b"\xa5" * 5000])
def test_what_is_no_tar_is_damaged(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "s.tar").write_bytes(data)
    with pytest.raises(DamagedTar):
        list(Reader(str(tmp_path / "s.tar")).entries())


def test_an_archive_without_members_is_whole(tmp_path: Path) -> None:
    assert contents(made(tmp_path / "s.tar", {})) == {}


def test_another_way_of_packing_is_told(tmp_path: Path) -> None:
    (tmp_path / "s.tar").write_bytes(b"\x28\xb5\x2f\xfd" + bytes(20))
    with pytest.raises(DamagedTar, match="zstd"):
        Reader(str(tmp_path / "s.tar"))


def test_a_stream_that_holds_far_too_much_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = made(tmp_path / "s.tar.gz", {f"{n}": bytes(100_000) for n in range(30)}, "w:gz")
    monkeypatch.setattr(tars, "most_of", lambda size: 1_000_000)
    each, seen = Reader(path).entries(), 0
    with pytest.raises(TooMuch):
        for _ in each:
            seen += 1
    assert 8 <= seen <= 10


@pytest.mark.parametrize("packed", [False, True])
def test_a_header_that_claims_to_be_huge_is_not_read(tmp_path: Path, packed: bool) -> None:
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 1 << 33
    data = info.tobuf(tarfile.GNU_FORMAT) + bytes(5000)
    (tmp_path / "s.tar").write_bytes(gzip.compress(data) if packed else data)
    with pytest.raises(DamagedTar, match=r"a header has 8,589,\d+,\d+ bytes"):
        list(Reader(str(tmp_path / "s.tar")).entries())


def test_headers_without_end_are_damage(tmp_path: Path) -> None:
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XGLTYPE, 0
    (tmp_path / "s.tar").write_bytes(info.tobuf(tarfile.USTAR_FORMAT) * 5000)
    with pytest.raises(DamagedTar):
        list(Reader(str(tmp_path / "s.tar")).entries())
