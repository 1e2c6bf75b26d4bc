"""What every reader returns: one file of annotations or detections, column by column.

Columns are numpy arrays, so that a million boxes are a few arrays and not a million objects.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from visioncli.errors import InputError

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Flags = NDArray[np.bool_]
Rle = dict[str, Any]
"""A mask as pycocotools holds it: `size` is [height, width], `counts` the compressed run lengths as bytes."""

FIRST_FEW = 5
LONGEST_NAME = 200
"""Longer names are cut in sentences."""


class Progress(Protocol):
    """Is told from time to time how far long work is: what is worked on, how much is done, and of how much."""

    def __call__(self, what: str, done: int, total: int | None) -> None:
        """Take note; costs next to nothing."""


def silent(what: str, done: int, total: int | None) -> None:
    """Progress that nobody wants to hear of."""


class Role(StrEnum):
    """Which side of the comparison a file stands on."""

    TRUTH = "truth"
    PREDICTIONS = "predictions"


class DatasetError(InputError):
    """A file of annotations or detections cannot be used; the message names the file and the place."""

    def __init__(self, message: str, kind: str = "unreadable_annotations") -> None:
        super().__init__(kind, message)


class PartsMissing(DatasetError):
    """Objects have boxes alone, where each should have a mask or keypoints too."""


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What a reader should look for beyond boxes, and where else it may look.

    `images` is a folder of pictures or a COCO file, for formats that do not carry picture sizes;
    `names` is a file with one class name a line, for formats that carry numbers only. `inclusive` takes corners as
    Pascal VOC means them: they name the last pixel, so that a box from 10 to 50 is 41 wide. `files` are the files of
    a folder that are read, where not all are; `other_side` tells the sizes of its pictures, for formats without them.
    """

    role: Role = Role.TRUTH
    masks: bool = False
    keypoints: bool = False
    images: Path | None = None
    names: Path | None = None
    inclusive: bool = False
    files: tuple[Path, ...] | None = None
    other_side: "Images | None" = None
    progress: Progress = silent


@dataclass(frozen=True, slots=True, eq=False)
class Images:
    """The pictures of a dataset.

    `names` are file names ("" where the file gives only ids); `ids` are COCO ids, None where the format has none;
    `sizes` is (N, 2) int64 width, height, 0 where unknown. `listed` says that the file names all its pictures,
    so that a picture that is not here is unknown and not merely empty.
    """

    names: tuple[str, ...]
    sizes: I64
    ids: tuple[int | str, ...] | None = None
    listed: bool = True

    def __len__(self) -> int:
        return len(self.names)

    def call(self, index: int) -> str:
        """The picture's name for people: its file name, else its id."""
        if self.names[index]:
            return self.names[index]
        return f"image {self.ids[index]}" if self.ids is not None else f"picture number {index + 1}"


@dataclass(frozen=True, slots=True, eq=False)
class Categories:
    """The classes of a dataset. `names` holds "" where the file gives only ids; `ids` is None where it has none.

    `listed` says that the file has a table of classes, so that a class that is not in it is unknown.
    """

    names: tuple[str, ...]
    ids: tuple[int | str, ...] | None = None
    listed: bool = True

    def __len__(self) -> int:
        return len(self.names)

    def call(self, index: int) -> str:
        """The class's name for people: its name, else its id."""
        if self.names[index]:
            return self.names[index]
        return str(self.ids[index]) if self.ids is not None else str(index)


@dataclass(frozen=True, slots=True, eq=False)
class Annotations:
    """Objects of a dataset as columns of equal length N, in the order of the file.

    image, category: (N,) int64 places in the tables of pictures and classes.
    xywh: (N, 4) float64, left, top, width, height in pixels, as COCO stores boxes.
    area: (N,) float64 square pixels; it decides between small, medium and large.
    crowd: (N,) a region of many objects; a detection inside it is neither right nor wrong.
    ignore: (N,) one object that does not count ("difficult"); kept apart from crowd, whose overlap is measured
    differently.
    score: (N,) float64; ones where the file has no scores.
    ids: what the file calls each object: its COCO id, else its place in the list, record or picture, or its line.
    masks: one run-length encoding an object, where masks were asked for.
    keypoints: (N, 17, 3) float64 x, y, visibility, where keypoints were asked for.
    labelled: (N,) int64 how many keypoints are labelled.
    """

    image: I64
    category: I64
    xywh: F64
    area: F64
    crowd: Flags
    ignore: Flags
    score: F64
    ids: tuple[int | str, ...] | I64 | None = None
    masks: tuple[Rle, ...] | None = None
    keypoints: F64 | None = None
    labelled: I64 | None = None

    def __len__(self) -> int:
        return len(self.image)

    @property
    def boxes(self) -> F64:
        """(N, 4) float64 x1 y1 x2 y2 in pixels."""
        out = self.xywh.copy()
        out[:, 2:] += out[:, :2]
        return out

    def part(self, rows: I64) -> "Annotations":
        """The objects of these rows, without their ids."""
        return replace(self, ids=None).take(rows, self.image[rows], self.category[rows])

    def take(self, chosen: I64 | Flags, image: I64, category: I64) -> "Annotations":
        """The chosen rows, with their pictures and classes numbered anew (the new numbers of the chosen rows)."""
        rows = np.flatnonzero(chosen) if chosen.dtype == np.bool_ else chosen
        return Annotations(
            image=image,
            category=category,
            xywh=self.xywh[rows],
            area=self.area[rows],
            crowd=self.crowd[rows],
            ignore=self.ignore[rows],
            score=self.score[rows],
            ids=self.ids[rows] if isinstance(self.ids, np.ndarray) else self.ids and tuple(self.ids[i] for i in rows),
            masks=None if self.masks is None else tuple(self.masks[i] for i in rows),
            keypoints=None if self.keypoints is None else self.keypoints[rows],
            labelled=None if self.labelled is None else self.labelled[rows],
        )


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """One file or folder of annotations or detections. `scored` is False where no score was found anywhere.

    `holds_scores` says of a truth too that its objects have scores, which are not used there.
    """

    source: Path
    format: str
    images: Images
    categories: Categories
    annotations: Annotations
    scored: bool
    warnings: tuple[str, ...] = ()
    holds_scores: bool = False


def first_few(things: list[Any]) -> str:
    """The first few of `things` as words: `1, 2, 3 and 4 more`."""
    words = [str(t) for t in things[:FIRST_FEW]]
    shown = ", ".join(w if len(w) <= LONGEST_NAME else w[:LONGEST_NAME] + "…" for w in words)
    rest = len(things) - FIRST_FEW
    return f"{shown} and {rest} more" if rest > 0 else shown


def plain_annotations(
    image: list[int] | I64,
    category: list[int] | I64,
    boxes: F64,
    score: F64 | None,
    *,
    corners: bool = True,
    ignore: Flags | None = None,
    masks: tuple[Rle, ...] | None = None,
    keypoints: F64 | None = None,
    area: F64 | None = None,
    ids: list[int] | I64 | None = None,
) -> Annotations:
    """Annotations of a format without crowds: (N, 4) boxes by corners, or as xywh; `area` is that of the box."""
    xywh = np.array(boxes, np.float64).reshape(-1, 4)
    if corners:
        xywh[:, 2:] -= xywh[:, :2]
    count = len(xywh)
    return Annotations(
        image=np.asarray(image, np.int64).reshape(-1),
        category=np.asarray(category, np.int64).reshape(-1),
        xywh=xywh,
        area=xywh[:, 2] * xywh[:, 3] if area is None else area,
        crowd=np.zeros(count, bool),
        ignore=np.zeros(count, bool) if ignore is None else ignore,
        score=np.ones(count) if score is None else score,
        ids=ids if ids is None or isinstance(ids, np.ndarray) else tuple(ids),
        masks=masks,
        keypoints=keypoints,
        labelled=None if keypoints is None else np.count_nonzero(keypoints[:, :, 2] > 0, axis=1),
    )
