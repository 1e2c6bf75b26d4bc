"""Boxes, masks and keypoints: what became of every detection and of every true object, by `vision iou`'s matching.

Matching goes from the highest score down, so that what a detection matches does not depend on those below it: the
page can hide detections below a score, and what is left stays as it was.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from visioncli.datasets.align import align, match_images
from visioncli.datasets.interface import F64, I64, Annotations, Dataset, Progress, ReadOptions, silent
from visioncli.datasets.recognise import Format
from visioncli.datasets.sides import locate, read_both
from visioncli.errors import UsageError
from visioncli.evaluation.difference import difference
from visioncli.evaluation.score import Resampling
from visioncli.metrics.evaluate import Evaluation, Settings, evaluate
from visioncli.metrics.pairs import Kind, find_pairs
from visioncli.predictions import Rle, Segment
from visioncli.report.classes import ClassTable
from visioncli.report.columns import numbers, starts
from visioncli.report.judged import Judged, RunVerdict, calibration_of, comparison
from visioncli.report.masks import SmallMask, small_mask
from visioncli.report.objects import Answers, Rows
from visioncli.report.outputs import Output
from visioncli.report.truth import ObjectTruth
from visioncli.results import dump_line

NOT_JUDGED, HIT, VOID, OTHER_CLASS, POORLY_PLACED, TWICE, NOTHING_THERE = range(7)
"""What became of a detection, after TIDE (Bolya et al. 2020, arXiv 2008.08115). VOID ones count neither way."""
NEAR = 0.1
"""Overlap from which a detection is about an object at all, in TIDE's sense."""
HEADLINES = ("AP", "AP50", "AP75", "precision", "recall", "f1", "mean_iou")


@dataclass(frozen=True, slots=True)
class ObjectOptions:
    """How objects are compared: as in `vision iou`."""

    iou: float = 0.5
    split: str | None = None
    images: Path | None = None
    names: Path | None = None
    progress: Progress = silent


@dataclass(frozen=True, slots=True, eq=False)
class _Held:
    """A run against the truth: what was found, its detections' rows on the page, and of the truth the rows in the
    whole file and the page's picture of each."""

    found: Evaluation
    detections: I64
    objects: I64
    picture: I64
    whole: Dataset


def judge(
    truth: ObjectTruth, runs: Sequence[Answers], table: ClassTable, how: Resampling, options: ObjectOptions
) -> Judged:
    """All runs, on the pictures that every one of them has a record of. Raises DatasetError and UsageError."""
    kind, warnings = _kind(runs)
    everywhere = np.all([run.record >= 0 for run in runs], axis=0)
    held = [_hold(truth, run, kind, everywhere, how, options) for run in runs]
    place, rows = _truth_rows(held, kind, len(everywhere), table)
    verdicts = tuple(_verdict(one, run, place, kind) for one, run in zip(held, runs, strict=True))
    counted = np.zeros(len(rows), bool)
    for one in held:
        counted[place[one.objects]] = one.found.counted
    known = np.zeros(len(everywhere), bool)
    known[held[0].picture[held[0].picture >= 0]] = True
    warnings += [w for one in held for w in one.found.report.warnings]
    tests = []
    for a in range(len(runs)):
        for b in range(a + 1, len(runs)):
            first, second = held[a].found.sample, held[b].found.sample
            if first is not None and second is not None:
                names = runs[a].output.name, runs[b].output.name
                tests.append(comparison(a, b, difference((names[0], first), (names[1], second), how).sentence()))
    return Judged(
        kind=kind.value,
        source=truth.source,
        pictures=len(held[0].found.data.images),
        runs=verdicts,
        truth=rows.to_json() | {"known": numbers(known), "counted": numbers(counted)},
        comparisons=tuple(tests),
        warnings=tuple(dict.fromkeys(warnings)),
        per_class=_per_class(held, table),
    )


def _kind(runs: Sequence[Answers]) -> tuple[Kind, list[str]]:
    """What is compared. Raises UsageError where a run has only class masks."""
    task = runs[0].output.task
    if task == "pose":
        return Kind.KEYPOINTS, []
    if task == "segment":
        for run in runs:
            if any(p.box is None for r in run.output.records for p in r.predictions or () if isinstance(p, Segment)):
                raise UsageError(
                    f"{run.output.folder} holds masks of classes, not of single objects. Give --truth a folder of "
                    "label maps, or make the run again with --mode instance."
                )
        return Kind.MASKS, []
    return Kind.BOXES, []


def _hold(
    truth: ObjectTruth,
    run: Answers,
    kind: Kind,
    everywhere: np.ndarray,
    how: Resampling,
    options: ObjectOptions,
) -> _Held:
    reading = ReadOptions(
        masks=kind is Kind.MASKS,
        keypoints=kind is Kind.KEYPOINTS,
        images=options.images,
        names=options.names,
        progress=options.progress,
    )
    with _readable(run.output) as path:
        other = locate(path, Format.JSONL, keypoints=reading.keypoints)
        split = options.split if len(truth.side.parts) > 1 else None
        ours, theirs = read_both(truth.side, other, reading, split)
    picture_of = np.array(run_places(run), np.int64)
    theirs, page_rows = _numbered(theirs, run, picture_of, everywhere)
    ours = replace(ours, annotations=replace(ours.annotations, ids=np.arange(len(ours.annotations))))
    whole = ours
    used = np.bincount(theirs.annotations.image, minlength=len(theirs.images)) > 0
    wanted = match_images(ours, theirs, used)
    wanted[~everywhere[picture_of]] = -1
    ours = _only(ours, np.unique(wanted[wanted >= 0]))
    if not len(ours.images) and ours.images.listed:
        raise UsageError(
            f"{truth.source} has none of these pictures: it has {whole.images.call(0)}, and the runs have "
            f"{theirs.images.call(0)}."
        )
    data = align(ours, replace(theirs, warnings=()), skip_unknown=True)
    settings = Settings(kind=kind, iou=options.iou, score=0.0, resamples=how.resamples, seed=how.seed)
    found = evaluate(data, settings, truth.source, run.output.name, options.progress)
    assert data.predicted is not None
    picture = np.full(len(data.images), -1, np.int64)
    there = data.predicted >= 0
    picture[data.predicted[there]] = picture_of[there]
    assert isinstance(data.truth.ids, np.ndarray) and isinstance(data.detections.ids, np.ndarray)
    return _Held(found, page_rows[data.detections.ids], data.truth.ids, picture, whole)


def run_places(run: Answers) -> list[int]:
    """The page's picture of each record."""
    place = np.full(len(run.output.records), -1, np.int64)
    there = np.flatnonzero(run.record >= 0)
    place[run.record[there]] = there
    return place.tolist()


@contextmanager
def _readable(output: Output) -> Iterator[Path]:
    """The records as a file that the reader takes: their own, or a copy without what was left out of it."""
    if not output.warnings:
        yield output.path
        return
    with tempfile.TemporaryDirectory(prefix="vision-report-") as folder:
        path = Path(folder) / output.path.name
        path.write_bytes(b"".join(dump_line(record.to_json()) for record in output.records))
        yield path


def _numbered(theirs: Dataset, run: Answers, picture_of: I64, everywhere: np.ndarray) -> tuple[Dataset, I64]:
    """The predictions of pictures that count, with their place in the file as ids; and the page's row of each."""
    rows = theirs.annotations
    picture = picture_of[rows.image]
    within = np.array(rows.ids, np.int64)
    page = run.rows.start[picture] + within
    numbered = replace(rows, ids=np.arange(len(rows)))
    keep = everywhere[picture]
    chosen = numbered.take(keep, rows.image[keep], rows.category[keep])
    return replace(theirs, annotations=chosen, warnings=()), page


def _only(data: Dataset, images: I64) -> Dataset:
    """The data set with these of its pictures."""
    place = np.full(len(data.images), -1, np.int64)
    place[images] = np.arange(len(images))
    rows = data.annotations
    keep = place[rows.image] >= 0
    chosen = rows.take(keep, place[rows.image[keep]], rows.category[keep])
    table = data.images
    names = tuple(table.names[i] for i in images.tolist())
    ids = None if table.ids is None else tuple(table.ids[i] for i in images.tolist())
    return replace(data, images=replace(table, names=names, ids=ids, sizes=table.sizes[images]), annotations=chosen)


def _truth_rows(held: Sequence[_Held], kind: Kind, pictures: int, table: ClassTable) -> tuple[I64, Rows]:
    """The page's row of each object of the truth's file, -1 for those of other pictures; and these rows."""
    whole = held[0].whole.annotations
    picture = np.full(len(whole), -1, np.int64)
    label = np.zeros(len(whole), np.int64)
    for one in held:
        data = one.found.data
        picture[one.objects] = one.picture[data.truth.image]
        codes = np.array([table.code(data.categories.call(k)) for k in range(len(data.categories))], np.int64)
        if len(one.objects):
            label[one.objects] = codes[data.truth.category]
    shown = np.flatnonzero(picture >= 0)
    shown = shown[np.argsort(picture[shown], kind="stable")]
    place = np.full(len(whole), -1, np.int64)
    place[shown] = np.arange(len(shown))
    counts = np.bincount(picture[shown], minlength=pictures)
    own = whole.take(shown, whole.image[shown], whole.category[shown])
    rows = Rows(
        starts(counts.tolist()),
        label[shown],
        np.full(len(shown), np.nan),
        boxes=own.boxes,
        masks=_small_masks(own) if kind is Kind.MASKS else None,
        keypoints=_true_points(own) if kind is Kind.KEYPOINTS else None,
    )
    return place, rows


def _small_masks(rows: Annotations) -> tuple[SmallMask | None, ...]:
    found = rows.masks or ()
    return tuple(small_mask(Rle((int(m["size"][0]), int(m["size"][1])), m["counts"].decode("ascii"))) for m in found)


def _true_points(rows: Annotations) -> F64 | None:
    """(M, 17, 3) with NaN for joints that are not labelled."""
    if rows.keypoints is None:
        return None
    points = rows.keypoints.astype(np.float64).copy()
    points[points[:, :, 2] <= 0] = np.nan
    return points


def _verdict(one: _Held, run: Answers, place: I64, kind: Kind) -> RunVerdict:
    found = one.found
    fate = np.full(len(run.rows), NOT_JUDGED, np.uint8)
    overlap = np.full(len(run.rows), np.nan)
    about = np.full(len(run.rows), -1, np.int64)
    fates, near, nearest = _fates(found, kind)
    fate[one.detections], overlap[one.detections] = fates, nearest
    known = near >= 0
    about[one.detections[known]] = place[one.objects[near[known]]]
    hits = np.flatnonzero(fates == HIT)
    by = np.full(int((place >= 0).sum()), -1, np.int64)
    by[place[one.objects[found.matched[hits]]]] = one.detections[hits]
    numbers_of = found.report.numbers()
    judged = ~found.void
    scored = found.data.detections.score[judged]
    return RunVerdict(
        columns={
            "fate": numbers(fate),
            "iou": numbers(overlap),
            "about": numbers(about),
            "foundBy": numbers(by),
        },
        numbers={name: numbers_of[name] for name in HEADLINES if name in numbers_of},
        intervals=found.report.intervals,
        calibration=calibration_of(scored, (found.matched >= 0)[judged]),
    )


def _fates(found: Evaluation, kind: Kind) -> tuple[np.ndarray, I64, F64]:
    """Of each detection what became of it, the true object it is about (-1 for none), and their overlap."""
    data = found.data
    truth, detections = data.truth, data.detections
    count = len(detections)
    fate = np.full(count, NOTHING_THERE, np.uint8)
    near, overlap = np.full(count, -1, np.int64), np.zeros(count)
    pairs = find_pairs(kind, truth, detections, truth.image, detections.image, NEAR)
    real = found.counted[pairs.truth]
    d, g, iou = pairs.detection[real], pairs.truth[real], pairs.iou[real]
    same = detections.category[d] == truth.category[g]
    threshold = found.report.iou
    # In rising order of what decides: a later line wins over an earlier one, as does the larger overlap.
    for chosen, what in (
        (same & (iou < threshold), POORLY_PLACED),
        (~same & (iou >= threshold), OTHER_CLASS),
        (same & (iou >= threshold), TWICE),
    ):
        rows = np.flatnonzero(chosen)
        rows = rows[np.argsort(iou[rows], kind="stable")]
        fate[d[rows]], near[d[rows]], overlap[d[rows]] = what, g[rows], iou[rows]
    if found.confused is not None:
        by_pair = {(int(a), int(b)): v for a, b, v in zip(d, g, iou, strict=True)}
        for at, row in zip(*(side.tolist() for side in found.confused), strict=True):
            fate[row], near[row], overlap[row] = OTHER_CLASS, at, by_pair.get((row, at), np.nan)
    hit = (found.matched >= 0) & ~found.void
    fate[hit], near[hit], overlap[hit] = HIT, found.matched[hit], found.overlap[hit]
    fate[found.void] = VOID
    return fate, near, overlap


def _per_class(held: Sequence[_Held], table: ClassTable) -> dict[str, Any]:
    """AP of each class by its code, one value a run."""
    out: dict[str, list[float | None]] = {}
    for n, one in enumerate(held):
        for report in one.found.report.classes:
            value = report.precisions.get("AP", float("nan"))
            row = out.setdefault(str(table.code(report.label)), [None] * len(held))
            row[n] = None if np.isnan(value) else round(value, 4)
    return {"AP": out}
