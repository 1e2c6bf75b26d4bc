"""What a run answered, as columns: the predictions of all pictures one below the other, and facts of each picture."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from visioncli.datasets.interface import F64, I64, Flags
from visioncli.geometry.keypoints import NAMES
from visioncli.predictions import Caption, Detection, Explanation, Person, Segment
from visioncli.report.alike import TITLES
from visioncli.report.classes import ClassTable, codes_of
from visioncli.report.columns import finite, numbers, starts, words
from visioncli.report.masks import SmallMask, masks_to_json, small_mask
from visioncli.report.outputs import Output
from visioncli.report.recordings import on_page
from visioncli.results import Record

ABSENT, OK, FAILED = 0, 1, 2
"""What a run has of a picture."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Objects of N pictures, M of them, those of one picture side by side.

    start: (N + 1,) int64 the rows of each picture. label: (M,) int64 codes. score: (M,) float64, NaN for none.
    boxes: (M, 4) float64 x1 y1 x2 y2, NaN for none; masks: one small run-length encoding each; keypoints: (M, 17, 3)
    x, y, score. Each of these is None where no object has it. `more` are further columns as the page takes them.
    """

    start: I64
    label: I64
    score: F64
    boxes: F64 | None = None
    masks: tuple[SmallMask | None, ...] | None = None
    keypoints: F64 | None = None
    more: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.label)

    @property
    def picture(self) -> I64:
        """(M,) the picture of each row."""
        return np.repeat(np.arange(len(self.start) - 1), np.diff(self.start))

    def to_json(self) -> dict[str, Any]:
        """The columns as the page takes them."""
        body: dict[str, Any] = {"start": numbers(self.start), "label": numbers(self.label)}
        if not np.isnan(self.score).all():
            body["score"] = numbers(self.score)
        if self.boxes is not None:
            body["box"] = numbers(self.boxes.reshape(-1))
        if self.masks is not None:
            body["mask"] = masks_to_json(self.masks)
        if self.keypoints is not None:
            body["points"] = numbers(self.keypoints.reshape(-1))
        return body | self.more


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """A run on the N pictures of a page: which it has, why others failed, and its rows.

    `record` (N,) int64 is the place of each picture's record, -1 for none.
    """

    output: Output
    record: I64
    rows: Rows

    @property
    def ok(self) -> Flags:
        """(N,) bool: those that succeeded."""
        found = np.array([r.ok for r in self.output.records], bool)
        usable: Flags = (self.record >= 0) & found[self.record]
        return usable

    def to_json(self) -> dict[str, Any]:
        """The columns as the page takes them."""
        records = [None if n < 0 else self.output.records[n] for n in self.record.tolist()]
        state = [ABSENT if r is None else OK if r.ok else FAILED for r in records]
        body: dict[str, Any] = {
            "name": self.output.name,
            "model": f"{self.output.model} {self.output.precision}".strip(),
            "folder": str(self.output.folder),
            "state": numbers(np.array(state, np.uint8)),
            "objects": self.rows.to_json(),
            "ms": finite(_mean([r.ms.get("predict", float("nan")) for r in records if r is not None and r.ok]), 2),
        }
        if FAILED in state:
            errors = [r.error if r is not None else None for r in records]
            body["error"] = words(["" if e is None else e.message for e in errors])
            body["errorKind"] = words(["" if e is None else e.kind for e in errors])
        return body


def _mean(values: Sequence[float]) -> float:
    known = [v for v in values if v == v]  # noqa: PLR0124 - NaN
    return sum(known) / len(known) if known else float("nan")


def answers(output: Output, places: Sequence[int], pictures: int, table: ClassTable) -> Answers:
    """The run's predictions on all `pictures`; `places` has the place of each record's picture."""
    record = np.full(pictures, -1, np.int64)
    record[list(places)] = np.arange(len(places))
    ordered = [None if n < 0 else output.records[n] for n in record.tolist()]
    return Answers(output, record, _rows(ordered, output.task, table))


def _rows(records: Sequence[Record | None], task: str, table: ClassTable) -> Rows:
    if task == "caption":
        return _captions(records, table)
    found = [() if r is None else r.predictions or () for r in records]
    if task == "gradcam":
        found = [on_page(r) if r is not None and r.rate else some for r, some in zip(records, found, strict=True)]
    every = [p for some in found for p in some]
    label = [code for r in records if r is not None for code in codes_of(r, table)]
    score = np.array([_score(p) for p in every], np.float64).reshape(-1)
    start = starts(len(some) for some in found)
    rows = Rows(start, np.array(label, np.int64), score, boxes=_boxes(every))
    if task == "pose":
        return replace(rows, keypoints=_keypoints(every))
    if task == "segment":
        return replace(rows, masks=tuple(small_mask(p.mask) for p in every), more=_areas(every))
    if task == "gradcam":
        return replace(rows, more=_peaks(every))
    if task in TITLES:
        return replace(rows, more={"method": words([sign.about for sign in every])})
    return rows


def _score(prediction: Any) -> float:
    score = getattr(prediction, "score", None)
    return float("nan") if score is None else float(score)


def _boxes(every: Sequence[Any]) -> F64 | None:
    boxes = [getattr(p, "box", None) for p in every]
    if not any(box is not None for box in boxes):
        return None
    return np.array([(np.nan,) * 4 if box is None else box for box in boxes], np.float64).reshape(-1, 4)


def _keypoints(every: Sequence[Person]) -> F64:
    """In COCO's order; those that a record lacks are NaN."""
    out = np.full((len(every), len(NAMES), 3), np.nan)
    for row, person in enumerate(every):
        for k in person.keypoints:
            if k.name in NAMES:
                out[row, NAMES.index(k.name)] = k.x, k.y, k.score
    return out


def _areas(every: Sequence[Segment]) -> dict[str, Any]:
    return {"share": numbers(np.array([s.share for s in every], np.float64))}


def _peaks(every: Sequence[Explanation]) -> dict[str, Any]:
    peaks = np.array([e.peak for e in every], np.float64).reshape(-1)
    more = {"peak": numbers(peaks), "energy": numbers(np.array([e.energy for e in every], np.float64))}
    return more | {"method": words([f"{e.method}, {e.layer}" for e in every]), "by": words([e.model for e in every])}


def _captions(records: Sequence[Record | None], table: ClassTable) -> Rows:
    """Sentences, and as objects those that they were made from; `text` has a row a picture."""
    texts, found = [], []
    for record in records:
        said: Sequence[Caption] = (record.predictions or ()) if record is not None else ()
        texts.append([s.caption for s in said])
        found.append(_extra_objects(record))
    every = [d for some in found for d in some]
    return Rows(
        starts(len(some) for some in found),
        np.array([table.code(d.label, d.label_id) for d in every], np.int64),
        np.array([d.score for d in every], np.float64).reshape(-1),
        boxes=_boxes(every),
        more={"text": texts},
    )


def _extra_objects(record: Record | None) -> list[Detection]:
    """What a caption was made from: `extra.objects`, which reading has checked."""
    if record is None:
        return []
    return [
        Detection(str(o["label"]), int(o["label_id"]), float(o["score"]), tuple(o["box"]))
        for o in record.extra.get("objects", [])
    ]
