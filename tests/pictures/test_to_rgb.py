import numpy as np
import pytest
from PIL import Image

from visioncli.pictures.to_rgb import to_rgb

SOURCE = np.random.default_rng(3).integers(0, 256, (23, 31, 4), dtype=np.uint8)


def example(mode: str) -> Image.Image:
    if mode == "F":
        values = SOURCE[..., 0].astype(np.float32) * 3 - 100
        values[5, 5], values[20, 30] = np.nan, np.inf
        return Image.fromarray(values)
    if mode == "I":
        return Image.fromarray(SOURCE[..., 0].astype(np.int32) * 1000 - 70_000)
    if mode == "I;16":
        return Image.fromarray(SOURCE[..., 0].astype(np.uint16) * 250)
    image = Image.fromarray(SOURCE, "RGBA")
    if mode == "P":
        image = image.convert("RGB").quantize(16)
        image.info["transparency"] = 3
        return image
    return image.convert(mode)


@pytest.mark.parametrize("tile", [7, 31, 100])
@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "F", "I", "I;16"])
def test_tiles_change_no_pixel(mode: str, tile: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.asarray(to_rgb(example(mode)))
    monkeypatch.setattr("visioncli.pictures.to_rgb._TILE", tile)
    assert (np.asarray(to_rgb(example(mode))) == whole).all()
    assert whole.shape == (23, 31, 3)
    assert whole.std() > 0
