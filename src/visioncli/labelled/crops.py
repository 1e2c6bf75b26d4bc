"""Annotations of objects as pictures with classes: each box is one picture. COCO, VOC and what else `datasets` reads.

Boxes are those that the readers of `vision iou` give. Regions of many objects ("crowd") and boxes without a pixel are
left out.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from visioncli.datasets import recognise, roots
from visioncli.datasets.interface import Dataset, DatasetError, ReadOptions
from visioncli.labelled.classes import Places, ordered, split_named
from visioncli.labelled.interface import Example, PictureSet, SetError
from visioncli.labelled.trees import Folder, Tree, example, is_picture
from visioncli.results import Box

_TEXTS = (".json", ".xml", ".txt", ".csv", ".yaml", ".yml", ".names")
_MOST_TEXT = 1 << 30
_OWN_FOLDERS = ("annotations", "labels")
"""Folders of annotations, beside which pictures lie."""


def read(name: str, images: str | None = None) -> PictureSet:
    """The boxes of an annotation file or of the root folder of a data set; `images` is the folder of its pictures.

    Raises SetError where annotations or all of their pictures are missing or wrong.
    """
    return _read(Path(name), name, trees_of(name, images))


def trees_of(name: str, images: str | None) -> list[Tree]:
    """Where the pictures of an annotation file or folder may lie, the likelier first."""
    path = Path(name)
    trees: list[Tree] = [Folder(images or (name if path.is_dir() else os.path.dirname(name) or "."))]
    if not images and os.path.basename(os.path.abspath(path.parent)).lower() in _OWN_FOLDERS and not path.is_dir():
        trees.append(Folder(os.path.join(path.parent, os.pardir)))
    return trees


def read_tree(tree: Tree, images: str | None = None) -> PictureSet:
    """As `read`, of an archive: its texts are unpacked for a moment, its pictures stay where they are."""
    with texts_of(tree) as folder:
        return _read(folder, tree.source, [Folder(images)] if images else [tree])


@contextmanager
def texts_of(tree: Tree) -> Iterator[Path]:
    """The texts of an archive, for a moment in a folder. Raises SetError."""
    with tempfile.TemporaryDirectory(prefix="vision-") as temporary:
        for name in tree.files:
            if name.lower().endswith(_TEXTS) and ".." not in name.split("/") and not name.startswith("/"):
                target = Path(temporary) / name
                try:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(tree.read(name, _MOST_TEXT))
                except OSError as problem:
                    raise SetError(f"{tree.path(name)}: it cannot be unpacked: {problem.strerror}.") from None
        yield Path(temporary)


def holds_annotations(path: Path) -> bool:
    """Whether a file or folder looks like annotations of objects, for advice."""
    try:
        if not path.is_dir() and path.suffix.lower() not in (".json", ".xml"):
            return False
        # A text file may be anything, also beside pictures; only in YOLO's own layout are there boxes in it.
        parts = roots.find(path) or parts_of(path)
        return any(p.format in (recognise.Format.COCO, recognise.Format.VOC) or p.files for p in parts)
    except DatasetError:
        return False


def parts_of(path: Path) -> tuple[roots.Part, ...]:
    """The splits of annotations. Raises DatasetError where there are none."""
    if parts := roots.find(path):
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
    return (roots.Part(path.stem.removeprefix("instances_"), form, path),)


def _read(path: Path, source: str, trees: list[Tree]) -> PictureSet:
    try:
        data = [
            (part, recognise.read(part.path, recognise.Format(part.format), ReadOptions(files=part.files)))
            for part in parts_of(path)
        ]
    except DatasetError as problem:
        raise SetError(str(problem).replace(f"{path}", source), problem.kind) from None
    classes = ordered(one.categories.call(int(c)) for _, one in data for c in set(one.annotations.category.tolist()))
    if not classes:
        raise SetError(f"{source}: the annotations have no boxes.")
    places, warnings = Places(classes), [w for _, one in data for w in one.warnings]
    index = PictureIndex(trees)
    examples: list[Example] = []
    by_split: dict[str, tuple[str, ...]] = {}
    tally = _Tally()
    for part, one in data:
        split = split_named(part.split) or ""
        here = [one.categories.call(c) for c in range(len(one.categories))]
        if split:
            used = {here[c] for c in one.annotations.category.tolist()}
            by_split[split] = ordered({*by_split.get(split, ()), *used})
        examples += _boxes(one, split, part.split, here, places, index, tally)
    if not examples:
        raise SetError(
            f"{source}: none of the {tally.missing_pictures:,} pictures of the annotations was found, such as "
            f"{tally.first_missing}. Name their folder with --images."
            if tally.missing_pictures
            else f"{source}: no box is left that could be a picture.",
            "not_found",
        )
    form = f"{data[0][0].format} crops"
    return PictureSet(
        source,
        form,
        classes,
        tuple(examples),
        warnings=tuple(dict.fromkeys([*warnings, *tally.sentences()])),
        classes_by_split=by_split if len(by_split) > 1 else {},
    )


class _Tally:
    """What was left out."""

    def __init__(self) -> None:
        self.crowd = self.empty = self.missing_pictures = 0
        self.first_missing = ""

    def sentences(self) -> Iterator[str]:
        """One for each kind."""
        if self.crowd:
            yield f"{self.crowd:,} regions of many objects (crowd) are left out."
        if self.empty:
            yield f"{self.empty:,} boxes without a pixel inside of the picture are left out."
        if self.missing_pictures:
            yield (
                f"{self.missing_pictures:,} pictures of the annotations were not found and are left out; the first "
                f"is {self.first_missing}"
            )


def _boxes(
    data: Dataset, split: str, part: str, names: list[str], places: Places, index: "PictureIndex", tally: _Tally
) -> Iterator[Example]:
    annotations = data.annotations
    found: dict[int, tuple[Tree, str] | None] = {}
    for i, (image, category, crowd) in enumerate(
        zip(annotations.image.tolist(), annotations.category.tolist(), annotations.crowd.tolist(), strict=True)
    ):
        if crowd:
            tally.crowd += 1
            continue
        if image not in found:
            found[image] = index.find(data.images.names[image], part)
            if found[image] is None:
                tally.missing_pictures += 1
                tally.first_missing = tally.first_missing or data.images.call(image)
        place = found[image]
        if place is None:
            continue
        box = _clipped(annotations.xywh[i].tolist(), data.images.sizes[image].tolist())
        if box is None:
            tally.empty += 1
            continue
        tree, name = place
        stem, suffix = os.path.splitext(name)
        label = places[names[category]]
        yield example(tree, name, label, split, box=box, relative=f"{stem}.{i}{suffix}")


def _clipped(xywh: list[float], size: list[int]) -> Box | None:
    """The corners inside of the picture, whose size may be unknown (0); None where less than a pixel is left."""
    x, y, width, height = xywh
    left, top, right, bottom = max(x, 0.0), max(y, 0.0), x + width, y + height
    if size[0] and size[1]:
        right, bottom = min(right, float(size[0])), min(bottom, float(size[1]))
    return (left, top, right, bottom) if right - left >= 1 and bottom - top >= 1 else None


class PictureIndex:
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
