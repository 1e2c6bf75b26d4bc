"""The end of a run that learned to make one kind of pictures of another: what it is worth, and what is written."""

from collections.abc import Callable, Sequence

from visioncli.files import write_whole
from visioncli.labelled.interface import TRAIN, VAL
from visioncli.models.row import ModelRow
from visioncli.training.adversarial.ending import Line, card, draw_curves, facts
from visioncli.training.adversarial.kind import Ended
from visioncli.training.adversarial.translate_card import TranslationCard, translation_card
from visioncli.training.adversarial.translate_distance import FeatureDistances
from visioncli.training.adversarial.translate_game import TranslateGame
from visioncli.training.adversarial.translate_pictures import part_of, whole_squares
from visioncli.training.classes.prepare import Prepared
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
            facts(
                ended,
                {VAL: {"pictures": sum(map(len, held_out)), "numbers": dict(numbers), "intervals": {}}},
                distances.name,
                {"kinds": list(ended.ready.pictures.classes)},
            ),
        )
    written = translation_card(_card(ended, row, numbers, [len(pixels) for pixels in held_out], distances.name))
    write_whole(ended.folder / "MODEL_CARD.md", written.encode())
    ended.log("result", **{name: value for name, value in numbers.items() if value is not None})


def _draw_curves(ended: Ended[Prepared], judge: str) -> None:
    """`curves.png`: the losses of all four networks, and the distances."""
    first, second = ended.ready.pictures.classes
    there, back = f"{first} to {second}", f"{second} to {first}"

    def panels(line: Callable[[str], Line]) -> dict[str, dict[str, Line]]:
        return {
            "generators": {there: line("a_to_b_loss"), back: line("b_to_a_loss")},
            "discriminators": {first: line("discriminator_a_loss"), second: line("discriminator_b_loss")},
            f"distance, {judge}": {there: line("distance_a_to_b"), back: line("distance_b_to_a")},
        }

    draw_curves(ended, panels)


def _card(
    ended: Ended[Prepared], row: ModelRow, numbers: Numbers, held_out: Sequence[int], judge: str
) -> TranslationCard:
    ready = ended.ready
    return TranslationCard(
        **card(ended, row, judge),
        kinds=ready.pictures.classes,
        learned=[len(part_of(ready, n, TRAIN)) for n in (0, 1)],
        held_out=held_out,
        size=row.input.size,
        resize=row.input.resize,
        numbers=numbers,
        identity=float(ended.job.settings["identity"]),
        mirrors=ready.mirror,
    )
