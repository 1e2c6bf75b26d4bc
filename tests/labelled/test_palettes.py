"""What colours in masks mean."""

from pathlib import Path

import numpy as np
import pytest

from visioncli.datasets.interface import DatasetError
from visioncli.labelled.interface import SetError
from visioncli.labelled.palettes import IGNORED, Palette, parse, read_palette


def palette(text: str, **options: bool) -> Palette:
    return parse(text.encode(), "palette.txt", **options)


@pytest.mark.parametrize(
    "text",
    [
        "64 128 64\tAnimal\n0 0 0\tVoid\n128 128 128\tParking Block\n",
        "64 128 64 Animal\n\n# a remark\n0 0 0 Void\n128 128 128 Parking Block\n",
        "name,r,g,b\nAnimal,64,128,64\nVoid,0,0,0\nParking Block,128,128,128\n",
        "# label:color_rgb:parts:actions\nAnimal:64,128,64::\nVoid:0,0,0::\nParking Block:128,128,128::\n",
    ],
    ids=["CamVid", "lines", "table", "CVAT"],
)
def test_colours_and_names_in_the_words_of_the_field(text: str) -> None:
    found = palette(text)
    assert found.names == ("Animal", "Parking Block")
    assert found.colours == ((64, 128, 64), (0, 0, 0), (128, 128, 128))
    assert found.places == (0, IGNORED, 1)


def test_void_is_a_class_where_nothing_is_ignored() -> None:
    assert palette("0 0 0 void\n9 9 9 road", void=False).names == ("void", "road")


def test_several_colours_may_be_of_one_class() -> None:
    found = palette("0 0 0 ground\n9 9 9 road\n8 8 8 ground\n")
    pixels = np.array([[[8, 8, 8], [9, 9, 9], [0, 0, 0]]], np.uint8)
    assert found.numbers(pixels, "mask.png").tolist() == [[0, 1, 0]]


def test_a_colour_that_is_not_listed_is_named_with_its_place() -> None:
    pixels = np.zeros((4, 5, 3), np.uint8)
    pixels[2, 3] = (1, 2, 3)
    with pytest.raises(
        DatasetError, match=r"mask\.png: 1 pixels.*x 3, y 2.* 1 2 3, which palette\.txt does not list"
    ):
        palette("0 0 0 ground\n9 9 9 road").numbers(pixels, "mask.png")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0 0 0 ground\n1 2 road\n", "line 2: '1 2 road' is not"),
        ("0 0 0 ground\n0 0 256 road\n", "line 2: red, green and blue"),
        ("0 0 0 ground\n0 0 0 road\n", "line 2: the colour 0 0 0 is road, and ground before"),
        ("0 0 0 void\n1 1 1 road\n", "colours of 1 classes"),
        ("", "colours of 0 classes"),
    ],
)
def test_what_is_no_palette_is_a_sentence_with_its_line(text: str, words: str) -> None:
    with pytest.raises(SetError, match=words):
        palette(text)


def test_a_palette_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SetError, match="cannot be read"):
        read_palette(str(tmp_path / "missing.txt"))
    with pytest.raises(SetError, match="is a folder"):
        read_palette(str(tmp_path))
    (tmp_path / "odd.txt").write_bytes(b"\xff\xfe1 2 3 road")
    with pytest.raises(SetError, match="not UTF-8"):
        read_palette(str(tmp_path / "odd.txt"))
