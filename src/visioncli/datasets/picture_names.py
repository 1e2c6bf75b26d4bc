"""Which picture a name means, where one side calls it by another path, or by another suffix."""

import posixpath
from collections import defaultdict

import numpy as np

from visioncli.datasets.interface import I64, DatasetError, first_few

PICTURE_SUFFIXES = frozenset(
    [
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".png",
        ".bmp",
        ".gif",
        ".tif",
        ".tiff",
        ".webp",
        ".avif",
        ".heic",
        ".jp2",
        ".ppm",
        ".pgm",
        ".pbm",
    ]
)

MANY_ALIKE = 16
"""With more pictures of one name (`video7/0001.jpg`) the longest equal end is looked up, not searched."""


def parts_of(name: str) -> list[str]:
    """The folders and the file of a path, of whichever system."""
    return [p for p in name.replace("\\", "/").split("/") if p not in ("", ".")]


def _without_suffix(name: str) -> str:
    root, suffix = posixpath.splitext(name)
    return root if suffix.lower() in PICTURE_SUFFIXES else name


def stem(name: str) -> str:
    """The last part of a path without the suffix of a picture."""
    parts = parts_of(name)
    return _without_suffix(parts[-1]) if parts else ""


def match_names(ours: tuple[str, ...], theirs: tuple[str, ...], our_source: str, their_source: str) -> I64:
    """(P,) int64 place in `ours` of each name of `theirs`, -1 for none.

    A name matches the one that has the longest equal end of the path; names are compared with their suffix, and
    those left over without it. Raises DatasetError where two fit equally well, or two match the same picture.
    """
    our_parts = [parts_of(n) for n in ours]
    by_name: dict[str, list[int]] = defaultdict(list)
    by_stem: dict[str, list[int]] = defaultdict(list)
    for i, parts in enumerate(our_parts):
        if parts:
            by_name[parts[-1]].append(i)
            by_stem[_without_suffix(parts[-1])].append(i)
    out = np.full(len(theirs), -1, np.int64)
    owner: dict[int, int] = {}
    trees: dict[int, _Ends] = {}
    for i, name in enumerate(theirs):
        parts = parts_of(name)
        if not parts:
            continue
        candidates = by_name.get(parts[-1]) or by_stem.get(_without_suffix(parts[-1]))
        if not candidates:
            continue
        if len(candidates) > MANY_ALIKE:
            tree = trees.get(id(candidates))
            if tree is None:
                tree = trees[id(candidates)] = _Ends(candidates, our_parts)
            best = tree.best(parts)
        else:
            best = [candidates[b] for b in _longest_end(parts, [our_parts[c] for c in candidates])]
        if len(best) > 1:
            raise DatasetError(
                f"{their_source}: {name} may be any of {first_few([ours[b] for b in best])} "
                f"in {our_source}; give the pictures names that differ."
            )
        j = best[0]
        if j in owner:
            raise DatasetError(
                f"{their_source}: {theirs[owner[j]]} and {name} both match {ours[j]} in {our_source}; "
                "give the pictures names that differ."
            )
        owner[j] = i
        out[i] = j
    return out


class _Ends:
    """Paths with the same last part, as a tree of their ends; finds the longest equal end in one descent."""

    def __init__(self, here: list[int], our_parts: list[list[str]], depth: int = 1) -> None:
        self._here, self._depth, self._our_parts = here, depth, our_parts
        self._children: dict[str, _Ends] | None = None

    def best(self, parts: list[str]) -> list[int]:
        """The candidates with the longest end equal to that of `parts`; one that is equal wholly is the only one."""
        node = self
        while len(node._here) > 1 and len(parts) > node._depth:
            child = node._branches().get(parts[-node._depth - 1])
            if child is None:
                break
            node = child
        whole = [c for c in node._here if len(self._our_parts[c]) == len(parts) == node._depth]
        return whole or node._here

    def _branches(self) -> "dict[str, _Ends]":
        if self._children is None:
            groups: dict[str, list[int]] = defaultdict(list)
            for c in self._here:
                if len(self._our_parts[c]) > self._depth:
                    groups[self._our_parts[c][-self._depth - 1]].append(c)
            self._children = {part: _Ends(group, self._our_parts, self._depth + 1) for part, group in groups.items()}
        return self._children


def _longest_end(parts: list[str], candidates: list[list[str]]) -> list[int]:
    if len(candidates) == 1:
        return [0]
    lengths = []
    for other in candidates:
        same = 1
        while same < min(len(parts), len(other)) and parts[-1 - same] == other[-1 - same]:
            same += 1
        exact = same == len(parts) == len(other)
        lengths.append((same, exact))
    top = max(lengths)
    return [i for i, value in enumerate(lengths) if value == top]
