"""What it takes to run a network on numpy arrays."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from visioncli.errors import InputError

ENGINES = ("auto", "torch", "onnx")
PRECISIONS = ("auto", "fp32", "int8", "fp16", "bf16")


def _nobody(message: str) -> None:
    """Tells nobody."""


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How networks are to be run: what a user may choose.

    `precision` is what a network computes in: of all this it alone may change an answer by more than rounding.

    `threads` is for the whole program, None meaning the CPUs. `tell` receives sentences about work that takes long.
    A run of more than `timeout` seconds a picture is ended where the engine can (onnx): InputError("timed_out").
    """

    device: str = "auto"
    threads: int | None = None
    engine: str = "auto"
    precision: str = "auto"
    tell: Callable[[str], None] = _nobody
    timeout: float = math.inf


class Engine(ABC):
    """A loaded network. Arrays go in and come out; what runs it is nobody else's business."""

    name: str
    """`torch` or `onnx`."""
    precision: str = "fp32"
    """What it computes in: `fp32`, `int8`, `fp16` or `bf16`."""
    parallel: int = 1
    """How many calls of `run` at the same time are of use; each comes from a thread of its own."""

    def run(self, batch: np.ndarray) -> tuple[np.ndarray, ...]:
        """`(N, 3, H, W) float32` -> the network's outputs, each with N rows. Raises InputError as `check_finite`."""
        return check_finite(self.compute(batch))

    @abstractmethod
    def compute(self, batch: np.ndarray) -> tuple[np.ndarray, ...]:
        """What `run` answers, unchecked."""


def check_finite(outputs: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
    """`outputs` as they are. Raises InputError where a number is not finite: nothing could be told from such answers.

    Scores that are no numbers are below every threshold, so that without this the picture would seem to be empty.
    """
    for output in outputs:
        # One sum costs a fraction of a test of each number; only where it overflows are they looked at one by one.
        with np.errstate(over="ignore", invalid="ignore"):
            suspicious = output.dtype.kind == "f" and not np.isfinite(output.sum())
        if suspicious and not np.isfinite(output).all():
            raise InputError(
                "prediction_failed",
                "The network's answer holds numbers that are not finite. Its weights are damaged or do not go with "
                "its preprocessing or with --precision; try this picture with another --model.",
            )
    return outputs
