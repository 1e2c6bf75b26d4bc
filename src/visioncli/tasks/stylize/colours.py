"""What is left of the photo in the painting: its colours, or a share of the whole."""

import numpy as np
from PIL import Image


def with_colours_of(photo: Image.Image, painting: Image.Image) -> Image.Image:
    """The painting's luminance with the photo's colours: Y of the one, Cb and Cr of the other (JPEG's YCbCr,
    ITU-R BT.601 in full range). Gatys et al., 2016, https://arxiv.org/abs/1606.05897, section 4."""
    luminance = painting.convert("YCbCr").getchannel(0)
    _, blue, red = photo.convert("YCbCr").split()
    return Image.merge("YCbCr", (luminance, blue, red)).convert("RGB")


def finished(photo: Image.Image, painting: np.ndarray, *, strength: float, keep_colours: bool) -> np.ndarray:
    """`(H, W, 3) uint8`: of the painting the share `strength`, 0 to 1, laid over the photo, both of one size.

    0 is the photo itself, bit by bit.
    """
    if strength == 0:
        return np.asarray(photo)
    if strength == 1 and not keep_colours:
        return painting
    image = Image.fromarray(painting)
    if keep_colours:
        image = with_colours_of(photo, image)
    return np.asarray(image if strength == 1 else Image.blend(photo, image, strength))
