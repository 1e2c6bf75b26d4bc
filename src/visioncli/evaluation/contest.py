"""One network or several on the same pictures: predictions, scores, and what they say of each other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from visioncli.datasets.interface import Flags
from visioncli.evaluation.predict import F32, I64, Classifier, Predictions, probabilities
from visioncli.evaluation.score import Key, Resampling, Scored, compared, score
from visioncli.evaluation.slices import Slice, slices
from visioncli.evaluation.stress import STRESSES, StressRow, stress_rows, stressed
from visioncli.labelled.interface import Example
from visioncli.metrics.paired import Comparison
from visioncli.results import Record
from visioncli.runner import RunOptions

STRESS_STEPS = len(STRESSES)
"""How many times longer than clean pictures those that were made worse take."""
Done = Callable[[str, Record, int], None]
"""Told of each picture: the network's name, the record, and how many steps of the whole this was."""


@dataclass(frozen=True, slots=True, eq=False)
class Contestant:
    """A network, what it is called, and which of its columns are the classes of the set."""

    name: str
    task: Classifier
    key: Key


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """The networks' scores on the pictures that all of them could use, at the places `rows` of those given.

    `records` has every picture's for each network, failures among them.
    """

    names: tuple[str, ...]
    examples: tuple[Example, ...]
    rows: I64
    scored: tuple[Scored, ...]
    records: tuple[tuple[Record, ...], ...]
    comparisons: tuple[Comparison, ...] = ()
    slices: tuple[Slice, ...] = ()
    stress: tuple[StressRow, ...] = field(default=())

    @property
    def failed(self) -> int:
        """How many pictures some network could not use."""
        return len(self.examples) - len(self.rows)


def evaluate(
    examples: Sequence[Example],
    contestants: Sequence[Contestant],
    options: RunOptions,
    how: Resampling,
    *,
    by: str | None = None,
    stress: bool = False,
    done: Done = lambda name, record, steps: None,
) -> Evaluation:
    """Each network over all pictures, one after the other, and the numbers. What `done` raises ends it.

    Without a picture that all could use there are no scores. Raises UsageError for a column that is not there.
    """
    answers = [_predict(c, examples, options, done) for c in contestants]
    rows = np.arange(len(examples))
    for answer in answers:
        rows = np.intersect1d(rows, answer.rows)
    names = tuple(c.name for c in contestants)
    records = tuple(answer.records for answer in answers)
    if not len(rows):
        return Evaluation(names, tuple(examples), rows, (), records)
    answers = [answer.take(rows) for answer in answers]
    usable = [examples[i] for i in rows.tolist()]
    judges = [_Judge(c, answer, usable, how) for c, answer in zip(contestants, answers, strict=True)]
    scored = tuple(judge.score() for judge in judges)
    first, *others = zip(names, scored, strict=True)
    return Evaluation(
        names,
        tuple(examples),
        rows,
        scored,
        records,
        comparisons=tuple(compared(first, other, how) for other in others),
        slices=slices(names, [judge.score for judge in judges], usable, by) if by else (),
        stress=tuple(
            row
            for judge, clean in zip(judges, scored, strict=True)
            if stress
            for row in judge.stress(clean, options, done)
        ),
    )


def _predict(c: Contestant, examples: Sequence[Example], options: RunOptions, done: Done) -> Predictions:
    return probabilities(c.task, examples, options, lambda record: done(c.name, record, 1))


class _Judge:
    """Scores one network's answers, on all of the pictures or on some."""

    def __init__(
        self, contestant: Contestant, answer: Predictions, examples: Sequence[Example], how: Resampling
    ) -> None:
        self._contestant, self._answer, self._examples, self._how = contestant, answer, examples, how
        self._truth = [e.labels for e in examples]

    def score(self, chosen: I64 | None = None) -> Scored:
        """Of the pictures at the chosen places, all by default."""
        places = np.arange(len(self._truth)) if chosen is None else chosen
        truth = [self._truth[i] for i in places]
        return score(self._contestant.key, self._answer.probabilities[places], truth, self._how)

    def stress(self, clean: Scored, options: RunOptions, done: Done) -> tuple[StressRow, ...]:
        """The same pictures once more, made worse; `clean` are the scores of all as they are."""
        name, key = self._contestant.name, self._contestant.key

        def right(place: int, chances: F32) -> Flags:
            found: Flags = key.sample(chances, [self._truth[place]] * len(chances)).right
            return found

        rows, found = stressed(
            self._contestant.task,
            self._examples,
            options,
            right,
            self._how.seed,
            lambda record: done(name, record, STRESS_STEPS),
        )
        return stress_rows(name, clean.headline, clean.right, rows, found, self._how) if len(rows) else ()
