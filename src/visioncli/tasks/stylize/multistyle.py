"""Styles with names, by one network that learned them all: Dumoulin et al., 2017, "A Learned Representation for
Artistic Style", https://arxiv.org/abs/1610.07629."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from visioncli.families.onnx_averages import AveragingNetwork
from visioncli.results import ModelInfo
from visioncli.tasks.stylize.interface import Painter


class MultiStyle(Painter):
    """A network that takes a picture `(1, 3, h, w)` and how much of each style there shall be, `(styles,)`.

    `shares` are those of the styles by their number, and add up to 1.
    """

    method = "multistyle"
    step = 4
    # What the 9 x 9 and the strided layers mirror at the borders has to be there.
    least = 16
    reach = 72
    canvas = 2048

    def __init__(
        self,
        info: ModelInfo,
        path: Path,
        shares: Mapping[int, float],
        styles: int,
        threads: int | None,
        timeout: float,
    ) -> None:
        self.info = info
        self._network = AveragingNetwork(path, threads, timeout)
        self._shares = np.zeros(styles, np.float32)
        for number, share in shares.items():
            self._shares[number] = share

    def look(self, whole: np.ndarray) -> tuple[np.ndarray, Any]:
        """Painted; the averages of features over the picture."""
        answer, averages = self._network.whole(_planes(whole), self._shares)
        return answer[0].transpose(1, 2, 0), averages

    def paint(self, part: np.ndarray, seen: Any) -> np.ndarray:
        """Painted, with the averages of the whole."""
        (answer,) = self._network.part(seen, _planes(part), self._shares)
        painted: np.ndarray = answer.transpose(1, 2, 0)
        return painted


def _planes(pixels: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None], np.float32)
