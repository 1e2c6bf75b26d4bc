"""The end of a run that learned masks: what it is worth on pictures that it did not see, and what is written."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from visioncli.errors import InputError
from visioncli.files import write_picture, write_whole
from visioncli.labelled.interface import TEST, TRAIN, VAL
from visioncli.labelled.masks import IGNORED
from visioncli.metrics.intervals import RESAMPLES
from visioncli.metrics.label_map_scores import LabelMapScores
from visioncli.metrics.report import LabelMapReport
from visioncli.models.offset import words
from visioncli.models.row import Accuracy, ModelRow
from visioncli.models.tta import SegmentTta
from visioncli.render import confusion, contact_sheet
from visioncli.render.colours import class_colour
from visioncli.results import dump_line
from visioncli.runner import run
from visioncli.tasks import TASKS
from visioncli.tasks.segment.masks import encode
from visioncli.tasks.views import VIEWS
from visioncli.training.data import augment
from visioncli.training.finishing import Ended
from visioncli.training.masks import augment as mask_augment
from visioncli.training.masks.card import MaskCard, mask_card
from visioncli.training.masks.prepare import MaskPrepared
from visioncli.training.masks.store import MaskStore
from visioncli.training.recipe import Augment, Recipe
from visioncli.training.run_files import write_confusion
from visioncli.weights.runs import read_run, read_weights, write_model

_SHOWN, _VERSIONS = 6, 6
_OPACITY = 0.45
TRIED_PIXELS = 2_000_000
"""So many pixels of validation pictures tell how many views to look at."""
GAIN = 0.002
"""Mean IoU for which twice or eight times the time is worth it."""
_DRAWN_CLASSES = 60


class MaskFinishing(Ended[MaskPrepared]):
    """The end of a run that learned masks."""

    __slots__ = ()


def finish_masks(run_: MaskFinishing) -> None:
    """Measures the kept model on the validation and test parts, and writes all that belongs to it.

    Raises OutputError; what was learned is on disk before, and a resumed run comes here again.
    """
    row = read_run(run_.folder)
    if row.offset:
        run_.log("offset", down=row.offset[0], right=row.offset[1])
        run_.watcher.say(f"Masks lie {words(row.offset)} what they mark, on average; so do its answers.")
    row = dataclasses.replace(row, views=best_views(run_, row))
    reports: dict[str, LabelMapReport] = {}
    for part, what in ((VAL, "validating"), (TEST, "testing")):
        if len(places := run_.prepared.part(part)):
            reports[part] = _measured(run_, row, places, part, what)
    _write_confusion(run_, reports[VAL])
    run_.draw_curves("val_loss", "val_miou", "mean IoU")
    _draw_sheet(run_)
    part = TEST if TEST in reports else VAL
    on = {TEST: "its own test pictures", VAL: "its own validation pictures"}[part]
    numbers = reports[part].numbers()
    known = [("mIoU", "miou"), ("pixel accuracy", "pixel_accuracy")]
    accuracy = tuple(Accuracy(words, round(100 * numbers[k], 2), on) for k, words in map(reversed, known))
    with run_.watcher.undisturbed():
        row = write_model(
            run_.folder, dataclasses.replace(row, accuracy=accuracy), read_weights(row), _facts(run_, reports)
        )
    write_whole(run_.folder / "MODEL_CARD.md", mask_card(_card(run_, row, reports)).encode())
    run_.tell_best()
    run_.log("result", **{name: v for name, v in reports[VAL].numbers().items() if np.isfinite(v)})


def offered_views(recipe: Recipe, prepared: MaskPrepared) -> SegmentTta:
    """The views in which a network learned to see pictures."""
    if recipe.augment is Augment.NONE or not prepared.mirror:
        return SegmentTta.NONE
    return SegmentTta.TURNS if prepared.turns else SegmentTta.FLIP


def best_views(run_: MaskFinishing, row: ModelRow) -> str:
    """In which views the network looks at a picture where `--tta` says nothing.

    Those in which it learned to see pictures, if some of validation are clearly better answered for it; "" where
    there is no such choice.
    """
    prepared = run_.prepared
    more = offered_views(run_.recipe, prepared)
    if more is SegmentTta.NONE:
        return ""
    places = prepared.part(VAL)
    few = max(1, int(TRIED_PIXELS / prepared.area))
    places = places[:: max(1, -(-len(places) // few))]
    found = {}
    for views in (SegmentTta.NONE, more):
        tried = _scores(run_, dataclasses.replace(row, views=views), places, "choosing views", [])
        found[views] = tried.report(prepared.pictures.source, str(run_.folder)).numbers()["miou"]
    gain = found[more] - found[SegmentTta.NONE]
    run_.log("views", **{f"miou_{name}": value for name, value in found.items() if np.isfinite(value)})
    if not gain >= GAIN:
        return SegmentTta.NONE
    times = len(VIEWS[more])
    run_.watcher.say(
        f"It looks at each picture in {times} views, for {times} times the time: mean IoU is {gain:.3f} better for "
        "it. --tta none leaves that out."
    )
    return more


def _measured(run_: MaskFinishing, row: ModelRow, places: np.ndarray, part: str, what: str) -> LabelMapReport:
    """Writes the part's records."""
    lines: list[bytes] = []
    scores = _scores(run_, row, places, what, lines)
    write_whole(run_.folder / f"{part}.jsonl", b"".join(lines))
    return scores.report(run_.prepared.pictures.source, str(run_.folder))


def _scores(run_: MaskFinishing, row: ModelRow, places: np.ndarray, what: str, lines: list[bytes]) -> LabelMapScores:
    """By the task itself, so that what is measured is what `vision segment` answers; `lines` gets its records."""
    pictures = run_.prepared.pictures
    task: Any = TASKS["segment"](row, run_.engine)
    # Pictures at their own size, as their masks are.
    options = dataclasses.replace(run_.options, reduce=False)
    scores = LabelMapScores(IGNORED, pictures.classes, resamples=RESAMPLES, seed=run_.recipe.seed)
    outcomes = run([pictures.examples[n] for n in places.tolist()], task, options)
    for k, (n, outcome) in enumerate(zip(places.tolist(), outcomes, strict=True)):
        record = outcome.record
        truth: dict[str, Any] = {"mask": pictures.paths[n]}
        if record.ok:
            found = outcome.arrays["classes"]
            try:
                true = pictures.mask(n, found.shape)
                scores.add(pictures.examples[n].shown, true, found)
                truth |= _segments(true, pictures.classes)
            except InputError as problem:
                run_.watcher.failure(pictures.examples[n].shown, str(problem))  # it was there when training began
        lines.append(dump_line(dataclasses.replace(record, extra=record.extra | {"truth": truth}).to_json()))
        run_.watcher.progress(what, k + 1, len(places))
    return scores


def _segments(true: np.ndarray, classes: Sequence[str]) -> dict[str, Any]:
    """The true mask as a record has masks, whatever it was read from, without the first class."""
    present = [n for n in np.unique(true).tolist() if n not in (0, IGNORED)]
    found: dict[str, Any] = {
        "segments": [
            {"label": classes[n], "label_id": n, "mask": dataclasses.asdict(encode(true == n))} for n in present
        ]
    }
    if (ignored := true == IGNORED).any():
        found["ignored"] = dataclasses.asdict(encode(ignored))
    return found


def _write_confusion(run_: MaskFinishing, report: LabelMapReport) -> None:
    """Pixels by true and answered class, without the row and column of what does not count."""
    labels, counts = report.confusion.labels, report.confusion.counts[:-1, :-1]
    write_confusion(run_.folder / "confusion.csv", labels, counts)
    note = f"pixels of {report.pictures:,} validation pictures"
    drawn = confusion.draw(labels, counts, note, most=_DRAWN_CLASSES, confused=True)
    write_picture(run_.folder / "confusion.png", drawn, "PNG", optimize=True)


def _draw_sheet(run_: MaskFinishing) -> None:
    """`augmented.jpg`: crops as the network sees them, their masks in the classes' colours over them."""
    prepared, recipe = run_.prepared, run_.recipe
    train = prepared.part(TRAIN)
    store = MaskStore(prepared.pictures, 0)
    plain = mask_augment.Params((0.5, 0.5))
    rows, labels = [], []
    for n in train[:: max(1, len(train) // _SHOWN)][:_SHOWN].tolist():
        try:
            pixels, classes = store.get(n)
        except (InputError, OSError):
            continue  # it was there when training began
        drawn = [plain]
        for epoch in range(_VERSIONS):
            rng = augment.generator(recipe.seed, epoch, n * prepared.crops)
            drawn.append(mask_augment.draw(rng, recipe.augment, mirror=prepared.mirror, turns=prepared.turns))
        crops = [mask_augment.apply(pixels, classes, params, prepared.side) for params in drawn]
        rows.append([_laid_over(*crop, prepared.pictures.classes) for crop in crops])
        labels.append(Path(prepared.pictures.examples[n].shown).name)
    words = f"--augment {recipe.augment}" + (", quarter turns" if prepared.turns else "")
    title = words + ("" if prepared.mirror else ", not mirrored")
    write_picture(run_.folder / "augmented.jpg", contact_sheet.draw(rows, labels, title), "JPEG", quality=90)


def _laid_over(pixels: np.ndarray, classes: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """A picture under its mask; the first class, most often the background, stays as it is."""
    colours = np.zeros((256, 3), np.uint8)
    shares = np.zeros(256, np.float32)
    for n, name in enumerate(names[1:], 1):
        colours[n], shares[n] = class_colour(name, n), _OPACITY
    colours[IGNORED], shares[IGNORED] = (128, 128, 128), _OPACITY
    share = shares[classes][..., None]
    return np.asarray(Image.fromarray((pixels * (1 - share) + colours[classes] * share).astype(np.uint8)))


def _facts(run_: MaskFinishing, reports: dict[str, LabelMapReport]) -> dict[str, Any]:
    pictures = run_.prepared.pictures
    meaning = {
        "values": [[value, n] for value, n in sorted(pictures.values.items())],
        "ignore_index": pictures.ignore_index,
    }
    numbers = {part: _numbers(report) for part, report in reports.items()}
    return run_.facts(meaning, numbers, crop=run_.prepared.side)


def _numbers(report: LabelMapReport) -> dict[str, Any]:
    body = report.to_json()
    numbers = {name: value for name, value in body["total"].items() if name != "mean_iou"}
    for place, name in enumerate(report.class_labels()):
        numbers |= {f"iou {name}": body["classes"][place]["iou"]}
    ends = {} if report.intervals is None else report.intervals.to_json()
    return {"pictures": report.pictures, "numbers": numbers, "intervals": ends, "classes": body["classes"]}


def _card(run_: MaskFinishing, row: ModelRow, reports: dict[str, LabelMapReport]) -> MaskCard:
    prepared = run_.prepared
    return MaskCard(
        **run_.card(row, prepared.row),
        pixels=prepared.pixels.tolist(),
        reports=reports,
        side=prepared.side,
        views=row.views,
        offset=row.offset,
        augmentation=str(run_.recipe.augment) + (", quarter turns" if prepared.turns else ""),
    )
