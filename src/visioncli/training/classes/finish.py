"""The end of a run: the kept model is measured as anybody would use it, and the run's folder is completed."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from visioncli import __version__
from visioncli.errors import InputError
from visioncli.evaluation.predict import Predictions, probabilities
from visioncli.files import write_picture, write_whole
from visioncli.labelled.interface import TEST, TRAIN, VAL
from visioncli.metrics.classification_report import ClassificationReport, multi_label_report, single_label_report
from visioncli.models.row import Accuracy, ModelRow
from visioncli.models.sound import SoundSpec
from visioncli.render import confusion, contact_sheet, curves
from visioncli.results import dump_line
from visioncli.sounds.pictures import as_picture
from visioncli.tasks import TASKS
from visioncli.tasks.classify.scores import softmax
from visioncli.training.classes import head
from visioncli.training.classes.prepare import Prepared
from visioncli.training.classes.sounds import augment as sound_augment
from visioncli.training.classes.sounds.store import SoundStore
from visioncli.training.classes.suspects import Suspect, suspects, write_suspects
from visioncli.training.data import augment
from visioncli.training.data.store import PictureStore
from visioncli.training.finishing import Ended
from visioncli.training.job import targets
from visioncli.training.model_card import CardFacts, ClassFacts, Measured, model_card
from visioncli.training.recipe import Start
from visioncli.training.run_files import write_confusion
from visioncli.training.watch import read_log
from visioncli.weights.runs import read_run, read_weights, write_model

SUSPECTS, CONFUSION, CURVES, SHEET, CARD = (
    "suspects",
    "confusion",
    "curves.png",
    "augmented.jpg",
    "MODEL_CARD.md",
)
_SHOWN, _VERSIONS = 8, 7
_DRAWN_CLASSES = 60
"""More classes make a picture that is larger than a screen, and hardly a cell that is not empty off the diagonal."""
_DESCRIBED_STRENGTH = 0.01
"""Of 2,000 spoken digits, 100 with another label, 79 were found and 3 others named; ten times as much found 71."""
_HEADLINES = {"top1": "top-1", "subset_accuracy": "every label right"}


class Finishing(Ended[Prepared]):
    """The end of a run that learned classes."""

    __slots__ = ()


def finish(run: Finishing) -> None:
    """Measures the kept model on the validation and test parts, and writes all that belongs to it.

    Raises OutputError; what was learned is on disk before, and a resumed run comes here again.
    """
    row = read_run(run.folder)
    reports: dict[str, ClassificationReport] = {}
    before: float | None = None
    for part, what in ((VAL, "validating"), (TEST, "testing")):
        places = run.prepared.part(part)
        if not len(places):
            continue
        found = _predicted(run, row, places, what)
        _write_records(run, found, places, part)
        reports[part] = _report(run, row, found, places)
        if part == VAL and not row.thresholds:
            before = _error_without_temperature(run, row, found, places)
    doubtful = _suspects(run, row)
    _write_tables(run, reports[VAL], doubtful)
    _draw(run, reports[VAL], row)
    facts = _facts(run, row, reports, before, doubtful)
    with run.watcher.undisturbed():
        row = write_model(run.folder, _measured(row, reports), read_weights(row), facts)
    write_whole(run.folder / CARD, model_card(_card(run, row, reports, before, doubtful)).encode())
    for sentence in _endings(run, doubtful):
        run.watcher.say(sentence)
    run.log("result", **{name: value for name, value in reports[VAL].numbers().items() if np.isfinite(value)})


def _endings(run: Finishing, doubtful: list[Suspect] | None) -> Iterator[str]:
    """Which of the networks that the run went through is kept, and where labels look wrong."""
    told = [e for e in read_log(run.folder) if e["event"] in ("head", "epoch")]
    best = next((e for e in reversed(told) if e.get("best")), None)
    if best is not None:
        yield f"The network after epoch {best['epoch']:g} of {told[-1]['epoch']:g} is kept."
    elif len(told) > 1:
        yield "No epoch was better than the head on frozen features, which is kept."
    if doubtful:
        noun, verb = run.prepared.look.noun, "look" if run.prepared.described is None else "sound"
        pictures = f"1 {noun} {verb}s" if len(doubtful) == 1 else f"{len(doubtful):,} {noun}s {verb}"
        yield f"{pictures} like another class than the one given: {run.folder / SUSPECTS}.csv"


def _predicted(run: Finishing, row: ModelRow, places: np.ndarray, what: str) -> Predictions:
    """By the task itself, so that what is measured is what `vision classify` answers."""
    task: Any = TASKS["classify"](row, run.engine, top_k=min(5, len(run.prepared.pictures.classes)))
    examples = [run.prepared.pictures.examples[n] for n in places.tolist()]
    done = 0

    def advance(record: object) -> None:
        nonlocal done
        done += 1
        run.watcher.progress(what, done, len(examples))

    return probabilities(task, examples, run.options, advance)


def _write_records(run: Finishing, found: Predictions, places: np.ndarray, part: str) -> None:
    """`val.jsonl`: ordinary records, with the truth beside each."""
    lines = []
    for n, record in zip(places.tolist(), found.records, strict=True):
        truth = {"labels": [run.prepared.pictures.classes[k] for k in run.prepared.pictures.examples[n].labels]}
        lines.append(dump_line(dataclasses.replace(record, extra=record.extra | {"truth": truth}).to_json()))
    write_whole(run.folder / f"{part}.jsonl", b"".join(lines))


def _report(run: Finishing, row: ModelRow, found: Predictions, places: np.ndarray) -> ClassificationReport:
    truth = targets(run.prepared.pictures, places[found.rows])
    if truth.ndim == 2:
        limits = np.array(row.thresholds, np.float64)
        return multi_label_report(
            found.probabilities, truth > 0.5, limits, run.prepared.pictures.classes, seed=run.recipe.seed
        )
    return single_label_report(found.probabilities, truth, run.prepared.pictures.classes, seed=run.recipe.seed)


def _error_without_temperature(run: Finishing, row: ModelRow, found: Predictions, places: np.ndarray) -> float:
    """The calibration error that the network would have if its logits were not divided."""
    # The logits, but for a constant that softmax does not see.
    logits = np.log(np.maximum(found.probabilities, 1e-30)) * row.temperature
    truth = targets(run.prepared.pictures, places[found.rows])
    return single_label_report(softmax(logits), truth, run.prepared.pictures.classes, resamples=0).numbers()["ece"]


def _suspects(run: Finishing, row: ModelRow) -> list[Suspect] | None:
    """Pictures whose label is probably wrong, by heads on the frozen features, recordings by heads on what they sound
    like; None where there are none of these."""
    prepared = run.prepared
    plain = prepared.described if prepared.plain is None else prepared.plain
    if plain is None or run.prepared.pictures.multi_label:
        return None
    known = np.concatenate([prepared.part(TRAIN), prepared.part(VAL)])
    strength = next((e["strength"] for e in read_log(run.folder) if e["event"] == "head"), 0.1)
    if prepared.plain is None:
        strength = _DESCRIBED_STRENGTH
    classes = len(run.prepared.pictures.classes)

    def fit_head(features: np.ndarray, labels: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        nothing = features[:0], labels[:0]
        fitted = head.fit(features, labels, *nothing, classes=classes, strengths=(strength,), steps=30)
        return lambda others: softmax(fitted.logits(others))

    run.watcher.say(f"Looking for {prepared.look.noun}s whose label is probably wrong …")
    found = suspects(
        plain[known].astype(np.float32),
        targets(run.prepared.pictures, known),
        [prepared.seen[n].sha256 for n in known.tolist()],
        fit_head,
        groups=None if prepared.groups is None else [prepared.groups[n] for n in known.tolist()],
        seed=run.recipe.seed,
    )
    return [dataclasses.replace(s, index=int(known[s.index])) for s in found]


def _write_tables(run: Finishing, report: ClassificationReport, doubtful: list[Suspect] | None) -> None:
    classes = run.prepared.pictures.classes
    if report.confusion is not None:
        write_confusion(run.folder / f"{CONFUSION}.csv", classes, report.confusion.counts)
        note = f"{report.pictures:,} validation {run.prepared.look.noun}s"
        drawn = confusion.draw(classes, report.confusion.counts, note, most=_DRAWN_CLASSES, confused=True)
        write_picture(run.folder / f"{CONFUSION}.png", drawn, "PNG", optimize=True)
    if doubtful is not None:
        paths = [example.shown for example in run.prepared.pictures.examples]
        write_suspects(run.folder / f"{SUSPECTS}.csv", doubtful, paths, classes)


def _draw(run: Finishing, report: ClassificationReport, row: ModelRow) -> None:
    """The curves of the loop, and a sheet of what the network saw."""
    told = [e for e in read_log(run.folder) if e["event"] in ("head", "epoch")]
    epochs = [_head_epoch(e) if e["event"] == "head" else _loop_epoch(e) for e in told]
    if len(epochs) > 1:
        best = max((n for n, e in enumerate(told) if e.get("best")), default=0)
        write_picture(run.folder / CURVES, curves.draw(epochs, best, run.folder.name), "PNG", optimize=True)
        _sheet(run, row)


def _head_epoch(event: dict[str, Any]) -> curves.Epoch:
    return curves.Epoch("head", val_loss=event["val_loss"], val_accuracy=event["val_accuracy"])


def _loop_epoch(event: dict[str, Any]) -> curves.Epoch:
    wanted = ("val_loss", "val_accuracy", "rate")
    facts = {name: event[name] for name in wanted}
    return curves.Epoch(event["stage"], train_loss=event["loss"], train_accuracy=event["accuracy"], **facts)


def _sheet(run: Finishing, row: ModelRow) -> None:
    train = run.prepared.part(TRAIN)
    chosen = train[:: max(1, len(train) // _SHOWN)][:_SHOWN].tolist()
    rows, labels = [], []
    versions_of = _spectrograms(run, row.sound) if row.sound is not None else _squares(run, row)
    for n in chosen:
        try:
            rows.append(versions_of(n))
        except (InputError, OSError):
            continue  # it was there when training began
        labels.append(", ".join(run.prepared.pictures.classes[k] for k in run.prepared.pictures.examples[n].labels))
    aside = "" if run.prepared.mirror or row.sound is not None else ", not mirrored"
    title = f"--augment {run.recipe.augment}{aside}"
    write_picture(run.folder / SHEET, contact_sheet.draw(rows, labels, title), "JPEG", quality=90)


def _squares(run: Finishing, row: ModelRow) -> Callable[[int], list[np.ndarray]]:
    """Gives what the network sees of a picture, and saw of it in the first epochs: `(S, S, 3) uint8` each."""
    store = PictureStore(run.prepared.pictures.examples, row.input)

    def versions(n: int) -> list[np.ndarray]:
        pixels = store.get(n)
        found = [store.plain(n)]
        size = pixels.shape[1], pixels.shape[0]
        for epoch in range(_VERSIONS):
            rng = augment.generator(run.recipe.seed, epoch, n)
            drawn = augment.draw(rng, run.recipe.augment, size, row.input, run.prepared.mirror)
            found.append(augment.apply(pixels, drawn, row.input))
        return found

    return versions


def _spectrograms(run: Finishing, spec: SoundSpec) -> Callable[[int], list[np.ndarray]]:
    """As `_squares`, of recordings: `(mels, frames, 3) uint8`, grey."""
    store = SoundStore(run.prepared.pictures.examples, spec)

    def versions(n: int) -> list[np.ndarray]:
        found = [store.plain(n)[0]]
        for epoch in range(_VERSIONS):
            drawn = sound_augment.draw(augment.generator(run.recipe.seed, epoch, n), run.recipe.augment)
            found.append(sound_augment.apply(store.get(n), drawn, spec))
        return [np.asarray(as_picture(window)) for window in found]

    return versions


def _measured(row: ModelRow, reports: dict[str, ClassificationReport]) -> ModelRow:
    """`row` with its accuracy in per cent: on the test part where there is one, else on the validation part."""
    part = TEST if TEST in reports else VAL
    numbers = reports[part].numbers()
    on = f"its own {'test' if part == TEST else 'validation'} {_noun(row)}s"
    found = [Accuracy(words, round(100 * numbers[k], 2), on) for k, words in _HEADLINES.items() if k in numbers]
    return dataclasses.replace(row, accuracy=tuple(found))


def _facts(
    run: Finishing,
    row: ModelRow,
    reports: dict[str, ClassificationReport],
    before: float | None,
    doubtful: list[Suspect] | None,
) -> dict[str, Any]:
    return run.facts(
        {},
        {part: _numbers(report) for part, report in reports.items()},
        calibration_error={"before": before, "after": reports[VAL].numbers().get("ece")},
        suspects=None if doubtful is None else len(doubtful),
    )


def _numbers(report: ClassificationReport) -> dict[str, Any]:
    body = report.to_json()
    return {
        "pictures": report.pictures,
        "numbers": {k: v if np.isfinite(v) else None for k, v in report.numbers().items()},
        "intervals": {} if report.intervals is None else report.intervals.to_json(),
        "classes": body["classes"],
    }


def _card(
    run: Finishing,
    row: ModelRow,
    reports: dict[str, ClassificationReport],
    before: float | None,
    doubtful: list[Suspect] | None,
) -> CardFacts:
    scratch = run.recipe.start is Start.SCRATCH
    after = reports[VAL].numbers().get("ece")
    labels = run.prepared.pictures.classes
    return CardFacts(
        name=run.folder.resolve().name,
        command=run.command,
        version=__version__,
        architecture=row.architecture,
        source=run.prepared.pictures.source,
        format=run.prepared.pictures.format,
        classes=[
            ClassFacts(name, tuple(run.prepared.look.counts[k].tolist()), _recall(reports, k))
            for k, name in enumerate(labels)
        ],
        unfreeze="scratch" if scratch else str(run.recipe.unfreeze),
        seed=run.recipe.seed,
        base="" if scratch else run.prepared.row.name,
        base_license="" if scratch else run.prepared.row.licence,
        base_data="ImageNet-1k" if not scratch and run.prepared.row.labels == "imagenet1k" else "",
        input_size=(row.input.size, row.input.size),
        multi_label=run.prepared.pictures.multi_label,
        numbers={part: _with_ends(report) for part, report in reports.items()},
        temperature=None if row.thresholds else row.temperature,
        calibration_error=None if before is None or after is None else (before, after),
        thresholds=dict(zip(labels, row.thresholds, strict=True)) if row.thresholds else {},
        unreadable=len(run.prepared.look.unreadable),
        leaks=len(run.prepared.look.leaks),
        suspects=None if doubtful is None else len(doubtful),
        augmentation=str(run.recipe.augment),
        seconds=run.seconds(),
        weights_sha256=row.source.sha256 or "",
        hears=_heard(row),
        noun=_noun(row),
    )


def _noun(row: ModelRow) -> str:
    return "picture" if row.sound is None else "recording"


def _heard(row: ModelRow) -> str:
    """What a network of recordings hears at a time, in words; empty for one of pictures."""
    if (spec := row.sound) is None:
        return ""
    return f"{spec.seconds:.2f} s at a time, at {spec.rate:,} samples a second, in {spec.mels} bands of pitch"


def _recall(reports: dict[str, ClassificationReport], place: int) -> Measured | None:
    report = reports[TEST if TEST in reports else VAL]
    value = float(report.by_class["recall"][place]) if "recall" in report.by_class else float("nan")
    if not np.isfinite(value):
        return None
    ends = report.intervals.classes.get("recall") if report.intervals else None
    low, high = (None, None) if ends is None else (float(ends[0, place]), float(ends[1, place]))
    return Measured(value, low, high)


def _with_ends(report: ClassificationReport) -> dict[str, Measured]:
    found = {}
    for name, value in report.numbers().items():
        ends = report.intervals.totals.get(name) if report.intervals else None
        if np.isfinite(value):
            known = ends is not None and np.isfinite(ends).all()
            found[name] = Measured(value, *map(float, ends)) if ends is not None and known else Measured(value)
    return found
