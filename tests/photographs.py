"""Pictures that are made up, and of which no two are alike."""

import numpy as np
from PIL import Image


def photograph(seed: int, size: tuple[int, int] = (320, 240)) -> Image.Image:
    """Soft shapes of many sizes, as photographs have them."""
    rng = np.random.default_rng(seed)
    pixels = np.zeros((size[1], size[0], 3), np.float64)
    for side in (4, 8, 16, 40):
        noise = rng.normal(0, 255, (side * 3 // 4, side, 3))
        layers = [
            Image.fromarray(noise[..., c].astype(np.float32), "F").resize(size, Image.Resampling.BICUBIC)
            for c in range(3)
        ]
        pixels += np.stack([np.asarray(layer) for layer in layers], axis=-1) / side**0.5
    pixels = (pixels - pixels.mean()) / pixels.std() * 45 + 120
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
