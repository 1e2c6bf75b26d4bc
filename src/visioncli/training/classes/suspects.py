"""Pictures whose label is probably wrong: confident learning (Northcutt et al. 2021, arXiv 1911.00068)."""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from visioncli.files import write_whole
from visioncli.sinks.csv_table import defused
from visioncli.training.data.split import sources_of

Head = Callable[[np.ndarray], np.ndarray]
"""`(N, F) float32` features -> `(N, C)` probabilities."""
COLUMNS = ("rank", "path", "label", "looks_like", "margin", "label_probability", "looks_like_probability")


@dataclass(frozen=True, slots=True)
class Suspect:
    """A picture whose label is probably wrong.

    `index` is its place among the pictures given, `label` and `looks_like` are places in the classes. The
    probabilities come from heads that have not seen the picture.
    """

    index: int
    label: int
    looks_like: int
    label_probability: float
    looks_like_probability: float

    @property
    def margin(self) -> float:
        """The label's probability less that of what the picture looks like: below 0."""
        return self.label_probability - self.looks_like_probability


def suspects(
    features: np.ndarray,
    labels: np.ndarray,
    hashes: Sequence[str],
    fit_head: Callable[[np.ndarray, np.ndarray], Head],
    *,
    groups: Sequence[str] | None = None,
    folds: int = 5,
    repeats: int = 1,
    seed: int = 0,
) -> list[Suspect]:
    """The suspects among N pictures of one class each, the most suspicious first.

    `features` are `(N, F) float32`, `labels` `(N,) int`. `fit_head(features, labels)` learns from a part of them and
    gives probabilities of all classes. A picture is a suspect where another class is the likeliest of those that
    are as likely as they are, on average, for the pictures that bear them.
    """
    labels = np.asarray(labels, int)
    fold = _folds(labels, hashes, groups, folds, seed)
    if fold.max(initial=0) < 1:
        return []
    probabilities = out_of_fold(features, labels, fold, fit_head)
    return _confident(probabilities, labels, _known(labels, fold))


def out_of_fold(
    features: np.ndarray, labels: np.ndarray, fold: np.ndarray, fit_head: Callable[[np.ndarray, np.ndarray], Head]
) -> np.ndarray:
    """`(N, C) float64` probabilities of each picture, from a head that learned from all other folds."""
    probabilities: np.ndarray | None = None
    for k in range(int(fold.max()) + 1):
        held_out = fold == k
        if not held_out.any():
            continue
        answer = fit_head(features[~held_out], labels[~held_out])(features[held_out])
        if probabilities is None:
            probabilities = np.zeros((len(labels), answer.shape[1]))
        probabilities[held_out] = answer
    assert probabilities is not None
    return probabilities


def _folds(
    labels: np.ndarray, hashes: Sequence[str], groups: Sequence[str] | None, folds: int, seed: int
) -> np.ndarray:
    """The fold of each picture, `(N,) int`: classes in all of them, copies and pictures of a group in one."""
    numbers, sources = sources_of(hashes, groups, np.arange(len(labels)), seed)
    first = np.unique(sources, return_index=True)[1]
    fold_of = np.zeros(len(numbers), int)
    dealt = 0
    for c in np.unique(labels[first]):
        members = np.flatnonzero(labels[first] == c)
        ordered = members[np.argsort(numbers[members], kind="stable")]
        # Going on where the last class ended, so that small classes do not all fill the first folds.
        fold_of[ordered] = (np.arange(len(ordered)) + dealt) % folds
        dealt += len(ordered)
    folds_of_pictures: np.ndarray = fold_of[sources]
    return folds_of_pictures


def _known(labels: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Whether the head that judged a picture had seen its class, `(N,) bool`: otherwise all of it looks wrong."""
    pairs = np.unique(np.stack([labels, fold]), axis=1)
    classes, folds = np.unique(pairs[0], return_counts=True)
    return np.isin(labels, classes[folds > 1])


def _confident(probabilities: np.ndarray, labels: np.ndarray, known: np.ndarray) -> list[Suspect]:
    rows = np.arange(len(labels))
    own = probabilities[rows, labels]
    classes = probabilities.shape[1]
    members = np.bincount(labels[known], minlength=classes)
    confidence = np.bincount(labels[known], weights=own[known], minlength=classes)
    # A class without pictures is nobody's true class.
    thresholds = np.where(members > 0, confidence / np.maximum(members, 1), np.inf)
    likely = np.where(probabilities >= thresholds, probabilities, -1)
    guess = likely.argmax(axis=1)
    doubtful = known & (likely[rows, guess] > own) & (guess != labels)
    found = [
        Suspect(k, int(labels[k]), int(guess[k]), float(own[k]), float(probabilities[k, guess[k]]))
        for k in np.flatnonzero(doubtful).tolist()
    ]
    return sorted(found, key=lambda s: (s.margin, s.index))


def write_suspects(path: Path, found: Sequence[Suspect], paths: Sequence[str], classes: Sequence[str]) -> None:
    """`suspects.csv`, one line a suspect; no cell is a formula to spreadsheets. Raises OutputError."""
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for rank, one in enumerate(found, 1):
        names = (paths[one.index], classes[one.label], classes[one.looks_like])
        numbers = (one.margin, one.label_probability, one.looks_like_probability)
        table.writerow([rank, *map(defused, names), *(f"{number:.4f}" for number in numbers)])
    write_whole(path, text.getvalue().encode("utf-8", "surrogateescape"))
