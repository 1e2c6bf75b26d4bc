"""What every reader of pictures with classes returns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from visioncli.errors import InputError
from visioncli.inputs.sources import Item
from visioncli.predictions import Box

TRAIN, VAL, TEST = "train", "val", "test"
"""The parts of a set, whatever its own names for them are (`valid`, `validation`, `dev` …)."""

Content = Callable[[], bytes | np.ndarray]
"""What is in a picture that is no file of its own: the bytes of an encoded file, or `(H, W, 3) uint8`, RGB."""


@dataclass(frozen=True, slots=True)
class Example(Item):
    """One picture with its answer.

    `path` is what people and records call it: the file, or `set.zip!/cat/1.jpg`, `train-images-idx3-ubyte.gz!/17`.
    `labels` are places in the classes of its set: one, but any number where the set is `multi_label`. `split` is
    TRAIN, VAL or TEST, empty where the set does not say. `box` is the part of the upright picture that it is,
    `content` gives what is in it where it is no file. `columns` are the other columns of its line in a table.
    """

    labels: tuple[int, ...] = ()
    split: str = ""
    box: Box | None = None
    content: Content | None = field(default=None, compare=False)
    columns: Mapping[str, str] = field(default_factory=dict)

    @property
    def label(self) -> int:
        """Its class, in a set where each picture has one."""
        (label,) = self.labels
        return label


@dataclass(frozen=True, slots=True, eq=False)
class PictureSet:
    """Pictures and the names of their classes.

    `source` is what the user named, `format` how it was understood (`class folders`, `csv`, `idx` …). Of a
    `multi_label` set each picture has any number of classes. `warnings` are sentences about what was odd. A
    `published` set is divided as everybody measures on it. `classes_by_split` are the classes that each split has by
    itself where splits have folders of their own.
    """

    source: str
    format: str
    classes: tuple[str, ...]
    examples: tuple[Example, ...]
    multi_label: bool = False
    warnings: tuple[str, ...] = ()
    published: bool = False
    classes_by_split: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.examples)


class SetError(InputError):
    """A set cannot be used; the message names the file and the place."""

    def __init__(self, message: str, kind: str = "unreadable_annotations") -> None:
        super().__init__(kind, message)
