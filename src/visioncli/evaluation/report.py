"""What an evaluation says, as one JSON document and as tables; everything that is printed is in them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from visioncli.evaluation.contest import Evaluation
from visioncli.evaluation.documents import (
    CLASSES,
    CONFUSION,
    NUMBERS,
    SLICES,
    STRESS,
    Row,
    classes_table,
    confusion_table,
    json_document,
    json_lines,
    record_files,
    table,
    with_ends,
)
from visioncli.evaluation.score import FEW_PICTURES, Resampling
from visioncli.evaluation.select import Selection
from visioncli.evaluation.stress import StressRow
from visioncli.labelled.interface import Example, PictureSet
from visioncli.metrics.classification_report import SCHEMA
from visioncli.metrics.intervals import pair
from visioncli.metrics.report import ConfusionTable, plain
from visioncli.results import Record


@dataclass(frozen=True, slots=True, eq=False)
class Whole:
    """An evaluation, with what it was of."""

    pictures: PictureSet
    selection: Selection
    evaluation: Evaluation
    how: Resampling

    def warnings(self) -> list[str]:
        """Sentences about what the numbers cannot tell."""
        found = [*self.pictures.warnings, *self.selection.warnings]
        if not self.evaluation.scored:
            return found
        here = {k for i in self.evaluation.rows for k in self.evaluation.examples[i].labels}
        empty = [name for k, name in enumerate(self.pictures.classes) if k not in here]
        if empty:
            named = ", ".join(empty[:5]) + (", …" if len(empty) > 5 else "")
            have = "1 class of the set has" if len(empty) == 1 else f"{len(empty)} classes of the set have"
            found.append(f"{have} no picture here ({named}); the means over classes are of the others.")
        count = len(self.evaluation.rows)
        if self.how.resamples and count < FEW_PICTURES:
            found.append(f"{count} pictures are few: the intervals are rough, and truly wider than they look.")
        return found

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; undefined numbers are null, intervals are [low, high]."""
        run, chosen = self.evaluation, self.selection
        body: dict[str, Any] = {
            "schema": SCHEMA,
            "kind": "multi_label" if self.pictures.multi_label else "classes",
            "data": self.pictures.source,
            "format": self.pictures.format,
            "split": chosen.split,
            "pictures": len(run.rows),
            "failed": run.failed,
            "left_out": {"trained_on": chosen.trained_on, "unknown_class": chosen.unknown_class},
            "bootstrap": {"resamples": self.how.resamples, "seed": self.how.seed},
            "models": [self._model(k) for k in range(len(run.scored))],
        }
        if run.comparisons:
            body["comparisons"] = [self._comparison(k) for k in range(len(run.comparisons))]
        if run.slices:
            body["slices"] = [
                {"model": s.model, "column": s.column, "value": s.value, "pictures": s.scored.report.pictures}
                | _totals(s.scored.report)
                for s in run.slices
            ]
        if run.stress:
            body["stress"] = [
                {
                    "model": row.model,
                    "kind": row.kind,
                    "level": row.level,
                    "pictures": row.pictures,
                    row.headline: plain(row.number),
                    "interval": pair(row.ends),
                    "difference": plain(row.difference),
                    "difference_interval": pair(row.difference_ends),
                }
                for row in run.stress
            ]
        return body | {"warnings": self.warnings()}

    def _model(self, k: int) -> dict[str, Any]:
        run = self.evaluation
        body = run.scored[k].report.to_json()
        for shared in ("schema", "kind", "warnings", "bootstrap"):
            body.pop(shared, None)
        model = next(record.model for record in run.records[k] if record.model is not None)
        return {"name": run.names[k], "weights_sha256": model.weights_sha256, "precision": model.precision} | body

    def _comparison(self, k: int) -> dict[str, Any]:
        body = self.evaluation.comparisons[k].to_json()
        for shared in ("classes", "bootstrap"):
            body.pop(shared, None)
        return body

    def documents(self) -> dict[str, bytes]:
        """Every file by name."""
        run = self.evaluation
        reports = [(name, scored.report) for name, scored in zip(run.names, run.scored, strict=False)]
        tables = [(name, r.confusion) for name, r in reports if isinstance(r.confusion, ConfusionTable)]
        files = {NUMBERS: json_document(self.to_json()), CLASSES: classes_table(reports)}
        if tables:
            files[CONFUSION] = confusion_table(tables)
        if run.slices:
            files[SLICES] = self._slices()
        if run.stress:
            files[STRESS] = self._stress()
        for name, records in zip(record_files(run.names), run.records, strict=True):
            files[name] = json_lines(self._with_truth(records))
        return files

    def _with_truth(self, records: tuple[Record, ...]) -> Iterator[dict[str, Any]]:
        for example, record in zip(self.evaluation.examples, records, strict=True):
            yield replace(record, extra=record.extra | {"truth": self._truth(example)}).to_json()

    def _truth(self, example: Example) -> dict[str, Any]:
        truth: dict[str, Any] = {"labels": [self.pictures.classes[k] for k in example.labels]}
        if example.split:
            truth["split"] = example.split
        return truth

    def _slices(self) -> bytes:
        names = list(self.evaluation.slices[0].scored.report.totals)
        columns = [c for name in names for c in (name, f"{name}_low", f"{name}_high")]

        def rows() -> Iterator[Row]:
            for s in self.evaluation.slices:
                report = s.scored.report
                cells = dict(report.totals)
                for name, ends in (report.intervals.totals if report.intervals else {}).items():
                    cells |= with_ends(name, ends)
                yield s.model, s.column, s.value, report.pictures, *(cells.get(c, "") for c in columns)

        return table(("model", "column", "value", "pictures", *columns), rows())

    def _stress(self) -> bytes:
        headline = self.evaluation.stress[0].headline
        numbers = [f"{name}{end}" for name in (headline, "difference") for end in ("", "_low", "_high")]
        return table(
            ("model", "kind", "level", "pictures", *numbers),
            map(_stress_cells, self.evaluation.stress),
        )


def _stress_cells(row: StressRow) -> Row:
    own, lost = map(float, row.ends), map(float, row.difference_ends)
    return row.model, row.kind, row.level, row.pictures, row.number, *own, row.difference, *lost


def _totals(report: Any) -> dict[str, Any]:
    body: dict[str, Any] = {"total": {name: plain(value) for name, value in report.totals.items()}}
    if report.intervals is not None:
        body["intervals"] = report.intervals.to_json()
    return body
