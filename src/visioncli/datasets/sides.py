"""The two sides of a comparison, from paths to data: what format each has, and which split of it is meant."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

from visioncli.datasets import roots, yolo
from visioncli.datasets.interface import Dataset, DatasetError, Images, ReadOptions, Role
from visioncli.datasets.recognise import Format, read, recognise
from visioncli.datasets.roots import Part
from visioncli.datasets.splits import Pictures, choose, named, same_split
from visioncli.errors import UsageError


@dataclass(frozen=True, slots=True)
class Side:
    """A file or folder that the user named, its format, and its splits where it is the root of a data set."""

    path: Path
    form: Format
    parts: tuple[Part, ...] = ()


def locate(path: Path, forced: Format | None, *, keypoints: bool) -> Side:
    """What a path is. Raises DatasetError."""
    if forced is not Format.LABELMAP and (parts := roots.find(path, keypoints=keypoints, form=forced)):
        return Side(path, Format(parts[0].format), parts)
    if forced is not None:
        return Side(path, forced)
    try:
        return Side(path, recognise(path))
    except DatasetError as problem:
        if os.path.isdir(path) and (root := roots.above(path)):
            raise DatasetError(f"{problem} It is a part of the data set {root}: give that.", problem.kind) from None
        raise


def read_both(truth: Side, predictions: Side, options: ReadOptions, split: str | None) -> tuple[Dataset, Dataset]:
    """Both sides; of a data set with several splits the one called `split`, else the one that has the pictures of
    the other side, with a note that says so. Raises DatasetError, and UsageError for a split that is not there."""
    if truth.form is predictions.form is Format.COCO:
        options = replace(options, images=None)  # their ids say enough
    ours = _Reader(truth, replace(options, role=Role.TRUTH))
    theirs = _Reader(predictions, replace(options, role=Role.PREDICTIONS))
    several = [r for r in (ours, theirs) if len(r.side.parts) > 1]
    if split is not None:
        if not several:
            raise UsageError(f"--split {split}: neither side has several splits to choose from.")
        for reader in several:
            reader.part = named(reader.side.parts, split, reader.side.path)
    elif len(several) == 2:
        shared = [p for p in ours.side.parts if any(same_split(p.split, q.split) for q in theirs.side.parts)]
        ours.take(shared[0] if shared else ours.side.parts[0], "")
        if shared:
            theirs.take(named(theirs.side.parts, shared[0].split, predictions.path), "")
        else:
            theirs.take(*choose(theirs.side.parts, ours.pictures(), theirs.read))
    elif several:
        other = theirs if several[0] is ours else ours
        several[0].take(*choose(several[0].side.parts, other.pictures(), several[0].read))
    # YOLO files do not tell the sizes of their pictures, but the other side may.
    first, second = (theirs, ours) if ours.lacks_sizes and not theirs.lacks_sizes else (ours, theirs)
    second.other_side = first.dataset().images
    both = ours.dataset(), theirs.dataset()
    _refuse_swapped(*both)
    return both


class _Reader:
    """Reads one side, each part once."""

    def __init__(self, side: Side, options: ReadOptions) -> None:
        self.side, self.options = side, options
        self.part: Part | None = side.parts[0] if len(side.parts) == 1 else None
        self.other_side: Images | None = None
        self._note: tuple[str, ...] = ()
        self._read: dict[Part | None, Dataset] = {}

    @property
    def lacks_sizes(self) -> bool:
        """Whether it may need to be told the sizes of its pictures."""
        return self.side.form is Format.YOLO and (self.part is None or self.part.images is None)

    def take(self, part: Part, why: str) -> None:
        """Settle on a part, and note that."""
        self.part = part
        splits = ", ".join(p.split for p in self.side.parts)
        reason = f", {why}" if why else ""
        word = "splits" if all(part is not p for p in self.side.parts) else "split"
        self._note = (f"{self.side.path}: took the {word} {part.split}{reason}; --split chooses one of {splits}.",)

    def pictures(self) -> Pictures:
        """What its pictures are called, by file names alone where these tell."""
        if self.part is not None and self.part.files is not None:
            return Pictures.of_files(self.part.files, self.part.images)
        if self.side.form is Format.YOLO:
            return Pictures.of_files(yolo.label_files(self.side.path), None)
        return Pictures.of(self.read(self.part))

    def read(self, part: Part | None) -> Dataset:
        """The data of a part, or of the whole side."""
        if part not in self._read:
            options, path = self.options, self.side.path
            if part is not None:
                path = part.path
                images = options.images or (part.images if part.format == yolo.NAME else None)
                options = replace(options, files=part.files, images=images)
                if part.format == yolo.NAME and options.names is None:
                    root = self.side.path if self.side.path.is_dir() else self.side.path.parent
                    options = replace(options, names=self._names(part, root))
            self._read[part] = read(path, self.side.form, replace(options, other_side=self.other_side))
        return self._read[part]

    def _names(self, part: Part, root: Path) -> Path | None:
        return self.side.path if self.side.path.is_file() else roots.names_file(part, root)

    def dataset(self) -> Dataset:
        """What was settled on, with the note."""
        data = self.read(self.part)
        return replace(data, warnings=(*self._note, *data.warnings)) if self._note else data


def _refuse_swapped(truth: Dataset, predictions: Dataset) -> None:
    """Raises DatasetError where only the truth has scores: then the two are swapped."""
    if truth.holds_scores and not predictions.scored and len(predictions.annotations):
        raise DatasetError(
            f"{truth.source}: this side is to be the truth, but its objects have scores, and those of "
            f"{predictions.source} have none. The truth comes first: swap the two. (If it is meant so, give the "
            "truth without scores.)"
        )
