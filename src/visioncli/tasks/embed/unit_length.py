"""Vectors of length 1."""

import numpy as np


def unit(vectors: np.ndarray) -> np.ndarray:
    """`(..., F) float32` with length 1; zeros stay zeros."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    found: np.ndarray = vectors / np.where(lengths > 0, lengths, 1)
    return found
