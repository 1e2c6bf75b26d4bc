"""The end of a run that learned to make pictures: what they are worth, and what is written."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from visioncli.files import write_picture, write_whole
from visioncli.labelled.interface import TEST, TRAIN, VAL
from visioncli.metrics.generated import nearest_of
from visioncli.models.row import Accuracy, ModelRow
from visioncli.networks.picture_shapes import Shape
from visioncli.render.tiles import scale_for, tiles, titled
from visioncli.training.adversarial.ending import Line, card, draw_curves, facts
from visioncli.training.adversarial.generate_card import GeneratorCard, MadeNumbers, generator_card
from visioncli.training.adversarial.generate_game import GenerateGame
from visioncli.training.adversarial.judge import Judge
from visioncli.training.adversarial.kind import Ended
from visioncli.training.adversarial.prepare import JUDGED_AT_END, PicturesReady
from visioncli.training.finishing import counts_of
from visioncli.weights.runs import write_model

NEAREST_SHOWN = 40
_HELD = 500
"""Made pictures, and validation pictures, whose nearest ones are looked for."""
_AT_ONCE = 4096


def finish_generator(ended: Ended[PicturesReady], row: ModelRow, game: GenerateGame) -> None:
    """Measures the kept generator, and writes all that belongs to it.

    Raises OutputError; what was learned is on disk before, and a resumed run comes here again.
    """
    judge = game.judge
    assert isinstance(judge, Judge)
    made, classes = game.new_pictures(JUDGED_AT_END)
    parts = [part for part in (VAL, TEST) if len(ended.ready.part(part))]
    reports = {part: _measured(ended.ready, part, judge, made, classes) for part in parts}
    copying = _draw_nearest(ended, made)
    _draw_curves(ended, judge)
    part = TEST if TEST in reports else VAL
    found = reports[part].numbers
    on = f"{ {TEST: 'its own test pictures', VAL: 'its own validation pictures'}[part] }, {judge.name}"
    known = [(name, found[name]) for name in ("recognised", "precision", "recall") if found.get(name) is not None]
    accuracy = tuple(Accuracy(name, round(100 * float(value or 0), 2), on) for name, value in known)
    with ended.watcher.undisturbed():
        row = write_model(
            ended.folder,
            dataclasses.replace(row, accuracy=accuracy),
            ended.averages["generator"],
            facts(ended, _by_part(reports), judge.name, copying=copying),
        )
    written = generator_card(_card(ended, row, reports, judge, copying))
    write_whole(ended.folder / "MODEL_CARD.md", written.encode())
    ended.log("result", **{name: value for name, value in reports[VAL].numbers.items() if value is not None})


def _measured(ready: PicturesReady, part: str, judge: Judge, made: np.ndarray, classes: np.ndarray) -> MadeNumbers:
    places = ready.some_of(part, JUDGED_AT_END)
    judge.compare_with(ready.squares.several(places))
    return MadeNumbers(made=len(made), real=len(places), numbers=judge.numbers(made, classes))


def _draw_nearest(ended: Ended[PicturesReady], made: np.ndarray) -> float | None:
    """`nearest.png`, and how far made pictures are from those learned from, as a part of how far validation pictures
    are: medians of distances of pixels."""
    ready = ended.ready
    train, val = ready.part(TRAIN), ready.some_of(VAL, _HELD)
    others = made[:_HELD]
    held = ready.squares.several(val)
    places, distances = np.zeros(len(others), np.int64), np.full(len(others), np.inf)
    held_distances = np.full(len(held), np.inf)
    for start in range(0, len(train), _AT_ONCE):
        block = _flat(ready.squares.several(train[start : start + _AT_ONCE]))
        found, far = nearest_of(_flat(others), block)
        nearer = far < distances
        places[nearer], distances[nearer] = found[nearer] + start, far[nearer]
        held_distances = np.minimum(held_distances, nearest_of(_flat(held), block)[1])
        ended.watcher.progress("looking for copies", min(start + _AT_ONCE, len(train)), len(train))
    nearest = ready.squares.several(train[places[:NEAREST_SHOWN]])
    pairs = np.stack([others[:NEAREST_SHOWN], nearest], 1).reshape(-1, *made.shape[1:])
    drawn = titled(
        tiles(pairs, 8, scale=scale_for(made.shape[1])),
        f"{ended.folder.name}: made, and learned from",
        ["In pairs: left a made picture, right the nearest one learned from, by pixels."],
    )
    write_picture(ended.folder / "nearest.png", Image.fromarray(drawn), "PNG", optimize=True)
    usual = float(np.median(held_distances))
    return float(np.median(distances)) / usual if usual > 0 else None


def _flat(pixels: np.ndarray) -> np.ndarray:
    return pixels.reshape(len(pixels), -1).astype(np.float32)


def _draw_curves(ended: Ended[PicturesReady], judge: Judge) -> None:
    """`curves.png`: both losses, the distance, and the shares."""

    def panels(line: Callable[[str], Line]) -> dict[str, dict[str, Line]]:
        shares = {name: line(name) for name in ("precision", "recall", "recognised")}
        return {
            "loss": {name: line(f"{name}_loss") for name in ("generator", "discriminator")},
            f"distance, {judge.name}": {"": line("distance")},
            "share": {name: values for name, values in shares.items() if any(v is not None for v in values)},
        }

    draw_curves(ended, panels)


def _by_part(reports: dict[str, MadeNumbers]) -> dict[str, Any]:
    """The numbers as `model.json` has them."""
    return {
        part: {"pictures": report.made, "real": report.real, "numbers": dict(report.numbers), "intervals": {}}
        for part, report in reports.items()
    }


def _card(
    ended: Ended[PicturesReady], row: ModelRow, reports: dict[str, MadeNumbers], judge: Judge, copying: float | None
) -> GeneratorCard:
    ready = ended.ready
    shape = Shape.of(row.architecture.split(":")[1])
    return GeneratorCard(
        **card(ended, row, judge.name),
        format=ready.listed.format,
        classes=ready.classes,
        pictures=counts_of(ready),
        size=shape.size,
        channels=shape.channels,
        reports=reports,
        copying=copying,
        augments=bool(ended.job.settings["augments"]),
        mirrors=ready.mirror,
    )
