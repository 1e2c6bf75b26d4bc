"""Networks that tell classes apart pixel by pixel, behind one face."""

from abc import ABC, abstractmethod

import numpy as np
from PIL import Image

from visioncli.engines.interface import Engine
from visioncli.models.registry import InputSpec
from visioncli.tasks.preprocess import INTERPOLATION, normalise
from visioncli.tasks.segment import deeplab


class Segmenter(ABC):
    """A segmentation network with its own pre- and postprocessing; class 0 is the background, where there is one."""

    _stride = 1
    own_scale = False
    """Whether pictures are taken as large as they are, so that large ones need tiles."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.parallel, self.precision = engine.parallel, engine.precision

    @abstractmethod
    def prepare(self, image: Image.Image, size: int) -> np.ndarray:
        """A picture of mode RGB -> `(3, h, w) float32`, in the picture's own shape."""

    def logits(self, x: np.ndarray) -> np.ndarray:
        """`(3, h, w)` -> `(C, h', w') float32`."""
        (logits,) = self._engine.run(x[None])
        first: np.ndarray = logits[0]
        return first

    def classes(self, logits: np.ndarray, height: int, width: int) -> np.ndarray:
        """The best class of each pixel, `(height, width) uint8`."""
        return deeplab.resize_logits(logits, height, width, self._stride)

    def enlarged(self, logits: np.ndarray, height: int, width: int) -> np.ndarray:
        """Logits for each pixel, `(C, height, width) float32`, in an array of its own."""
        return deeplab.enlarge(logits, height, width, self._stride)

    def alpha(self, logits: np.ndarray, height: int, width: int) -> np.ndarray:
        """How much each pixel is foreground, `(height, width) uint8` of 0 to 255."""
        return deeplab.resize_alpha(logits, height, width, stride=self._stride)


class DeeplabSegmenter(Segmenter):
    """The embedded DeepLab; `size` is the side of a square of about as many pixels."""

    _stride = deeplab.STRIDE

    def prepare(self, image: Image.Image, size: int) -> np.ndarray:
        return deeplab.preprocess(image, deeplab.input_size(image.height, image.width, size))


class PlainSegmenter(Segmenter):
    """Torchvision's and similar networks: `size` is that of the shorter side; logits tile the picture."""

    # A panorama's longer side may grow to this many times the shorter one; beyond, it is squeezed.
    _LONGEST = 4

    def __init__(self, engine: Engine, spec: InputSpec) -> None:
        super().__init__(engine)
        self._spec = spec

    def prepare(self, image: Image.Image, size: int) -> np.ndarray:
        scale = size / min(image.size)
        new_width, new_height = (min(max(1, int(n * scale)), self._LONGEST * size) for n in image.size)
        resized = image.resize((new_width, new_height), INTERPOLATION[self._spec.interpolation])
        return normalise(resized, self._spec)


class DenseSegmenter(PlainSegmenter):
    """U-Nets: logits for each pixel of what they are given; `size` 0 leaves the picture as large as it is."""

    MULTIPLE = 32
    """Sides that every one of these networks takes; the picture is continued to them with its edge."""

    def __init__(self, engine: Engine, spec: InputSpec, size: int) -> None:
        super().__init__(engine, spec)
        self.own_scale = size == 0

    def prepare(self, image: Image.Image, size: int) -> np.ndarray:
        return super().prepare(image, size) if size else normalise(image, self._spec)

    def logits(self, x: np.ndarray) -> np.ndarray:
        height, width = x.shape[1:]
        framed = np.pad(x, ((0, 0), (0, -height % self.MULTIPLE), (0, -width % self.MULTIPLE)), mode="edge")
        return super().logits(framed)[:, :height, :width]
