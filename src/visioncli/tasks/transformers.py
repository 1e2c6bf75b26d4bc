"""What tasks share where a network is one of transformers: its own picture processor."""

from collections.abc import Callable

import numpy as np
from PIL.Image import Image

from visioncli.models.registry import Hub


def preprocessor(source: Hub) -> Callable[[Image], np.ndarray]:
    """What turns a picture of mode RGB into the network's input `(3, h, w) float32`."""
    from visioncli.families import transformers as hf

    hf.processor(source)  # fails here rather than in a decoding thread
    return lambda image: hf.prepare(source, np.array(image))
