"""Several networks that answer together: one name, one hash, and the classes in one numbering."""

from collections.abc import Iterable, Sequence

from visioncli.errors import UsageError
from visioncli.models.labels import load_labels
from visioncli.models.row import ModelRow
from visioncli.results import ModelInfo

TOGETHER = "+"
"""Between the names, and between the hashes, of networks that answer together."""


def in_order(rows: Iterable[ModelRow]) -> list[ModelRow]:
    """By name: however they were given, what answers together is the same, and so is its answer."""
    return sorted(rows, key=lambda row: row.name)


def joint_info(rows: Sequence[ModelRow], precision: str | None) -> ModelInfo:
    """`a+b`, and `HASH+HASH` in the same order; of a single row its own. An unknown hash is left empty."""
    if len(rows) == 1:
        return ModelInfo(rows[0].name, rows[0].source.sha256, precision)
    hashes = TOGETHER.join(row.source.sha256 or "" for row in rows)
    return ModelInfo(TOGETHER.join(row.name for row in rows), hashes, precision)


def joint_precision(precisions: Iterable[str | None]) -> str:
    """`int8`, or where networks that answer together compute in different numbers `int8+fp32`, in their order."""
    each = [precision or "fp32" for precision in precisions]
    return each[0] if len(set(each)) == 1 else TOGETHER.join(each)


def same_classes(rows: Sequence[ModelRow]) -> list[dict[int, int] | None]:
    """For each row the first row's id by its own id, where the numbering differs; else None.

    Raises UsageError where the networks know different classes.
    """
    first = load_labels(rows[0].labels)
    return [_numbering(first, load_labels(row.labels), rows[0].name, row.name) for row in rows]


def _numbering(first: dict[int, str], other: dict[int, str], name: str, other_name: str) -> dict[int, int] | None:
    if first == other:
        return None
    lacks = sorted(set(first.values()) ^ set(other.values()))
    if lacks:
        has, has_not = (name, other_name) if lacks[0] in first.values() else (other_name, name)
        raise UsageError(
            f"{name} and {other_name} know different classes, so they cannot answer together: {has} knows "
            f"{lacks[0]!r}, {has_not} does not."
        )
    ids = {label: i for i, label in first.items()}
    if len(ids) < len(first) or len(first) != len(other):
        raise UsageError(
            f"{name} and {other_name} number their classes differently, and some have the same name, so they cannot "
            "answer together."
        )
    return {i: ids[label] for i, label in other.items()}
