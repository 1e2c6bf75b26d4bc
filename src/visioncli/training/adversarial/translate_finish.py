"""The end of a run that learned to make one kind of pictures of another: what it is worth, and what is written."""

import shlex
import sys
import time
from collections.abc import Sequence
from typing import Any

from visioncli import __version__
from visioncli.files import write_picture, write_whole
from visioncli.labelled.interface import TEST, TRAIN, VAL
from visioncli.models.row import ModelRow
from visioncli.render import game_curves
from visioncli.training.adversarial.kind import Ended
from visioncli.training.adversarial.translate_card import TranslationCard, translation_card
from visioncli.training.adversarial.translate_distance import FeatureDistances
from visioncli.training.adversarial.translate_game import TranslateGame
from visioncli.training.adversarial.translate_pictures import part_of, whole_squares
from visioncli.training.finishing import libraries
from visioncli.training.prepare import Prepared
from visioncli.training.watch import read_log
from visioncli.weights.runs import write_model

Numbers = dict[str, float | None]


def finish_translation(ended: Ended[Prepared], row: ModelRow, game: TranslateGame) -> None:
    """Measures the kept generators on all held-out pictures, and writes all that belongs to them.

    Raises OutputError; what was learned is on disk before, and a resumed run comes here again.
    """
    held_out = [whole_squares(ended.ready.pictures, part_of(ended.ready, n, VAL), row.input) for n in (0, 1)]
    game.hold_out(held_out)
    distances = game.distances
    assert isinstance(distances, FeatureDistances)
    numbers = {"distance_before": distances.before()} | game.measure()
    _draw_curves(ended, distances.name)
    with ended.watcher.undisturbed():
        row = write_model(
            ended.folder,
            row,
            ended.averages["generators"],
            _facts(ended, numbers, sum(map(len, held_out)), distances.name),
        )
    card = _card(ended, row, numbers, [len(pixels) for pixels in held_out], distances.name)
    write_whole(ended.folder / "MODEL_CARD.md", translation_card(card).encode())
    ended.log("result", **{name: value for name, value in numbers.items() if value is not None})


def _epochs(ended: Ended[Prepared]) -> list[dict[str, Any]]:
    return [event for event in read_log(ended.folder) if event["event"] == "epoch"]


def _draw_curves(ended: Ended[Prepared], judge: str) -> None:
    """`curves.png`: the losses of all four networks, and the distances."""
    told = _epochs(ended)

    def line(name: str) -> list[float | None]:
        return [event.get(name) for event in told]

    first, second = ended.ready.pictures.classes
    there, back = f"{first} to {second}", f"{second} to {first}"
    panels: dict[str, dict[str, list[float | None]]] = {
        "generators": {there: line("a_to_b_loss"), back: line("b_to_a_loss")},
        "discriminators": {first: line("discriminator_a_loss"), second: line("discriminator_b_loss")},
        f"distance, {judge}": {there: line("distance_a_to_b"), back: line("distance_b_to_a")},
    }
    drawn = game_curves.draw(panels, ended.folder.name, [event["epoch"] for event in told])
    write_picture(ended.folder / "curves.png", drawn, "PNG", optimize=True)


def _seconds(ended: Ended[Prepared]) -> float:
    return round(time.monotonic() - ended.begun, 1)


def _facts(ended: Ended[Prepared], numbers: Numbers, pictures: int, judge: str) -> dict[str, Any]:
    """What `model.json` says of the run beside its row."""
    ready = ended.ready
    return {
        "finished": True,
        "version": __version__,
        "python": sys.version.split()[0],
        "libraries": libraries(),
        "command": shlex.join(ended.command),
        "key": ended.job.key,
        "base": {"name": ready.row.name, "weights_sha256": None},
        "recipe": ended.job.recipe.key(),
        "settings": ended.job.settings,
        "data": {
            "source": ready.listed.source,
            "format": ready.listed.format,
            "sha256": ready.digest,
            "kinds": list(ready.pictures.classes),
            "pictures": {part: len(ready.part(part)) for part in (TRAIN, VAL, TEST)},
            "unreadable": len(ready.look.unreadable),
            "leaks": len(ready.look.leaks),
        },
        "judge": judge,
        "step": _epochs(ended)[-1]["step"],
        "numbers": {VAL: {"pictures": pictures, "numbers": dict(numbers), "intervals": {}}},
        "seconds": _seconds(ended),
    }


def _card(
    ended: Ended[Prepared], row: ModelRow, numbers: Numbers, held_out: Sequence[int], judge: str
) -> TranslationCard:
    ready, last = ended.ready, _epochs(ended)[-1]
    return TranslationCard(
        name=ended.folder.resolve().name,
        command=ended.command,
        version=__version__,
        architecture=row.architecture,
        parameters=row.parameters,
        source=ready.listed.source,
        kinds=ready.pictures.classes,
        learned=[len(part_of(ready, n, TRAIN)) for n in (0, 1)],
        held_out=held_out,
        size=row.input.size,
        resize=row.input.resize,
        numbers=numbers,
        judge=judge,
        identity=float(ended.job.settings["identity"]),
        mirrors=ready.mirror,
        epochs=last["epoch"],
        steps=last["step"],
        seed=ended.job.recipe.seed,
        unreadable=len(ready.look.unreadable),
        leaks=len(ready.look.leaks),
        seconds=_seconds(ended),
        weights_sha256=row.source.sha256 or "",
    )
