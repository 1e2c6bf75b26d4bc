"""visioncli: pretrained vision networks from the shell and from Python.

>>> from visioncli import load                                  # doctest: +SKIP
>>> load("classify")("sample_images/chelsea.png").predictions   # doctest: +SKIP
"""

from __future__ import annotations

import os

from visioncli.silence import keep_libraries_silent

__version__ = "0.1.0"
__all__ = ["Record", "VisionError", "__version__", "draw", "load", "train"]

# `typing` takes longer to load than all else here, and until the program has taken signals over Ctrl-C is Python's.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from visioncli.api import draw, load
    from visioncli.errors import VisionError
    from visioncli.results import Record
    from visioncli.training.train import train

_HOMES = {
    "draw": "visioncli.api",
    "load": "visioncli.api",
    "train": "visioncli.training.train",
    "Record": "visioncli.results",
    "VisionError": "visioncli.errors",
}

# Before any library that runs networks can be imported by way of this package.
keep_libraries_silent()
# Read when torch loads its OpenMP. Threads that spin while they wait take the cores from those that read and augment
# pictures, and from other processes: small networks learn twice as fast without.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def __getattr__(name: str) -> Any:
    # Loaded on first use, so that the command line starts without numpy and Pillow.
    if name in _HOMES:
        import importlib

        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'visioncli' has no attribute {name!r}")
