import io
from typing import Any

import pytest
from PIL import Image

from visioncli.pictures import footprint


def opened(mode: str, kind: str, size: tuple[int, int] = (64, 32), **options: Any) -> Image.Image:
    stream = io.BytesIO()
    Image.new(mode, size).save(stream, kind, **options)
    return Image.open(stream)


@pytest.mark.parametrize(
    ("mode", "kind", "options", "each"),
    [
        ("RGB", "JPEG", {}, 4),
        ("RGB", "PNG", {}, 8),
        ("L", "PNG", {}, 5),
        ("I;16", "PNG", {}, 6),
        ("F", "TIFF", {}, 8),
        ("RGB", "WEBP", {}, 16),
        ("RGB", "JPEG", {"progressive": True, "subsampling": 0}, 4 + 6),
        ("CMYK", "JPEG", {"progressive": True}, 4 + 8),
    ],
)
def test_bytes_a_pixel_follow_mode_and_format(mode: str, kind: str, options: dict[str, Any], each: int) -> None:
    needed = footprint.while_decoding(opened(mode, kind, **options), (64, 32))
    assert each * 64 * 32 <= needed <= each * 64 * 32 + 2 * 32 * 8


def test_the_scans_of_a_picture_that_is_decoded_smaller_are_those_of_the_whole() -> None:
    image = opened("RGB", "JPEG", (640, 640), progressive=True, subsampling=0)
    image.draft(None, (80, 80))
    assert footprint.while_decoding(image, (640, 640)) > 6 * 640 * 640


def test_a_narrow_picture_counts_as_wide_as_it_may_become() -> None:
    assert footprint.in_use(1, 1_000_000) > 4 * 1024 * 1_000_000
    assert footprint.in_use(1_000_000, 1) > 4 * 1024 * 1_000_000
    assert footprint.in_use(13_379, 13_379) < footprint.limit(179_000_000)


def test_memory_that_huge_pictures_left_goes_back_to_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(footprint, "_trim", lambda: asked.append)
    for needed in (100_000_000, 716_000_000):
        footprint.give_back(needed)
    assert asked == [0]
    monkeypatch.undo()
    footprint.give_back(716_000_000)
