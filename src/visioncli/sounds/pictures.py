"""A spectrogram as a picture."""

import numpy as np
from PIL import Image


def as_picture(levels: np.ndarray) -> Image.Image:
    """`(T, mels) uint8` as a grey picture of mode RGB: time from left to right, high pitches on top."""
    return Image.fromarray(np.ascontiguousarray(levels.T[::-1])).convert("RGB")
