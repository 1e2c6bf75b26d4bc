"""What goes into a run and what comes out of it."""

import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from visioncli import pictures
from visioncli.inputs.sources import Item
from visioncli.pictures import Picture
from visioncli.pictures.patience import DEFAULT_SECONDS
from visioncli.results import Failure, Record
from visioncli.videos.choice import Choice
from visioncli.videos.frames import Frame


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one item. `picture` is None for failures, recordings, and records of an earlier run (`resumed`).

    `arrays` are those of the task's answer, for sinks that make files of them.
    After a `pause` outcome the next one may be long in coming: whoever gathers outcomes should not keep this one.
    """

    item: Item
    record: Record
    picture: Picture | None = None
    resumed: bool = False
    pause: bool = False
    arrays: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to run. `batch_size` and `workers` never change a result. Reading one input may take `timeout` seconds.

    With `reduce`, pictures are decoded smaller than they are where the task can do with less; scores then differ a
    little from those of a full decoding. Of videos the frames of `choice` are inputs; without it they are refused.
    """

    batch_size: int = 8
    workers: int = 2
    max_pixels: int = pictures.DEFAULT_MAX_PIXELS
    allow_truncated: bool = False
    reduce: bool = False
    timeout: float = DEFAULT_SECONDS
    choice: Choice | None = None


def usual_workers() -> int:
    """Decoding threads where nobody chose their number."""
    return min(os.cpu_count() or 1, 8)


def failure(task: str, item: Item, kind: str, message: str) -> Record:
    """The record of an input without predictions."""
    return Record(task, item.shown, error=Failure(kind, message), **place_of(item))


def place_of(item: Item) -> dict[str, Any]:
    """Of a frame of a video, the fields of its record that say where it stands."""
    return {"frame": item.frame, "time_s": item.time_s} if isinstance(item, Frame) else {}


def describe(problem: BaseException) -> str:
    """An exception that nobody foresaw, as one line."""
    words = " ".join(str(problem).split())
    return f"{type(problem).__name__}: {words}"[:400] if words else type(problem).__name__
