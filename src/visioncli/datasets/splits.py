"""Which split of a data set is meant, where it has several: the one that has the pictures of the other side."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from visioncli.datasets import coco_json
from visioncli.datasets.interface import Dataset
from visioncli.datasets.picture_sizes import picture_stem, pictures_in
from visioncli.datasets.roots import Part
from visioncli.errors import UsageError
from visioncli.names import did_you_mean

Read = Callable[[Part], Dataset]


@dataclass(frozen=True, slots=True)
class Pictures:
    """Names of pictures without suffix; ids where a file has only these."""

    names: tuple[str, ...]
    ids: frozenset[int | str] = frozenset()

    @classmethod
    def of(cls, data: Dataset) -> "Pictures":
        """The pictures of what was read."""
        names = tuple(picture_stem(n.replace("\\", "/")) for n in data.images.names if n)
        return cls(names, frozenset(data.images.ids or ()) if not names else frozenset())

    @classmethod
    def of_files(cls, files: tuple[Path, ...] | list[Path], images: Path | None) -> "Pictures":
        """The pictures that annotation files, one a picture, stand for; and those that have none."""
        names = {picture_stem(str(f.with_suffix(""))) for f in files}
        if images is not None:
            names |= {picture_stem(str(p.with_suffix(""))) for p in pictures_in(images)}
        return cls(tuple(sorted(names)))


def same_split(one: str, other: str) -> bool:
    """Whether two names mean the same split: `val`, `valid`, `validation` and `val2017` do."""
    plain = [re.sub(r"[-_]?[0-9]+$", "", name).lower() for name in (one, other)]
    return len({"val" if name in ("valid", "validation") else name for name in plain}) == 1


def named(parts: tuple[Part, ...], split: str, root: Path) -> Part:
    """The part that is called so. Raises UsageError."""
    for part in (*(p for p in parts if p.split == split), *(p for p in parts if same_split(p.split, split))):
        return part
    known = [p.split for p in parts]
    raise UsageError(f"{root} has no split {split!r}.{did_you_mean(split, known)} It has {', '.join(known)}.")


def choose(parts: tuple[Part, ...], wanted: Pictures, read: Read) -> tuple[Part, str]:
    """The part of several that has the wanted pictures, or what lies in several of them together; and why.

    COCO files are read one after the other, until one has all: the file of the training pictures is long.
    """
    if not wanted.names and not wanted.ids:
        return parts[0], ""
    counts: list[int] = []
    all_here: list[Part] = []
    total = len(wanted.names) or len(wanted.ids)
    for part in parts:
        counts.append(_known(part, wanted, read))
        if counts[-1] == total:
            all_here.append(part)
            if part.format == coco_json.NAME:
                break
    if all_here:
        said = [p for p in all_here if all(p.split in name.split("/") for name in wanted.names)]
        return (said or all_here)[0], "which has the pictures of the other side"
    if not any(counts):
        return parts[0], "though it has none of the pictures of the other side"
    touched = [p for p, count in zip(parts, counts, strict=False) if count]
    if len(touched) > 1 and parts[0].format != coco_json.NAME:
        return _together(touched), "which have the pictures of the other side"
    best = parts[max(range(len(counts)), key=lambda i: counts[i])]
    return best, "which has most of the pictures of the other side"


def _known(part: Part, wanted: Pictures, read: Read) -> int:
    here = Pictures.of_files(part.files, part.images) if part.files is not None else Pictures.of(read(part))
    if not wanted.names:
        return len(wanted.ids & here.ids) if here.ids else len(wanted.ids & _ids_of(part, read))
    last = {name.rpartition("/")[2] for name in here.names}
    return sum(name.rpartition("/")[2] in last for name in wanted.names)


def _ids_of(part: Part, read: Read) -> frozenset[int | str]:
    return frozenset(read(part).images.ids or ()) if part.format == coco_json.NAME else frozenset()


def _together(parts: list[Part]) -> Part:
    """Several parts as one; their common folder is what names are relative to."""
    paths = [p.path for p in parts]
    common = next(f for f in (paths[0], *paths[0].parents) if all(f in (p, *p.parents) for p in paths))
    files = tuple(sorted(f for p in parts for f in p.files or ()))
    images = [p.images for p in parts]
    shared = None
    if all(i is not None for i in images):
        known = [i for i in images if i is not None]
        above = known[0].parent
        shared = above if all(i.parent == above for i in known) and above != common else None
    return Part(" and ".join(p.split for p in parts), parts[0].format, common, files, shared)
