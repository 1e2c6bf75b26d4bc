"""Several detectors, and mirror images, as one detector."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL.Image import Image

from visioncli.tasks.detect.detectors import Boxes, Detector, Limits
from visioncli.tasks.detect.fusion import fuse, member_limits, mirrored, shifted
from visioncli.tasks.members import joint_precision


@dataclass(frozen=True, slots=True)
class Member:
    """A detector among others: what is added to its log-odds, and their id of each of its classes, if it differs."""

    detector: Detector
    log_odds: float = 0.0
    ids: dict[int, int] | None = None

    def detect(self, inputs: Sequence[Any], sizes: Sequence[tuple[int, int]], limits: Limits) -> list[Boxes]:
        """Its boxes with the others' ids and comparable scores."""
        own = limits if self.ids is None else replace(limits, classes=self._own(limits.classes))
        found = self.detector.detect(inputs, sizes, own)
        return [Boxes(f.boxes, shifted(f.scores, self.log_odds), self._theirs(f.label_ids)) for f in found]

    def _own(self, classes: frozenset[int] | None) -> frozenset[int] | None:
        assert self.ids is not None
        return classes if classes is None else frozenset(i for i, other in self.ids.items() if other in classes)

    def _theirs(self, label_ids: np.ndarray) -> np.ndarray:
        if self.ids is None:
            return label_ids
        # Ids without a name are nobody's.
        return np.array([self.ids.get(i, -1) for i in label_ids.tolist()], np.int64)


class Together(Detector):
    """The fused boxes of all members, on the picture and, with `flip`, on its mirror image.

    Members prepare a mirror image by themselves, so that each frames it in its own way.
    """

    def __init__(self, members: Sequence[Member], *, flip: bool) -> None:
        self._members, self._flip = list(members), flip
        self.parallel = min(member.detector.parallel for member in self._members)
        self.precision = joint_precision(member.detector.precision for member in self._members)

    def prepare(self, image: Image) -> list[Any]:
        """What each member takes of the picture, one after the other, then what each takes of its mirror image."""
        detectors = [member.detector for member in self._members]
        plain = [detector.prepare(image) for detector in detectors]
        if not self._flip:
            return plain
        return plain + [d.prepare_mirrored(image, x) for d, x in zip(detectors, plain, strict=True)]

    def detect(self, inputs: Sequence[list[Any]], sizes: Sequence[tuple[int, int]], limits: Limits) -> list[Boxes]:
        """View after view over all inputs, then the fusion of each."""
        inner = member_limits(limits)
        views = []
        for n, column in enumerate(zip(*inputs, strict=True)):
            found = self._members[n % len(self._members)].detect(column, sizes, inner)
            if n >= len(self._members):
                found = [mirrored(f, width) for f, (width, _) in zip(found, sizes, strict=True)]
            views.append(found)
        return [fuse(row, limits) for row in zip(*views, strict=True)]
