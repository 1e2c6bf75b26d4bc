"""How most networks want their picture: resized, its centre cropped, normalised."""

import numpy as np
from PIL import Image

from visioncli.models.row import InputSpec
from visioncli.pictures import planes

INTERPOLATION = {
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "nearest": Image.Resampling.NEAREST,
    "lanczos": Image.Resampling.LANCZOS,
}


def crop_box(width: int, height: int, spec: InputSpec) -> tuple[float, float, float, float]:
    """The part of a picture that the network sees, x1, y1, x2, y2 in the picture's pixels.

    Sizes and offsets follow torchvision's `Resize` and `CenterCrop`, on which the published accuracies rest.
    """
    if spec.resize:
        short = min(height, width)
        new_width, new_height = (max(spec.size, int(spec.resize * n / short)) for n in (width, height))
    else:
        new_width = new_height = spec.size
    left, top = round((new_width - spec.size) / 2.0), round((new_height - spec.size) / 2.0)
    across, down = width / new_width, height / new_height
    return left * across, top * down, (left + spec.size) * across, (top + spec.size) * down


def preprocess(image: Image.Image, spec: InputSpec) -> np.ndarray:
    """A picture of mode RGB -> `(3, S, S) float32`: the shorter side resized, the centre cropped, normalised."""
    # Only the part that the crop keeps is resized: a panorama would otherwise grow without bound.
    box = crop_box(*image.size, spec)
    crop = image.resize((spec.size, spec.size), INTERPOLATION[spec.interpolation], box=box)
    return normalise(crop, spec)


def normalise(image: Image.Image, spec: InputSpec) -> np.ndarray:
    """An RGB image as `(3, h, w) float32`, `(pixel / 255 - mean) / std` for each channel."""
    std = np.array(spec.std, np.float32)[:, None, None]
    mean = np.array(spec.mean, np.float32)[:, None, None]
    x = planes(image)
    x *= np.float32(1 / 255) / std
    x -= mean / std
    return x
