"""MNIST's four files, made."""

import gzip
from pathlib import Path

import numpy as np


def mnist(folder: Path) -> Path:
    """Two kinds of bars in the place of digits, as IDX files, one pair of them compressed."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for prefix, count in (("train", 30), ("t10k", 10)):
        labels = rng.integers(0, 2, count).astype(np.uint8)
        digits = np.zeros((count, 28, 28), np.uint8)
        for digit, label in zip(digits, labels, strict=True):
            digit[(4, 12)[label] : (24, 16)[label], (12, 4)[label] : (16, 24)[label]] = 255
        for name, values in ((f"{prefix}-images-idx3-ubyte", digits), (f"{prefix}-labels-idx1-ubyte", labels)):
            header = bytes([0, 0, 8, values.ndim]) + np.array(values.shape, ">i4").tobytes()
            data = header + values.tobytes()
            path = folder / name
            if prefix == "train":
                path.write_bytes(data)
            else:
                path.with_name(f"{name}.gz").write_bytes(gzip.compress(data))
    return folder
