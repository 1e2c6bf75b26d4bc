"""What it takes to run a network on numpy arrays."""

from abc import ABC, abstractmethod

import numpy as np


class Engine(ABC):
    """A loaded network. Arrays go in and come out; what runs it is nobody else's business."""

    @abstractmethod
    def run(self, batch: np.ndarray) -> tuple[np.ndarray, ...]:
        """`(N, 3, H, W) float32` -> the network's outputs, each with N rows."""
