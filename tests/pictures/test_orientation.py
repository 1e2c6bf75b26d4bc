from pathlib import Path

import pytest
from PIL import Image

from visioncli.pictures.orientation import orientation_of_file


@pytest.mark.parametrize("orientation", [1, 6, 8])
def test_the_orientation_is_that_of_the_exif_block(orientation: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x112] = orientation
    Image.new("RGB", (6, 4)).save(tmp_path / "a.jpg", exif=exif)
    assert orientation_of_file(str(tmp_path / "a.jpg")) == orientation


@pytest.mark.parametrize("number", [0, 9, 77])
def test_impossible_ones_count_as_upright(number: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x112] = number
    Image.new("RGB", (6, 4)).save(tmp_path / "a.jpg", exif=exif)
    assert orientation_of_file(str(tmp_path / "a.jpg")) == 1


def test_what_is_no_picture_counts_as_upright(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("no picture")
    for path in (tmp_path / "a.jpg", tmp_path / "none.jpg", "https://example.org/a.jpg"):
        assert orientation_of_file(str(path)) == 1
