"""The numbers for each value of a column of the set's table: where a network is worse than its average tells."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from visioncli.datasets.interface import I64
from visioncli.errors import UsageError
from visioncli.evaluation.score import Scored
from visioncli.labelled.interface import Example
from visioncli.names import did_you_mean

MOST_VALUES = 200
NOTHING = "(empty)"


@dataclass(frozen=True, slots=True, eq=False)
class Slice:
    """A network's report on the pictures with one value of the column."""

    model: str
    column: str
    value: str
    scored: Scored


def check_column(examples: Sequence[Example], column: str, source: str) -> None:
    """Raises UsageError where no picture has the column, or nearly every picture a value of its own."""
    known = dict.fromkeys(name for e in examples for name in e.columns)
    if column not in known:
        has = f"Its other columns are {', '.join(known)}." if known else "It has no other columns."
        raise UsageError(f"--by {column}: {source} has no such column.{did_you_mean(column, known)} {has}")
    values = len({e.columns.get(column, "") for e in examples})
    if values > MOST_VALUES:
        raise UsageError(
            f"--by {column}: it has {values:,} different values, and a slice needs many pictures of one value "
            f"(at most {MOST_VALUES})."
        )


def slices(
    names: Sequence[str],
    scorers: Sequence[Callable[[I64], Scored]],
    examples: Sequence[Example],
    column: str,
) -> tuple[Slice, ...]:
    """For each value the report of each network; the value on which the first network is worst comes first."""
    rows: dict[str, list[int]] = defaultdict(list)
    for place, example in enumerate(examples):
        rows[example.columns.get(column, "")].append(place)
    found = []
    for value, places in rows.items():
        scored = [scorer(np.array(places, np.int64)) for scorer in scorers]
        found.append((scored[0].report.totals[scored[0].headline], value, scored))
    found.sort(key=lambda one: one[:2])
    return tuple(
        Slice(name, column, value or NOTHING, one)
        for _, value, scored in found
        for name, one in zip(names, scored, strict=True)
    )
