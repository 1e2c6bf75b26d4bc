import bz2
import gzip
import io
import lzma
import os
import tarfile
import wave
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from conftest import Ended, make_picture
from visioncli.errors import InputError
from visioncli.pictures import read
from visioncli.pictures.file_kinds import HEAD, describe, explain_device, explain_missing

Vision = Callable[..., Ended]


def _bytes(write: Callable[[io.BytesIO], Any]) -> bytes:
    memory = io.BytesIO()
    write(memory)
    return memory.getvalue()


def _zip(name: str) -> bytes:
    def write(memory: io.BytesIO) -> None:
        with zipfile.ZipFile(memory, "w") as file:
            file.writestr(name, "x")

    return _bytes(write)


def _tar(memory: io.BytesIO) -> None:
    with tarfile.open(fileobj=memory, mode="w") as file:
        file.addfile(tarfile.TarInfo("cat.jpg"))


def _wav(memory: io.BytesIO) -> None:
    with wave.open(memory, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"\0" * 100)


FILES = {
    "an MP4 video": b"\0\0\0\x20ftypisom" + bytes(100),
    "a QuickTime video": b"\0\0\0\x14ftypqt  " + bytes(100),
    "an AVI video": b"RIFF\0\1\0\0AVI LIST" + bytes(50),
    "a Matroska or WebM video": b"\x1a\x45\xdf\xa3" + bytes(50),
    "an MPEG video": b"\0\0\1\xb3\x16\0\xf0\xc4" + bytes(50),
    "an MPEG transport stream": (b"G" + b"\1" * 187) * 4,
    "a HEIC picture": b"\0\0\0\x18ftypheic" + bytes(50),
    "sound (WAV)": _bytes(_wav),
    "sound (MP3)": b"ID3\x04" + bytes(50),
    "a PDF document": b"%PDF-1.4\n",
    "an Office document": _zip("[Content_Types].xml"),
    "a PyTorch file": _zip("archive/data.pkl"),
    "a file of NumPy arrays": _bytes(lambda memory: np.savez(memory, np.zeros(3))),
    "a NumPy array": _bytes(lambda memory: np.save(memory, np.zeros(3))),
    "a zip archive": _zip("cat.jpg"),
    "a tar archive": _bytes(_tar),
    "compressed (gzip)": gzip.compress(b"x"),
    "compressed (bzip2)": bz2.compress(b"x"),
    "compressed (xz)": lzma.compress(b"x"),
    "a DICOM file": bytes(128) + b"DICM" + bytes(50),
    "an HDF5 file": b"\x89HDF\r\n\x1a\n" + bytes(100),
    "a file of weather data": b"GRIB\0\0\0\x01" + bytes(50),
    "a camera's raw file (CR3)": b"\0\0\0\x18ftypcrx " + bytes(50),
    "a camera's raw file (CR2)": b"II*\0\x10\0\0\0CR\x02\0" + bytes(100),
    "a camera's raw file": b"FUJIFILMCCD-RAW 0201",
    "a JPEG XL picture": b"\xff\x0a" + b"\1" * 50,
    "a safetensors file": b"\x10\0\0\0\0\0\0\0" + b'{"__metadata__":{}}',
    "a program": b"\x7fELF" + bytes(50),
    "a placeholder of Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n",
    "nothing but zero bytes": bytes(5000),
    "a drawing (SVG)": b'<?xml version="1.0"?>\n<svg xmlns="x"></svg>',
    "a web page": b"\n<!DOCTYPE html><html><svg></svg>",
    "an XML file": b"<annotation/>",
    "a JSON file": b' {"a": 1}',
    "text": "photos/ä.jpg\n".encode(),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_called_what_it_is_whatever_its_suffix(name: str, tmp_path: Path) -> None:
    path = tmp_path / "cat.jpg"
    path.write_bytes(FILES[name])
    with pytest.raises(InputError) as caught:
        read(str(path))
    assert caught.value.kind == "unreadable_picture"
    sentence = str(caught.value)
    assert sentence.startswith(f"This is {name}")
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert sentence.isascii()


def test_a_damaged_picture_is_not_taken_for_something_else(tmp_path: Path) -> None:
    path = tmp_path / "cat.png"
    for kind in ("PNG", "GIF", "TIFF", "BMP", "WEBP", "JPEG", "ICO", "PPM", "JPEG2000", "TGA"):
        data = _bytes(lambda memory, kind=kind: make_picture(1).save(memory, kind))  # type: ignore[misc]
        path.write_bytes(data[: len(data) // 2])
        try:
            read(str(path))
        except InputError as problem:
            assert not str(problem).startswith("This is a"), kind


def test_noise_is_not_called_anything() -> None:
    unknown = [describe(np.random.default_rng(n).bytes(HEAD)) is None for n in range(200)]
    assert all(unknown)


def test_the_preview_in_a_cameras_raw_file_is_not_taken_for_the_picture(tmp_path: Path) -> None:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[254], tags[330] = 1, 8  # a small copy, and where the others are
    make_picture(1).save(tmp_path / "raw.dng", "TIFF", tiffinfo=tags)
    with pytest.raises(InputError, match=r"raw file .* not developed"):
        read(str(tmp_path / "raw.dng"))


def test_a_tiff_of_several_sizes_that_begins_with_the_whole_is_read(tmp_path: Path) -> None:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[254], tags[330] = 0, 8
    make_picture(1).save(tmp_path / "whole.tif", tiffinfo=tags)
    assert read(str(tmp_path / "whole.tif")).width == 48


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("rtsp://host/live", "rtsp:// are not fetched"),
        ("scp://host/cat.jpg", "scp"),
        ("weird+scheme://x", "weird+scheme:// are not fetched"),
        ("http:/host/cat.jpg", "two slashes"),
        ("rtsp://camera/1", "ffmpeg"),
        ("data:image/png;base64,AAAA", "data address"),
        ("data:" + "A" * 100_000, "data address"),
        ("0", "A camera is named by its number, camera:0"),
        ("file://other/cat.jpg", "file:///PATH"),
        ("cat.jpg", "There is no such file."),
        ("2024", "There is no such file."),
    ],
)
def test_names_that_are_no_files_are_explained(path: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read(path if "://" in path or ":" in path else os.path.join(tmp_path, path) if path != "0" else path)
    assert caught.value.kind == "not_found"
    assert words in str(caught.value)


def test_a_link_that_leads_nowhere_is_named_with_its_target(tmp_path: Path) -> None:
    (tmp_path / "cat.jpg").symlink_to("../nowhere/cat.jpg")
    (tmp_path / "photos").symlink_to("/nowhere")
    with pytest.raises(InputError, match=r"This is a link to \.\./nowhere/cat.jpg, where there is nothing"):
        read(str(tmp_path / "cat.jpg"))
    with pytest.raises(InputError, match="photos is a link to /nowhere, where there is nothing"):
        read(str(tmp_path / "photos" / "a.jpg"))


def test_a_camera_is_told_from_other_devices() -> None:
    assert "camera" in explain_device("/dev/video0")
    assert "camera" not in explain_device("/dev/null")
    assert "no such file" in explain_missing("/dev/video9x")


def test_heic_is_refused_with_the_name_of_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)
    (tmp_path / "a.jpg").write_bytes(FILES["a HEIC picture"])
    with pytest.raises(InputError, match=r"visioncli\[heif\]"):
        read(str(tmp_path / "a.jpg"))


def test_heic_is_read_where_the_extra_is_installed(tmp_path: Path, vision_process: Vision) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    image = make_picture(3, (96, 64))
    heif = pillow_heif.from_pillow(image)
    heif.save(tmp_path / "a.heic", quality=95)
    found = read(str(tmp_path / "a.heic"))
    assert (found.width, found.height) == image.size
    assert np.abs(found.rgb.astype(int) - np.asarray(image)).mean() < 6
    ended = vision_process("classify", "a.heic", "-o", "-")
    assert ended.status == 0


def test_honest_pictures_are_never_looked_at_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(head: bytes) -> None:
        raise AssertionError

    monkeypatch.setattr("visioncli.pictures.file_kinds.describe", refuse)
    monkeypatch.setattr("visioncli.pictures.file_kinds.is_heif", refuse)
    for kind in ("png", "jpg", "tif", "gif", "webp"):
        make_picture(1).save(tmp_path / f"a.{kind}")
        assert isinstance(read(str(tmp_path / f"a.{kind}")).image, Image.Image)
