"""Names of classes and of splits, as sets write them -> those of a `PictureSet`."""

from collections.abc import Iterable

from visioncli.labelled.interface import TEST, TRAIN, VAL

SPLITS = {
    "train": TRAIN,
    "training": TRAIN,
    "val": VAL,
    "valid": VAL,
    "validation": VAL,
    "dev": VAL,
    "test": TEST,
    "testing": TEST,
}
"""What sets call their parts."""


def split_named(name: str) -> str | None:
    """TRAIN, VAL or TEST for a name of a part such as `Valid` or `val2017`; None for any other name."""
    plain = name.strip().casefold()
    return SPLITS.get(plain) or SPLITS.get(plain.rstrip("0123456789").rstrip("-_"))


def ordered(names: Iterable[str]) -> tuple[str, ...]:
    """Classes in their order: by name, and whole numbers by their value where all are."""
    distinct = set(names)
    if distinct and all(n.isascii() and n.isdecimal() and len(n) <= 18 for n in distinct):
        return tuple(sorted(distinct, key=lambda n: (int(n), n)))
    return tuple(sorted(distinct))


def alike(names: Iterable[str]) -> list[str]:
    """A warning for each group of classes whose names differ only in case or blanks."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(" ".join(name.replace("_", " ").casefold().split()), []).append(name)
    return [
        f"{', '.join(group)} count as different classes, though their names are nearly the same."
        for group in groups.values()
        if len(group) > 1
    ]


class Places:
    """The place of each class, as the labels of a picture: one tuple a class, however many pictures."""

    def __init__(self, classes: Iterable[str]) -> None:
        self._labels = {name: (place,) for place, name in enumerate(classes)}

    def __getitem__(self, name: str) -> tuple[int, ...]:
        return self._labels[name]
