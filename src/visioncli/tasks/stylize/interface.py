"""What a network that makes a picture of a picture has to bring: `task.py` does the rest.

A new kind is one file here with a child of `Painter`, and a branch in `task.build`. `tiles.painted` runs it on
pictures of any size; colours, strength and files are nobody's business here.
"""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from visioncli.results import ModelInfo


class Painter(ABC):
    """A network for which a picture of any size becomes another one of the same size.

    Pictures come and go as `(h, w, 3) float32` of 0 to 1, RGB; what leaves that range is clipped later. Sides of what
    comes are multiples of `step`, and at least `least`. Calls come one at a time.

    A picture that is too large to be painted at once is seen as a whole first, reduced (`look`), and then painted in
    overlapping parts (`paint`), which fit together where a part's answer depends on nothing but its own pixels, those
    up to `reach` around, and what was seen.
    """

    info: ModelInfo
    method: str
    """How records call the kind of network."""
    step: int = 1
    """Sides are multiples of this, and parts begin at multiples of it."""
    least: int = 1
    """Pixels on a side, at least; smaller pictures are continued by their mirror images."""
    reach: int = 0
    """How many pixels away what is around a place still changes the answer there."""
    at_once: int | None = None
    """Pixels on a side of the largest square that is painted at once, where it takes more memory than others."""

    canvas: int | None = None
    """Pixels on the longer side up to which strokes are wide enough to be seen in a picture as a whole; larger
    pictures are painted so large and enlarged, unless wished otherwise. None where there are no strokes."""

    @abstractmethod
    def look(self, whole: np.ndarray) -> tuple[np.ndarray, Any]:
        """The whole picture painted, and what painting a part of it takes, such as means and variances of features.

        A large picture comes reduced.
        """

    @abstractmethod
    def paint(self, part: np.ndarray, seen: Any) -> np.ndarray:
        """A part of a picture painted, given what `look` has seen of the whole."""
