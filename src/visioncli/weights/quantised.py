"""Numbers kept as 8-bit integers (32-bit ones for biases) with a scale: what they stand for.

Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference", 2018
(https://arxiv.org/abs/1712.05877), as TensorFlow Lite writes them
(https://ai.google.dev/edge/litert/models/quantization_spec).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Quantisation:
    """How a tensor is kept: `real = scale * (stored - zero_point)`.

    `scales` float32 and `zero_points` int64, `(1,)` for the whole tensor or `(n,)`, one for each place along `axis`.
    `dtype` is that of the stored integers.
    """

    scales: NDArray[np.float32]
    zero_points: NDArray[np.int64]
    dtype: np.dtype[Any]
    axis: int = 0

    def dequantised(self, stored: NDArray[Any]) -> NDArray[np.float32]:
        """The float32 numbers that `stored` stands for, of the same shape.

        Raises ValueError where the scales are not one for each place along the axis.
        """
        scales, zero_points = self.scales.astype(np.float64), self.zero_points
        if scales.size > 1:
            along = [1] * stored.ndim
            along[self.axis] = stored.shape[self.axis]
            scales, zero_points = scales.reshape(along), zero_points.reshape(along)
        # A 32-bit bias has more digits than float32 holds.
        return ((stored.astype(np.int64) - zero_points) * scales).astype(np.float32)

    @property
    def range(self) -> tuple[float, float]:
        """The least and the greatest number that a tensor with one scale can hold. Raises ValueError for several."""
        kinds = np.iinfo(self.dtype)
        scale, zero_point = float(self.scales.item()), int(self.zero_points.item())
        return scale * (kinds.min - zero_point), scale * (kinds.max - zero_point)
