"""What is in an example's picture, and its hash."""

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from small_sets import png
from visioncli.errors import InputError
from visioncli.labelled import content
from visioncli.labelled.interface import Content, Example


def quarters() -> Image.Image:
    """Four colours: red and green above, blue and white below; 40 x 20."""
    image = Image.new("RGB", (40, 20), "white")
    image.paste("red", (0, 0, 20, 10))
    image.paste("lime", (20, 0, 40, 10))
    image.paste("blue", (0, 10, 20, 20))
    return image


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def giving(data: bytes | np.ndarray) -> Content:
    return lambda: data


def test_a_file_bytes_and_an_array_are_the_same_picture(tmp_path: Path) -> None:
    data = encoded(quarters())
    (tmp_path / "a.png").write_bytes(data)
    examples = [
        Example(str(tmp_path / "a.png"), "a.png"),
        Example("s.zip!/a.png", "a.png", content=giving(data)),
        Example("s!/0", "0", content=giving(np.asarray(quarters()))),
    ]
    for example in examples:
        assert np.array_equal(content.load(example).rgb, np.asarray(quarters()))


def test_a_box_is_cut_from_the_upright_picture() -> None:
    turned = quarters().transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by 90 degrees to the right
    data = encoded(turned, exif=exif)
    part = content.load(Example("a", "a", content=giving(data), box=(20.4, 0.0, 40.0, 9.2)))
    assert part.image.size == (20, 10)
    assert np.array_equal(part.rgb, np.full((10, 20, 3), (0, 255, 0)))
    assert (part.width, part.height) == (20, 10)


def test_a_box_is_cut_from_the_whole_picture_also_where_a_small_one_would_do() -> None:
    data = encoded(Image.new("RGB", (800, 600)), "JPEG")
    whole = Example("a", "a", content=giving(data))
    part = Example("a", "a", content=giving(data), box=(0, 0, 700, 500))
    assert content.load(whole, enough=100).image.size == (200, 150)
    assert content.load(part, enough=100).image.size == (700, 500)


@pytest.mark.parametrize("box", [(50, 0, 60, 10), (0, 0, 0, 10), (-9, -9, -1, -1)])
def test_a_box_outside_of_the_picture_is_a_sentence(box: tuple[float, float, float, float]) -> None:
    with pytest.raises(InputError, match="lies outside of the picture, which is 40 x 20"):
        content.load(Example("a", "a", content=giving(encoded(quarters())), box=box))


@pytest.mark.parametrize(
    ("data", "kind"), [(b"", "empty_file"), (b"hello", "unreadable_picture"), (png(size=(90, 80))[:-40], None)]
)
def test_damaged_bytes_fail_as_files_do(tmp_path: Path, data: bytes, kind: str | None) -> None:
    (tmp_path / "a.png").write_bytes(data)
    said = []
    for example in (Example(str(tmp_path / "a.png"), "a"), Example("a", "a", content=giving(data))):
        with pytest.raises(InputError) as caught:
            content.load(example)
        said.append((caught.value.kind, str(caught.value)))
    assert said[0] == said[1]
    assert kind is None or said[0][0] == kind


def test_limits_hold_for_bytes_and_arrays() -> None:
    for data in (png(size=(90, 80)), np.zeros((80, 90, 3), np.uint8)):
        with pytest.raises(InputError) as caught:
            content.load(Example("a", "a", content=giving(data)), max_pixels=7_000)
        assert caught.value.kind == "too_large"


def test_the_hash_is_that_of_the_bytes_wherever_they_lie(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    expected = hashlib.sha256(png()).hexdigest()
    assert content.sha256(Example(str(tmp_path / "a.png"), "a")) == expected
    assert content.sha256(Example("s.zip!/b.png", "b", content=giving(png()))) == expected


def test_the_hash_tells_boxes_and_shapes_apart() -> None:
    boxes = [None, (0.0, 0.0, 4.0, 4.0), (0.0, 0.0, 4.0, 5.0)]
    arrays = [np.zeros((2, 6, 3), np.uint8), np.zeros((6, 2, 3), np.uint8)]
    hashes = {content.sha256(Example("a", "a", content=giving(png()), box=box)) for box in boxes}
    hashes |= {content.sha256(Example("a", "a", content=giving(array))) for array in arrays}
    assert len(hashes) == 5
