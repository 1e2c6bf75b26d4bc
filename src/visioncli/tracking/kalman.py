"""Where boxes are and where they move to: a Kalman filter for each, all computed at once."""

import numpy as np

_POSITION, _VELOCITY = 1 / 20, 1 / 160
"""Standard deviations of what is unsure, as parts of a box's height (Wojke et al., arXiv 1703.07402)."""
_ASPECT, _ASPECT_CHANGE, _ASPECT_SEEN = 1e-2, 1e-5, 1e-1


def measured(boxes: np.ndarray) -> np.ndarray:
    """`(N, 4)` x1 y1 x2 y2 -> `(N, 4)` centre x, centre y, width by height, height."""
    width, height = boxes[:, 2] - boxes[:, 0], np.maximum(boxes[:, 3] - boxes[:, 1], 1e-6)
    found: np.ndarray = np.stack(
        [boxes[:, 0] + width / 2, boxes[:, 1] + height / 2, np.maximum(width, 1e-6) / height, height], 1
    )
    return found


def as_boxes(means: np.ndarray) -> np.ndarray:
    """`(N, 8)` states -> `(N, 4)` x1 y1 x2 y2."""
    height = np.maximum(means[:, 3], 1e-6)
    width = np.maximum(means[:, 2], 1e-6) * height
    x, y = means[:, 0], means[:, 1]
    return np.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2], 1)


def begin(boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """States of new boxes: means `(N, 8)`, of place and velocity, and covariances `(N, 8, 8)`."""
    seen = measured(boxes)
    height = seen[:, 3]
    means = np.concatenate([seen, np.zeros_like(seen)], 1)
    spread = np.stack(
        [
            *(2 * _POSITION * height, 2 * _POSITION * height, np.full_like(height, _ASPECT), 2 * _POSITION * height),
            *(10 * _VELOCITY * height, 10 * _VELOCITY * height, np.full_like(height, _ASPECT_CHANGE)),
            10 * _VELOCITY * height,
        ],
        1,
    )
    return means, np.eye(8) * (spread**2)[:, None, :]


def predict(means: np.ndarray, covariances: np.ndarray, steps: float) -> tuple[np.ndarray, np.ndarray]:
    """The states so many usual steps of time later, at constant velocity."""
    motion = np.eye(8)
    motion[:4, 4:] = np.eye(4) * steps
    height = means[:, 3]
    spread = np.stack(
        [
            *(_POSITION * height, _POSITION * height, np.full_like(height, _ASPECT), _POSITION * height),
            *(_VELOCITY * height, _VELOCITY * height, np.full_like(height, _ASPECT_CHANGE), _VELOCITY * height),
        ],
        1,
    )
    noise = np.eye(8) * (spread**2)[:, None, :] * max(steps, 1e-3)
    return means @ motion.T, motion @ covariances @ motion.T + noise


def update(means: np.ndarray, covariances: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The states corrected by the boxes `(N, 4)` that were seen."""
    height = means[:, 3]
    spread = np.stack(
        [_POSITION * height, _POSITION * height, np.full_like(height, _ASPECT_SEEN), _POSITION * height], 1
    )
    innovation = covariances[:, :4, :4] + np.eye(4) * (spread**2)[:, None, :]
    # K = P H' S^-1, by solving rather than inverting; H takes the first four numbers.
    gain = np.linalg.solve(innovation, covariances[:, :4, :]).transpose(0, 2, 1)
    means = means + np.einsum("nij,nj->ni", gain, measured(boxes) - means[:, :4])
    return means, covariances - gain @ innovation @ gain.transpose(0, 2, 1)
