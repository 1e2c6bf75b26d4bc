"""Large comparisons in parts: whole pictures at a time, so that memory does not grow with their number."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from visioncli.datasets.interface import I64

PAIRS_A_SLICE = 1 << 22
"""So many pairs of a detection and a truth of one picture a slice may have; a single picture may have more."""


@dataclass(frozen=True, slots=True, eq=False)
class Slice:
    """Row numbers of the truths and detections of some pictures, in rising order; `whole` where they are all rows."""

    truth: I64
    detection: I64
    whole: bool


def slices(truth_image: I64, detection_image: I64) -> Iterator[Slice]:
    """Parts of a comparison that share no picture and together are everything; one where it is small."""
    pictures = 1 + max(int(truth_image.max(initial=-1)), int(detection_image.max(initial=-1)))
    work = np.bincount(truth_image, minlength=pictures) * np.bincount(detection_image, minlength=pictures)
    if work.sum() <= PAIRS_A_SLICE:
        yield Slice(np.arange(len(truth_image)), np.arange(len(detection_image)), whole=True)
        return
    slice_of = np.cumsum(work) // PAIRS_A_SLICE
    sides = [_grouped(slice_of[image], int(slice_of[-1]) + 1) for image in (truth_image, detection_image)]
    for truth, detection in zip(*sides, strict=True):
        yield Slice(truth, detection, whole=False)


def _grouped(group: I64, count: int) -> list[I64]:
    order = np.argsort(group, kind="stable")
    return np.split(order, np.searchsorted(group[order], np.arange(1, count)))
