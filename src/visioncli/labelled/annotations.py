"""Annotations of objects and the pictures that they are of: what crops and boxes to learn from have in common."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from visioncli.datasets import recognise, roots
from visioncli.datasets.interface import Dataset, DatasetError, PartsMissing, ReadOptions
from visioncli.labelled.interface import SetError
from visioncli.labelled.trees import Folder, Tree, is_picture
from visioncli.predictions import Box

_OWN_FOLDERS = ("annotations", "labels")
"""Folders of annotations, beside which pictures lie."""


def trees_of(name: str, images: str | None) -> list[Tree]:
    """Where the pictures of the annotations `name` may lie: the first place with pictures has them."""
    path = Path(name)
    trees: list[Tree] = [Folder(images or (name if path.is_dir() else os.path.dirname(name) or "."))]
    if not images and os.path.basename(os.path.abspath(path.parent)).lower() in _OWN_FOLDERS and not path.is_dir():
        trees.append(Folder(os.path.join(path.parent, os.pardir)))
    return trees


@contextmanager
def called(path: Path, source: str) -> Iterator[None]:
    """Turns a DatasetError about `path` into a SetError about what the user named."""
    try:
        yield
    except DatasetError as problem:
        raise SetError(str(problem).replace(f"{path}", source), problem.kind) from None


MASKED = (recognise.Format.COCO, recognise.Format.JSONL)
"""Formats that hold masks."""


def read_parts(
    path: Path, images: str | None = None, *, empty: bool = False, parts: str = ""
) -> list[tuple[roots.Part, Dataset]]:
    """The splits of annotations, read; `empty` lists YOLO's pictures without labels too, `parts` are "masks" or
    "keypoints" where objects should have them. Raises DatasetError."""
    splits, found = parts_of(path, keypoints=parts == "keypoints"), []
    for part in splits:
        if parts == "masks" and part.format not in MASKED:
            raise PartsMissing(f"{path}: annotations in the format {part.format} hold boxes, and no masks.")
        folder = None
        if empty and part.format == recognise.Format.YOLO:
            folder = part.images or (Path(images) if images and len(splits) == 1 else None)
        options = ReadOptions(files=part.files, images=folder, masks=parts == "masks")
        found.append((part, recognise.read(part.path, recognise.Format(part.format), options)))
    return found


def parts_of(path: Path, *, keypoints: bool = False) -> tuple[roots.Part, ...]:
    """The splits of annotations, or those of `keypoints`. Raises DatasetError where there are none."""
    if parts := roots.find(path, keypoints=keypoints):
        return parts
    if path.is_dir():
        files = sorted(f for f in path.glob("*.json") if f.is_file() and not f.name.startswith("."))
        objects = [f for f in files if f.name.startswith("instances")] or files
        if len(objects) == 1:
            return (roots.Part("", recognise.Format.COCO, objects[0]),)
    nothing = DatasetError(
        f"{path}: no boxes were found here. Give a COCO file, a folder of VOC's .xml files, or the root folder of a "
        "data set that has them."
    )
    try:
        form = recognise.recognise(path)
    except DatasetError as problem:
        raise problem if problem.kind == "not_found" else nothing from None
    if form is recognise.Format.LABELMAP:
        raise nothing
    # COCO's own files say their split: instances_val2017.json.
    return (roots.Part(path.stem.removeprefix("instances_").removeprefix("person_keypoints_"), form, path),)


def clipped(xywh: list[float], size: list[int]) -> Box | None:
    """The corners inside of the picture, whose size may be unknown (0); None where less than a pixel is left."""
    x, y, width, height = xywh
    left, top, right, bottom = max(x, 0.0), max(y, 0.0), x + width, y + height
    if size[0] and size[1]:
        right, bottom = min(right, float(size[0])), min(bottom, float(size[1]))
    return (left, top, right, bottom) if right - left >= 1 and bottom - top >= 1 else None


class Missing:
    """Pictures of annotations that are not there."""

    def __init__(self) -> None:
        self.count, self._first = 0, ""

    def add(self, name: str) -> None:
        """One more."""
        self.count += 1
        self._first = self._first or name

    def left_out(self) -> str:
        """The sentence about some of them, without its full stop."""
        return (
            f"{self.count:,} pictures of the annotations were not found and are left out; the first is {self._first}"
        )

    def none_found(self, source: str) -> str:
        """The sentences where no picture of `source` is left."""
        return (
            f"{source}: none of the {self.count:,} pictures of the annotations was found, such as {self._first}. "
            "Name their folder with --images."
        )


class Index:
    """Pictures by the end of their names."""

    def __init__(self, trees: list[Tree]) -> None:
        self._trees = trees
        self._by_last: dict[str, list[tuple[Tree, str]]] | None = None

    def find(self, name: str, split: str) -> tuple[Tree, str] | None:
        """The picture that annotations call `name`; of several, the one in the folder of the split or at the root.

        Raises SetError where it may be any of several.
        """
        plain = name.replace("\\", "/").removeprefix("./")
        wanted = plain.rpartition("/")[2]
        candidates = self._all().get(wanted) or self._all().get(os.path.splitext(wanted)[0] if wanted else "") or []
        same = [c for c in candidates if plain in (c[1], os.path.splitext(c[1])[0])]
        ends = [c for c in candidates if f"/{c[1]}".endswith((f"/{plain}", f"/{plain}{os.path.splitext(c[1])[1]}"))]
        in_split = [c for c in ends if split and split in c[1].split("/")]
        for found in (in_split, same, ends, candidates):
            if len(found) > 1 and found is not in_split:
                raise SetError(
                    f"{name} may be {found[0][0].path(found[0][1])} or {found[1][0].path(found[1][1])}. Name the "
                    "folder of the pictures with --images."
                )
            if found:
                return found[0]
        return None

    def _all(self) -> dict[str, list[tuple[Tree, str]]]:
        if self._by_last is None:
            self._by_last = {}
            # The first tree that has pictures: the folder that was named, else the one above an annotation file.
            tree = next((t for t in self._trees if any(map(is_picture, t.files))), None)
            for name in filter(is_picture, tree.files if tree else ()):
                assert tree is not None
                last = name.rpartition("/")[2]
                self._by_last.setdefault(last, []).append((tree, name))
                self._by_last.setdefault(os.path.splitext(last)[0], []).append((tree, name))
        return self._by_last
