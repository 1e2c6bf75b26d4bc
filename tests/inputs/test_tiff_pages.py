"""Each page of a TIFF as a file of its own."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from visioncli import pictures
from visioncli.inputs.tiff_pages import DamagedTiff, PageFile, places

COLOURS = ("red", "lime", "blue")


def made(path: Path, **how: object) -> Path:
    images = [Image.new("RGB", (20 + n, 10), colour) for n, colour in enumerate(COLOURS)]
    images[0].save(path, save_all=True, append_images=images[1:], **how)  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize(
    "how", [{}, {"compression": "tiff_lzw"}, {"compression": "jpeg"}, {"big_tiff": True}], ids=str
)
def test_each_page_is_read_as_if_it_were_the_only_one(tmp_path: Path, how: dict[str, object]) -> None:
    path = made(tmp_path / "a.tif", **how)
    with path.open("rb") as file:
        found = [pictures.read(PageFile(str(path), place)) for place in places(file)]  # type: ignore[arg-type]
    assert [p.image.size for p in found] == [(20, 10), (21, 10), (22, 10)]
    for picture, colour in zip(found, COLOURS, strict=True):
        expected = np.asarray(Image.new("RGB", (1, 1), colour))[0, 0]
        assert np.abs(picture.rgb.astype(int) - expected).max() <= 4
    assert pictures.read(str(path)).image.size == (20, 10)


def test_the_bytes_differ_in_the_header_alone(tmp_path: Path) -> None:
    path = made(tmp_path / "a.tif")
    with path.open("rb") as file:
        second = list(places(file))[1]
    with PageFile(str(path), second) as page:
        data = page.read()
        assert page.seek(2) == page.tell() == 2
        assert page.read(4) == data[2:6]
    assert data[:4] + data[8:] == path.read_bytes()[:4] + path.read_bytes()[8:]
    assert Image.open(io.BytesIO(data)).size == (21, 10)


def test_a_chain_that_leads_back_or_out_of_the_file_ends_with_a_sentence(tmp_path: Path) -> None:
    header, directory = b"II*\0" + struct.pack("<L", 8), struct.pack("<H", 0)
    for after, words in ((8, "back to themselves"), (1 << 30, "cut off")):
        each = places(io.BytesIO(header + directory + struct.pack("<L", after)))
        assert next(each) == 8
        with pytest.raises(DamagedTiff, match=words):
            list(each)


@pytest.mark.parametrize("data", [b"", b"II*", b"hello, world", b"II+\0\x08\0\0\0", b"MM\0*\0"])
def test_what_is_no_tiff_is_damaged(data: bytes) -> None:
    with pytest.raises(DamagedTiff):
        list(places(io.BytesIO(data)))
