"""Networks that tell what a picture shows from the rest of it, whatever it is.

Qin et al., "U²-Net: Going Deeper with Nested U-Structure for Salient Object Detection", 2020,
https://arxiv.org/abs/2005.09007; pictures are prepared, and answers stretched, as its authors do it.
"""

from dataclasses import replace

import numpy as np
from PIL import Image

from visioncli.engines.interface import Engine
from visioncli.models.row import InputSpec
from visioncli.tasks.preprocess import INTERPOLATION, normalise
from visioncli.tasks.segment.segmenters import Segmenter

FOUND = 0.5
"""Where no pixel is salient to this degree nothing was found, and the answer is not stretched."""


class SaliencySegmenter(Segmenter):
    """U²-Net and its like: the whole picture squashed to one size; "logits" are each pixel's saliency, 0 to 1."""

    def __init__(self, engine: Engine, spec: InputSpec) -> None:
        super().__init__(engine)
        self._spec = spec

    def prepare(self, image: Image.Image, size: int) -> np.ndarray:
        """`(3, S, S) float32`, where the brightest number of the squashed picture counts as white; `size` is given by
        the network."""
        squashed = image.resize((self._spec.size, self._spec.size), INTERPOLATION[self._spec.interpolation])
        share = (int(np.asarray(squashed).max()) or 255) / 255
        (m1, m2, m3), (s1, s2, s3) = self._spec.mean, self._spec.std
        spec = replace(
            self._spec, mean=(m1 * share, m2 * share, m3 * share), std=(s1 * share, s2 * share, s3 * share)
        )
        return normalise(squashed, spec)

    def logits(self, x: np.ndarray) -> np.ndarray:
        """`(3, h, w)` -> `(1, h, w) float32`: 0 for the least salient pixel and 1 for the most, where one is."""
        saliency: np.ndarray = self._engine.run(x[None])[0][0]
        most, least = float(saliency.max()), float(saliency.min())
        return (saliency - least) / (most - least) if most >= FOUND and most > least else saliency

    def classes(self, logits: np.ndarray, height: int, width: int) -> np.ndarray:
        """1 where a pixel is rather foreground than not."""
        mask: np.ndarray = (self.alpha(logits, height, width) >= 128).astype(np.uint8)
        return mask

    def alpha(self, logits: np.ndarray, height: int, width: int) -> np.ndarray:
        """The saliency itself, which has soft edges."""
        grey = np.rint(np.clip(logits[0], 0, 1) * 255).astype(np.uint8)
        return np.asarray(Image.fromarray(grey).resize((width, height), Image.Resampling.BILINEAR))
