"""The classes that an annotation tool is told of, and those of a picture that are worth a keyword."""

from collections.abc import Iterable
from typing import Any

from visioncli.results import Record
from visioncli.sinks.xml_text import one_line

MOST_LABELS = 100
"""So many classes of a network are offered to whoever corrects its answers; of more, those that were found."""
SURE = 0.5
"""From this score on a further class of a picture counts beside the first."""


def declared(labels: dict[int, str], found: Iterable[str]) -> list[str]:
    """The names, each once and on one line: the network's where they are few, else those found."""
    known = labels.values() if len(labels) <= MOST_LABELS else ()
    return list(dict.fromkeys(one_line(name) for name in (*known, *found)))


def classes_of(record: Record) -> tuple[Any, ...]:
    """The predictions of a classification that hold: the first, further ones from `SURE` on, and all of them where
    scores add up to more than 1, as only those of several classes a picture do."""
    predictions = record.predictions or ()
    several = sum(p.score for p in predictions) > 1.001
    return tuple(p for n, p in enumerate(predictions) if n == 0 or several or p.score >= SURE)
