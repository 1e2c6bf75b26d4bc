"""Keypoints of objects in a COCO file: a person's 17, or named ones of any category.

Format: cocodataset.org/#format-data; a category has `keypoints`, their names, and may have a `skeleton`, pairs of
numbers from 1 on. `flip_index`, as ultralytics writes it, says which keypoint each becomes in a mirror image.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from visioncli.datasets.columns import check_reach, number_rows
from visioncli.datasets.interface import DatasetError, PartsMissing
from visioncli.datasets.text import read_json
from visioncli.geometry.keypoints import NAMES

_SIDES = {"left": "right", "right": "left", "l": "r", "r": "l"}
_WORD = re.compile(r"(?<![^\W_])(left|right|l|r)(?![^\W_])", re.IGNORECASE)
MOST = 400
"""Keypoints of an object: more than any annotated body, face and hands have."""


@dataclass(frozen=True, slots=True)
class PointNames:
    """What the keypoints of all objects are called, which of them limbs join (pairs of places from 0 on), and which
    each becomes in a mirror image: None where nobody can tell."""

    names: tuple[str, ...]
    limbs: tuple[tuple[int, int], ...] = ()
    mirrored: tuple[int, ...] | None = None


def read_points(path: Path) -> tuple[PointNames, frozenset[str], np.ndarray]:
    """The keypoints of a COCO file that `datasets.coco_json` has read: what they are, which categories have them, and
    of each annotation, in the order of the file, x, y and visibility `(N, K, 3) float64`, zeros where
    it has none. Raises DatasetError where there are none, or of more than one kind."""
    body = read_json(path)
    categories = [one for one in body.get("categories", ()) if isinstance(one, dict)]
    rows = body["annotations"]
    named = {str(one.get("name", one.get("id"))): one for one in categories if one.get("keypoints")}
    kinds = {name: _names_of(one, name, path) for name, one in named.items()}
    if len(set(kinds.values())) > 1:
        first, other = list(dict.fromkeys(kinds.values()))[:2]
        raise DatasetError(
            f"{path}: categories have different keypoints ({_few(first)}; {_few(other)}), and one network learns one "
            "list of them. Give each kind a file of its own."
        )
    given = [row.get("keypoints") for row in rows]
    known = next(iter(kinds.values()), None)
    if known is None:
        known = _unnamed(given)
        owners = frozenset(str(one.get("name", one.get("id"))) for one in categories)
    else:
        owners = frozenset(kinds)
    if known is None:
        raise PartsMissing(f"{path}: its objects have no keypoints.")

    def place(i: int) -> str:
        return f"{path}: annotation {i} (id {rows[i].get('id')!s:.40})"

    count = len(known)
    parts = f"x, y, visibility of {count:,} keypoints"
    flat = number_rows([one or [0] * (3 * count) for one in given], 3 * count, "keypoints", parts, place)
    check_reach(flat, "keypoint", place)
    first_one: dict[str, Any] = next(iter(named.values()), {})
    return (
        PointNames(known, _limbs(first_one, count), _mirrored(first_one, known)),
        owners,
        flat.reshape(-1, count, 3),
    )


def _names_of(category: dict[str, Any], name: str, path: Path) -> tuple[str, ...]:
    names = category["keypoints"]
    if not isinstance(names, list) or not all(isinstance(one, str) and one.strip() for one in names):
        raise DatasetError(f"{path}: the keypoints of category {name} must be a list of their names.")
    if len(set(names)) < len(names) or len(names) > MOST:
        raise DatasetError(f"{path}: the keypoints of category {name} must be at most {MOST} different names.")
    return tuple(names)


def _unnamed(given: list[Any]) -> tuple[str, ...] | None:
    """COCO's names for 17 keypoints that nobody named, numbers for others."""
    length = next((len(one) for one in given if isinstance(one, list) and one), 0)
    count = length // 3
    if not 0 < count <= MOST:
        return None
    return NAMES if count == len(NAMES) else tuple(f"point_{n + 1}" for n in range(count))


def _few(names: tuple[str, ...]) -> str:
    return ", ".join(names[:3]) + (" …" if len(names) > 3 else "")


def _limbs(category: dict[str, Any], count: int) -> tuple[tuple[int, int], ...]:
    pairs = category.get("skeleton")
    places = range(1, count + 1)
    return tuple(
        (pair[0] - 1, pair[1] - 1)
        for pair in (pairs if isinstance(pairs, list) else ())
        if isinstance(pair, list) and len(pair) == 2 and all(type(n) is int and n in places for n in pair)
    )


def _mirrored(category: dict[str, Any], names: tuple[str, ...]) -> tuple[int, ...] | None:
    """By `flip_index`, else by names that say left and right: one without a counterpart leaves it open."""
    given = category.get("flip_index")
    if isinstance(given, list) and sorted(n for n in given if type(n) is int) == list(range(len(names))):
        return tuple(given) if len(given) == len(names) else None
    if not category and names != NAMES:
        return None
    places = {name.casefold(): n for n, name in enumerate(names)}
    found = []
    for name in places:
        other = _WORD.sub(lambda match: _SIDES[match[0].casefold()], name)
        if other not in places:
            return None
        found.append(places[other])
    return tuple(found) if len(found) == len(names) else None
