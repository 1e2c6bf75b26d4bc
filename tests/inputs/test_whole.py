import io
from pathlib import Path

import pytest
from PIL import Image

from conftest import make_picture
from visioncli.inputs.whole import ends

FORMATS = ("JPEG", "PNG", "WEBP", "BMP")


def encoded(kind: str) -> bytes:
    buffer = io.BytesIO()
    picture = make_picture(1, (200, 150))
    exif = Image.Exif()
    exif[0x010E] = "described"
    picture.save(buffer, kind, **({"progressive": True, "exif": exif} if kind == "JPEG" else {}))
    return buffer.getvalue()


@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_is_whole_at_its_last_byte_and_not_before(kind: str, tmp_path: Path) -> None:
    whole = encoded(kind)
    path = tmp_path / "picture"
    path.write_bytes(whole)
    assert ends(str(path))
    for length in {0, 1, 3, 11, len(whole) // 3, len(whole) // 2, len(whole) - 1}:
        path.write_bytes(whole[:length])
        assert not ends(str(path)), length


def test_the_end_of_a_thumbnail_is_not_that_of_its_picture(tmp_path: Path) -> None:
    whole, thumbnail = encoded("JPEG"), encoded("JPEG")
    segment = b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    path = tmp_path / "picture.jpg"
    path.write_bytes(whole[:2] + segment)
    assert not ends(str(path))
    path.write_bytes(whole[:2] + segment + whole[2:])
    assert ends(str(path))


def test_space_that_was_set_aside_for_a_file_is_no_end(tmp_path: Path) -> None:
    whole = encoded("PNG")
    path = tmp_path / "picture.png"
    path.write_bytes(whole[:400] + bytes(len(whole) - 400))
    assert not ends(str(path))


def test_a_file_that_is_gone_or_of_another_kind_tells_nothing(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("This is no picture.")
    assert not ends(str(tmp_path / "notes"))
    assert not ends(str(tmp_path / "nowhere"))
