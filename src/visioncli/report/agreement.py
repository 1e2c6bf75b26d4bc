"""How far two runs say the same of each picture, whether or not anybody knows the truth."""

import re
from typing import Any

import numpy as np

from visioncli.datasets.interface import F64, I64, Annotations, plain_annotations
from visioncli.metrics.matching import greedy, rank_in_cell
from visioncli.metrics.pairs import Kind, cells, find_pairs
from visioncli.report.columns import numbers
from visioncli.report.objects import Answers, Rows

SAME = 0.5
"""Overlap from which objects of two runs are one."""


def disagreement(first: Answers, second: Answers) -> dict[str, Any]:
    """Columns of a pair of runs: `apart` (N,) from 0, the same, to 1, NaN where one has no answer; and of objects the
    rows of the other run that they stand for.

    Of classes it is half the sum of the differences of their probabilities, as far as records name them (total
    variation); of objects the share that is in one run only; of masks of classes one less the mean IoU; of captions
    the share of their words.
    """
    both = first.ok & second.ok
    more: dict[str, Any] = {}
    if first.output.task == "caption":
        apart = _words(first.rows, second.rows)
    elif first.rows.boxes is not None and second.rows.boxes is not None and first.output.task != "gradcam":
        if np.isnan(first.rows.boxes).any() or np.isnan(second.rows.boxes).any():
            apart = _masks(first.rows, second.rows)
        else:
            apart, partner = _objects(first.rows, second.rows)
            back = np.full(len(second.rows), -1, np.int64)
            back[partner[partner >= 0]] = np.flatnonzero(partner >= 0)
            more = {"firstPartner": numbers(partner), "secondPartner": numbers(back)}
    elif first.rows.masks is not None and second.rows.masks is not None:
        apart = _masks(first.rows, second.rows)
    else:
        apart = _classes(first.rows, second.rows)
    return {"apart": numbers(np.where(both, apart, np.nan)), **more}


def _classes(first: Rows, second: Rows) -> F64:
    pictures = len(first.start) - 1
    width = max(int(first.label.max(initial=0)), int(second.label.max(initial=0))) + 1
    sides = []
    for rows in (first, second):
        keys, place = np.unique(rows.picture * width + rows.label, return_inverse=True)
        sides.append((keys, np.bincount(place, np.nan_to_num(rows.score), minlength=len(keys))))
    every = np.union1d(sides[0][0], sides[1][0])
    values = np.zeros((2, len(every)))
    for n, (keys, scores) in enumerate(sides):
        values[n, np.searchsorted(every, keys)] = scores
    gaps = np.abs(values[0] - values[1])
    return np.minimum(np.bincount(every // width, gaps, minlength=pictures) / 2, 1)


def _annotations(rows: Rows) -> Annotations:
    assert rows.boxes is not None
    return plain_annotations(rows.picture, rows.label, rows.boxes, np.nan_to_num(rows.score, nan=1.0))


def _objects(first: Rows, second: Rows) -> tuple[F64, I64]:
    """The share of objects without a partner, and (M,) the row of `second` that each of `first` stands for."""
    one, other = _annotations(first), _annotations(second)
    width = int(max(first.label.max(initial=0), second.label.max(initial=0))) + 1
    cell = cells(one.image, one.category, width)
    pairs = find_pairs(Kind.BOXES, other, one, cells(other.image, other.category, width), cell, SAME)
    found = greedy(
        pairs, rank_in_cell(cell, one.score), other.crowd, np.zeros((len(other), 1), bool), np.array([SAME])
    )
    partner = np.full(len(one), -1, np.int64)
    partner[found.detection] = found.truth[:, 0, 0]
    pictures = len(first.start) - 1
    matched = np.bincount(one.image[partner >= 0], minlength=pictures)
    every = np.diff(first.start) + np.diff(second.start)
    return 1 - np.where(every > 0, 2 * matched / np.maximum(every, 1), 1.0), partner


def _masks(first: Rows, second: Rows) -> F64:
    """One less the mean IoU over the classes that either run has in a picture."""
    from pycocotools import mask as coco

    pictures = len(first.start) - 1
    apart = np.zeros(pictures)
    for n in range(pictures):
        sides = [_by_class(rows, n) for rows in (first, second)]
        labels = sides[0].keys() | sides[1].keys()
        total = 0.0
        for label in labels & sides[0].keys() & sides[1].keys():
            one, other = (coco.merge(side[label]) for side in sides)
            if one["size"] == other["size"]:
                total += float(coco.iou([one], [other], [False])[0, 0])
        apart[n] = 1 - total / len(labels) if labels else 0.0
    return apart


def _by_class(rows: Rows, picture: int) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = {}
    for row in range(int(rows.start[picture]), int(rows.start[picture + 1])):
        mask = rows.masks[row] if rows.masks is not None else None
        if mask is not None:
            encoded = {"size": [mask.height, mask.width], "counts": mask.counts.encode("ascii")}
            found.setdefault(int(rows.label[row]), []).append(encoded)
    return found


def _words(first: Rows, second: Rows) -> F64:
    """The share of words that only one of two sentences has."""
    out = np.zeros(len(first.start) - 1)
    for n, (one, other) in enumerate(zip(first.more["text"], second.more["text"], strict=True)):
        a, b = (set(re.findall(r"\w+", " ".join(texts).casefold())) for texts in (one, other))
        out[n] = 1 - len(a & b) / len(a | b) if a | b else 0.0
    return out
