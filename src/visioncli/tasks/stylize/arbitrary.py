"""The style of any picture: Ghiasi et al., 2017, "Exploring the structure of a real-time, arbitrary neural artistic
stylization network", https://arxiv.org/abs/1705.06830."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from visioncli.errors import InputError, UsageError
from visioncli.families.onnx import open_session
from visioncli.families.onnx_averages import AveragingNetwork
from visioncli.families.time_limit import run_within
from visioncli.pictures import read
from visioncli.results import ModelInfo
from visioncli.tasks.stylize.interface import Painter

STYLE_SIZE = 256
"""Pixels on a side of what the network that sees styles takes."""


class StyleVectors:
    """Of a picture 100 numbers that stand for its style."""

    def __init__(self, path: Path, threads: int | None, timeout: float) -> None:
        self._session, self._timeout = open_session(path, threads), timeout

    def of(self, image: Image.Image) -> np.ndarray:
        """`(1, 1, 1, 100) float32`, of the largest square in the middle of a picture of mode RGB."""
        side = min(image.size)
        left, top = (image.width - side) / 2, (image.height - side) / 2
        square = image.resize(
            (STYLE_SIZE, STYLE_SIZE), Image.Resampling.LANCZOS, (left, top, left + side, top + side)
        )
        pixels = np.asarray(square, np.float32)[None] / 255
        vector: np.ndarray = run_within(self._timeout, self._session, {self._session.get_inputs()[0].name: pixels})[0]
        return vector


class Arbitrary(Painter):
    """A network that takes a picture `(1, h, w, 3)` and the numbers of a style.

    `styles` are vectors and their shares. What these leave of 1 belongs to the picture's own style: with nothing of
    others, a picture hardly changes. The paper mixes styles so, in its section 4.4.
    """

    method = "arbitrary"
    step = 4
    least = 16
    reach = 72
    canvas = 2048

    def __init__(
        self,
        info: ModelInfo,
        path: Path,
        styles: Sequence[tuple[np.ndarray, float]],
        own: float,
        vectors: StyleVectors,
        threads: int | None,
        timeout: float,
    ) -> None:
        self.info = info
        self._network = AveragingNetwork(path, threads, timeout)
        self._style: np.ndarray = np.zeros((1, 1, 1, 100), np.float32)
        for vector, share in styles:
            self._style += vector * np.float32(share)
        self._own, self._vectors = own, vectors

    def look(self, whole: np.ndarray) -> tuple[np.ndarray, Any]:
        """Painted; the averages of features over the picture, and the style's numbers."""
        style = self._style
        if self._own:
            own = self._vectors.of(Image.fromarray((whole * 255 + 0.5).astype(np.uint8)))
            style = (style + own * np.float32(self._own)).astype(np.float32)
        answer, averages = self._network.whole(whole[None], style)
        return answer[0], (averages, style)

    def paint(self, part: np.ndarray, seen: Any) -> np.ndarray:
        """Painted, with the averages of the whole."""
        averages, style = seen
        painted: np.ndarray = self._network.part(averages, part[None], style)[0]
        return painted


def read_painting(path: str) -> Image.Image:
    """A picture whose style is wanted, upright, of mode RGB. Raises UsageError where it cannot be read."""
    try:
        return read(path).image
    except InputError as problem:
        raise UsageError(f"--style {path}: {problem}") from None
