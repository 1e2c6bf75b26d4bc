"""The directory of a zip entry by entry, and single members."""

import io
import struct
import zipfile
import zlib
from pathlib import Path

import pytest

from visioncli.errors import InputError
from visioncli.inputs import zips
from visioncli.inputs.zips import DamagedZip, entries, read

WAYS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


def made(path: Path, members: dict[str, bytes], way: int = zipfile.ZIP_DEFLATED) -> str:
    with zipfile.ZipFile(path, "w", way) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return str(path)


@pytest.mark.parametrize("way", WAYS)
def test_what_was_packed_comes_out_in_the_order_of_the_archive(tmp_path: Path, way: int) -> None:
    members = {"b.txt": b"two " * 1000, "a/": b"", "a/empty": b"", "a/ü.bin": bytes(range(256)) * 9}
    path = made(tmp_path / "s.zip", members, way)
    found = list(entries(path))
    assert [e.name for e in found] == list(members)
    assert [e.is_folder for e in found] == [False, True, False, False]
    assert {e.name: read(path, e) for e in found} == members


def test_an_archive_in_zip64_is_read(tmp_path: Path) -> None:
    path = tmp_path / "s.zip"
    with zipfile.ZipFile(path, "w") as archive, archive.open("a.bin", "w", force_zip64=True) as file:
        file.write(b"data")
    # A directory whose sizes and places stand in the extra field, with an end record of zip64.
    data = path.read_bytes()
    start = data.index(b"PK\1\2")
    crc = zlib.crc32(b"data")
    extra = struct.pack("<2H3Q", 1, 24, 4, 4, 0)
    full = 0xFFFF_FFFF
    entry = struct.pack(
        "<4s4B4HL2L5H2L", b"PK\1\2", 45, 3, 45, 0, 0, 0, 0, 0, crc, full, full, 5, len(extra), 0, 0, 0, 0, full
    )
    entry += b"a.bin" + extra
    end64 = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, len(entry), start)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, start + len(entry), 1)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, full, full, 0)
    for before in (b"", b"#!/bin/sh\n"):
        path.write_bytes(before + data[:start] + entry + end64 + locator + end)
        (found,) = entries(str(path))
        assert (found.name, found.size, read(str(path), found)) == ("a.bin", 4, b"data")


def test_what_stands_before_and_behind_an_archive_does_not_matter(tmp_path: Path) -> None:
    path = Path(made(tmp_path / "s.zip", {"a": b"1"}))
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = b"PK about it" * 20
    path.write_bytes(b"\x7fELF" + bytes(5000) + path.read_bytes())
    (found,) = entries(str(path))
    assert read(str(path), found) == b"1"


def test_names_are_text_whatever_their_bytes(tmp_path: Path) -> None:
    path = Path(made(tmp_path / "s.zip", {"aaa": b"1", "bbb": b"2", "ccc": b"3", "d\\e": b"4"}))
    data = path.read_bytes()
    data = data.replace(b"aaa", "ü1".encode()).replace(b"bbb", b"\x81.b").replace(b"ccc", b"c\0c")
    path.write_bytes(data)
    assert [e.name for e in entries(str(path))] == ["ü1", "ü.b", "c", "d/e"]


@pytest.mark.parametrize("cut", [0, 1, 21, 60])
def test_a_zip_without_the_end_of_its_directory_is_damaged(tmp_path: Path, cut: int) -> None:
    path = Path(made(tmp_path / "s.zip", {"a": b"1", "b": b"2"}))
    path.write_bytes(path.read_bytes()[: -cut or None] if cut else b"")
    with pytest.raises(DamagedZip):
        list(entries(str(path)))


def test_a_directory_that_is_broken_in_the_middle_gives_what_is_before(tmp_path: Path) -> None:
    path = Path(made(tmp_path / "s.zip", {"a": b"1", "b": b"2"}))
    data = path.read_bytes()
    at = data.rindex(b"PK\1\2")
    path.write_bytes(data[:at] + b"XX" + data[at + 2 :])
    each = entries(str(path))
    assert next(each).name == "a"
    with pytest.raises(DamagedZip, match="directory is damaged"):
        next(each)


def test_one_part_of_several_is_told(tmp_path: Path) -> None:
    path = Path(made(tmp_path / "s.zip", {"a": b"1"}))
    data = bytearray(path.read_bytes())
    data[-18] = 3
    path.write_bytes(data)
    with pytest.raises(DamagedZip, match="one part of several"):
        list(entries(str(path)))


def refusal(path: Path, data: bytes) -> InputError:
    path.write_bytes(data)
    (entry,) = entries(str(path))
    with pytest.raises(InputError) as caught:
        read(str(path), entry)
    return caught.value


def test_a_damaged_member_is_a_sentence(tmp_path: Path) -> None:
    plain = Path(made(tmp_path / "s.zip", {"name": b"content"}, zipfile.ZIP_STORED)).read_bytes()
    path = tmp_path / "d.zip"
    assert "check sum" in str(refusal(path, plain.replace(b"content", b"CONTENT")))
    assert "not where the directory says" in str(refusal(path, b"XX" + plain[2:]))
    packed = Path(made(tmp_path / "s.zip", {"name": bytes(5000)})).read_bytes()
    at = packed.index(b"name") + 4
    assert "damaged inside" in str(refusal(path, packed[:at] + b"\xff\xff" + packed[at + 2 :]))
    head = packed.rindex(b"PK\1\2")
    shorter = packed[: head + 24] + struct.pack("<L", 4000) + packed[head + 28 :]
    assert "does not have the size" in str(refusal(path, shorter))
    encrypted = packed[: head + 8] + b"\1" + packed[head + 9 :]
    assert "encrypted" in str(refusal(path, encrypted))
    other = packed[: head + 10] + b"\x5f" + packed[head + 11 :]
    assert "number 95" in str(refusal(path, other))
    longer = packed[: head + 20] + struct.pack("<L", 1 << 30) + packed[head + 24 :]
    assert "larger packed" in str(refusal(path, longer))


def test_members_that_would_become_far_larger_are_refused_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = made(tmp_path / "s.zip", {"a": bytes(1_000_000)})
    (entry,) = entries(path)
    assert len(read(path, entry)) == 1_000_000  # as a picture of one colour is
    with pytest.raises(InputError, match="the limit is 0 MiB") as caught:
        read(path, entry, 999_999)
    assert caught.value.kind == "too_large"
    monkeypatch.setattr(zips, "SMALL_MEMBER", 1000)
    with pytest.raises(InputError, match="times as large as it is packed") as caught:
        read(path, entry)
    assert caught.value.kind == "too_large"


def test_the_directory_is_not_held_as_a_whole(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for n in range(3000):
            archive.writestr(f"{n}", b"")
    path = tmp_path / "s.zip"
    path.write_bytes(stream.getvalue())
    each = entries(str(path))
    assert next(each).name == "0"
    with path.open("r+b") as file:
        # What was not come to yet may still change: it was not read.
        end = stream.getvalue().rindex(b"PK\1\2")
        file.seek(end)
        file.write(b"XXXX")
    with pytest.raises(DamagedZip):
        list(each)
