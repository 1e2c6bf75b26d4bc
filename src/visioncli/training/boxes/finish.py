"""The end of a run that learned boxes: what it is worth on pictures that it did not see, and what is written."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from visioncli.errors import InputError
from visioncli.files import write_picture, write_whole
from visioncli.labelled.interface import TEST, TRAIN, VAL
from visioncli.metrics.intervals import RESAMPLES
from visioncli.metrics.report import Report
from visioncli.models.row import Accuracy, ModelRow, Untrained
from visioncli.render import confusion, contact_sheet
from visioncli.render.detect import draw_boxes, mark
from visioncli.results import dump_line
from visioncli.runner import run
from visioncli.tasks import TASKS
from visioncli.training.boxes import augment as box_augment
from visioncli.training.boxes.card import BoxCard, box_card
from visioncli.training.boxes.learners import learner_class
from visioncli.training.boxes.lesson import SCORE
from visioncli.training.boxes.prepare import BoxPrepared
from visioncli.training.boxes.scores import box_report
from visioncli.training.boxes.store import BoxStore
from visioncli.training.data import augment
from visioncli.training.finishing import Ended
from visioncli.training.run_files import write_confusion
from visioncli.training.watch import read_log
from visioncli.weights.runs import read_facts, read_run, read_weights, write_model


class BoxFinishing(Ended[BoxPrepared]):
    """The end of a run that learned boxes."""

    __slots__ = ()


_SHOWN, _VERSIONS = 6, 6
_DRAWN_CLASSES = 60
_ENLARGED = 2 * contact_sheet.SIDE
_NUMBERS = ("AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large", "AR1", "AR10", "AR100")
_BOX_WORDS = {"AP": "box AP", "AP50": "box AP50"}
_PART_WORDS = {"mask_AP": "mask AP", "OKS_AP": "keypoint AP"}
_ON = {TEST: "its own test pictures", VAL: "its own validation pictures"}
_PART_NAMES = {f"val_{name.lower()}": name for name in ("mask_AP", "mask_AP50", "OKS_AP", "OKS_AP50")}


def finish_boxes(run_: BoxFinishing) -> None:
    """Measures the kept model on the validation and test parts, and writes all that belongs to it.

    Raises OutputError; what was learned is on disk before, and a resumed run comes here again.
    """
    row = read_run(run_.folder)
    reports: dict[str, Report] = {}
    for part, what in ((VAL, "validating"), (TEST, "testing")):
        if len(places := run_.prepared.part(part)):
            reports[part] = _measured(run_, row, places, part, what)
    _write_confusion(run_, reports[VAL])
    run_.draw_curves(None, "val_ap", "AP")
    _draw_sheet(run_)
    part = TEST if TEST in reports else VAL
    parts = _part_numbers(run_)
    accuracy = (*_accuracy(parts, _PART_WORDS, VAL), *_accuracy(_shown(reports[part]), _BOX_WORDS, part))
    learner = read_facts(run_.folder).get("learner", {})
    measured = {name: _numbers(report) for name, report in reports.items()}
    measured[VAL]["numbers"] |= parts
    facts = run_.facts({}, measured, learner=learner)
    with run_.watcher.undisturbed():
        row = write_model(run_.folder, dataclasses.replace(row, accuracy=accuracy), read_weights(row), facts)
    write_whole(run_.folder / "MODEL_CARD.md", box_card(_card(run_, row, reports, parts)).encode())
    run_.tell_best()
    run_.log("result", **{name: v for name, v in _shown(reports[VAL]).items() if not math.isnan(v)})


def _accuracy(numbers: dict[str, float], words: dict[str, str], part: str) -> tuple[Accuracy, ...]:
    """Those of the `numbers` that have `words`, measured on a part, as a row has them."""
    return tuple(
        Accuracy(words[name], round(100 * value, 2), _ON[part])
        for name, value in numbers.items()
        if name in words and not math.isnan(value)
    )


def _part_numbers(run_: BoxFinishing) -> dict[str, float]:
    """How good masks or keypoints of the kept network are on the validation part: measured when it was kept, by the
    network itself; it would take as long again to look at all pictures once more."""
    told = [e for e in read_log(run_.folder) if e["event"] in ("start", "epoch") and e.get("best", True)]
    last = told[-1] if told else {}
    return {name: last[key] for key, name in _PART_NAMES.items() if last.get(key) is not None}


def _measured(run_: BoxFinishing, row: ModelRow, places: np.ndarray, part: str, what: str) -> Report:
    """By the task itself, so that what is measured is what `vision detect` answers. Writes the part's records."""
    pictures = run_.prepared.pictures
    task: Any = TASKS["detect"](row, run_.engine, score=SCORE)
    options = dataclasses.replace(run_.options, reduce=False)
    kind = learner_class(row)
    first = 1 if kind is not None and kind.background else 0
    answers, lines = [np.zeros((0, 7))], []
    outcomes = run([pictures.examples[n] for n in places.tolist()], task, options)
    for k, (n, outcome) in enumerate(zip(places.tolist(), outcomes, strict=True)):
        record, objects = outcome.record, pictures.objects[n]
        if record.ok:
            rows = [[n, *p.box, p.score, p.label_id - first] for p in record.predictions or ()]
            answers.append(np.array(rows, np.float64).reshape(-1, 7))
        truth = {
            "labels": [pictures.classes[label] for label in objects.labels.tolist()],
            "boxes": objects.boxes.tolist(),
            "crowd": objects.crowd.tolist(),
        }
        lines.append(dump_line(dataclasses.replace(record, extra=record.extra | {"truth": truth}).to_json()))
        run_.watcher.progress(what, k + 1, len(places))
    write_whole(run_.folder / f"{part}.jsonl", b"".join(lines))
    found = np.concatenate(answers)
    return box_report(pictures, places, found, resamples=RESAMPLES, seed=run_.recipe.seed, name=str(run_.folder))


def _shown(report: Report) -> dict[str, float]:
    return {name: float(report.official[name]) for name in _NUMBERS}


def _numbers(report: Report) -> dict[str, Any]:
    body = report.to_json()
    ends = {} if report.intervals is None else report.intervals.to_json()
    return {
        "pictures": report.pictures,
        "numbers": {name: None if math.isnan(v) else v for name, v in _shown(report).items()},
        "intervals": {name: ends.get(name) for name in _NUMBERS},
        "classes": body["classes"],
    }


def _write_confusion(run_: BoxFinishing, report: Report) -> None:
    """Objects by true and answered class; the last row and column are what has no counterpart."""
    table = report.confusion
    names = [*table.labels, "nothing"] if len(table.counts) > len(table.labels) else table.labels
    write_confusion(run_.folder / "confusion.csv", names, table.counts)
    note = f"objects of {report.pictures:,} validation pictures, and what has no counterpart"
    drawn = confusion.draw(names, table.counts, note, most=_DRAWN_CLASSES, confused=True)
    write_picture(run_.folder / "confusion.png", drawn, "PNG", optimize=True)


def _draw_sheet(run_: BoxFinishing) -> None:
    """`augmented.jpg`: windows of pictures as the network is given them, with the boxes that it learns."""
    prepared, recipe = run_.prepared, run_.recipe
    train = prepared.part(TRAIN)
    store = BoxStore(prepared.pictures, lambda width, height: (width, height), 0)
    rows, labels = [], []
    for n in train[:: max(1, len(train) // _SHOWN)][:_SHOWN].tolist():
        try:
            pixels, boxes, classes = store.get(n)
        except (InputError, OSError):
            continue  # it was there when training began
        size = (pixels.shape[1], pixels.shape[0])
        drawn = [box_augment.Params((0, 0, *size))]
        for epoch in range(_VERSIONS):
            rng = augment.generator(recipe.seed, epoch, n)
            drawn.append(box_augment.draw(rng, recipe.augment, size, boxes, mirror=prepared.mirror))
        made = [box_augment.apply(pixels, boxes, classes, params) for params in drawn]
        rows.append([_marked(*one, prepared.pictures.classes) for one in made])
        labels.append(Path(prepared.pictures.examples[n].shown).name)
    title = f"--augment {recipe.augment}" + ("" if prepared.mirror else ", not mirrored")
    write_picture(run_.folder / "augmented.jpg", contact_sheet.draw(rows, labels, title), "JPEG", quality=90)


def _marked(pixels: np.ndarray, boxes: np.ndarray, labels: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    factor = _ENLARGED / max(pixels.shape[:2])
    size = (max(1, round(pixels.shape[1] * factor)), max(1, round(pixels.shape[0] * factor)))
    canvas = Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR)
    scaled = (boxes * factor).tolist()
    draw_boxes(canvas, [mark(tuple(b), names[k], k + 1) for b, k in zip(scaled, labels.tolist(), strict=True)])
    return np.asarray(canvas)


def _card(run_: BoxFinishing, row: ModelRow, reports: dict[str, Report], parts: dict[str, float]) -> BoxCard:
    prepared = run_.prepared
    learned, base = prepared.part(TRAIN), prepared.row
    if isinstance(base.source, Untrained):
        from visioncli.training.boxes.torchvision_learner import backbone_at_hand

        base = backbone_at_hand(base) or base
    return BoxCard(
        **run_.card(row, base),
        objects=prepared.objects[:, learned].sum(1).tolist(),
        reports=reports,
        parts=parts,
        unfreeze=str(run_.recipe.unfreeze),
        augmentation=str(run_.recipe.augment) + ("" if prepared.mirror else ", not mirrored"),
    )
