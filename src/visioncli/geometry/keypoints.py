"""Object keypoint similarity (OKS), as the COCO keypoint challenge defines it."""

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]

NAMES = (
    "nose",
    "left_eye",
    "right_eye",
    "left_ear",
    "right_ear",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
)
"""The 17 keypoints of a person in COCO's order."""

SIGMAS = (
    np.array([0.26, 0.25, 0.25, 0.35, 0.35, 0.79, 0.79, 0.72, 0.72, 0.62, 0.62, 1.07, 1.07, 0.87, 0.87, 0.89, 0.89])
    / 10.0
)
"""(17,) how far people who annotate disagree about each keypoint, as a share of the person's size."""

OTHERS = 0.05
"""The same of keypoints that are no COCO person's: between that of eyes and that of shoulders."""


def sigmas(count: int) -> F64:
    """(K,) those of a COCO person where there are 17 keypoints, else the same for each."""
    known: F64 = SIGMAS if count == len(SIGMAS) else np.full(count, OTHERS)
    return known


def paired_oks(detections: F64, truth: F64, truth_xywh: F64, truth_area: F64) -> F64:
    """(P,) float64 similarity of each detected person with the true one of the same row.

    detections, truth: (P, K, 3) x, y, visibility; truth_xywh: (P, 4); truth_area: (P,) square pixels.
    A person without a labelled keypoint is measured by how far the detected keypoints lie outside twice its box.
    """
    labelled: NDArray[np.bool_] = truth[:, :, 2] > 0
    dx = detections[:, :, 0] - truth[:, :, 0]
    dy = detections[:, :, 1] - truth[:, :, 1]
    unlabelled: NDArray[np.bool_] = np.logical_not(labelled.any(axis=1))
    if unlabelled.any():
        x, y, w, h = (truth_xywh[unlabelled, k, None] for k in range(4))
        dx[unlabelled] = _outside(detections[unlabelled, :, 0], x - w, x + w * 2)
        dy[unlabelled] = _outside(detections[unlabelled, :, 1], y - h, y + h * 2)
        labelled = labelled | unlabelled[:, None]
    spread = (sigmas(truth.shape[1]) * 2) ** 2
    error = (dx**2 + dy**2) / spread / (truth_area[:, None] + np.spacing(1)) / 2
    closeness = np.where(labelled, np.exp(-error), 0.0)
    out: F64 = closeness.sum(axis=1) / labelled.sum(axis=1)
    return out


def _outside(values: F64, low: F64, high: F64) -> F64:
    out: F64 = np.maximum(0, low - values) + np.maximum(0, values - high)
    return out
