"""`--task translate`: pictures of one kind become pictures of another, and back, from two folders without pairs."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visioncli.errors import UsageError
from visioncli.labelled.interface import TRAIN, VAL
from visioncli.models.row import ModelRow, Untrained
from visioncli.training.adversarial.kind import Asked, Ended, Kind
from visioncli.training.adversarial.translate_pictures import (
    LOOKED_AT,
    part_of,
    prepare_two_kinds,
    whole_squares,
)
from visioncli.training.adversarial.translate_pictures import Kind as Pictures
from visioncli.training.classes.prepare import Prepared
from visioncli.training.data.parted import some
from visioncli.training.one_run import Where
from visioncli.training.recipe import Recipe
from visioncli.training.watch import Watcher

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from visioncli.training.adversarial.translate_game import TranslateGame
    from visioncli.training.job import Job

BATCH, BATCH_OF_SMALL, SMALL = 4, 8, 32
"""Pictures of each kind a step; more of pictures up to SMALL pixels, which take little of a processor each. With the
paper's one a step twice as many steps fit into the time, but each costs nearly as much as one of four."""
VISITS = 12_000
"""Pictures of the larger kind times epochs, where no number of epochs is given."""
FEWEST_EPOCHS, MOST_EPOCHS = 2, 200
SHOWN, MEASURED = 8, 64
"""Held-out pictures of each kind on the sheet, and in what is measured at each look."""
_FINISH_SECONDS, _FINISH_A_MEGAPIXEL = 12.0, 8.0


class Translate(Kind[Prepared]):
    """The networks `cyclegan`, `cyclegan_small` and `cyclegan_paper`."""

    task, default = "translate", "cyclegan"

    def prepare(self, asked: Asked, base: ModelRow, recipe: Recipe, where: Where, watcher: Watcher) -> Prepared:
        if not isinstance(base.source, Untrained):
            raise UsageError(
                f"{base.name} has learned already, and a translation begins with random numbers. Name a network to "
                "train: cyclegan, cyclegan_small or cyclegan_paper."
            )
        if asked.images is not None:
            raise UsageError("--images is for annotations that lie apart from their pictures. Leave it out.")
        if recipe.group is not None:
            raise UsageError("--group does not go with --task translate: give testA and testB folders instead.")
        found, remarks = prepare_two_kinds(asked.data, base, recipe, where, watcher)
        for sentence in remarks:
            watcher.say(sentence)
        return found

    def row(self, ready: Prepared) -> ModelRow:
        first, second = ready.pictures.classes
        return dataclasses.replace(
            ready.row,
            tasks=("stylize",),
            architecture=f"{ready.row.architecture}:2",
            labels=((0, first), (1, second)),
            form="painting",
            about=f"Makes {second} of {first}, and {first} of {second}.",
            accuracy=(),
        )

    def plan(self, ready: Prepared, recipe: Recipe) -> tuple[int, int, dict[str, Any]]:
        from visioncli.training.adversarial.translate_game import choices_for

        larger = max(len(part_of(ready, label, TRAIN)) for label in (0, 1))
        usual = min(max(round(VISITS / larger), FEWEST_EPOCHS), MOST_EPOCHS)
        size = ready.row.input.size
        batch = recipe.batch_size or (BATCH_OF_SMALL if size <= SMALL else BATCH)
        choices = choices_for(ready.row.architecture, size, recipe.rate, recipe.identity or 0.0)
        return recipe.epochs or usual, batch, dataclasses.asdict(choices)

    def game(
        self, ready: Prepared, row: ModelRow, job: "Job", device: "torch.device", asked: Asked
    ) -> "TranslateGame":
        import torch

        from visioncli.networks import cyclegan
        from visioncli.training.adversarial.translate_distance import FeatureDistances
        from visioncli.training.adversarial.translate_game import Choices, TranslateGame

        spec, pictures = row.input, ready.pictures
        kinds = [Pictures(pictures, part_of(ready, label, TRAIN), spec, mirror=ready.mirror) for label in (0, 1)]
        held_out = [whole_squares(pictures, some(part_of(ready, label, VAL), MEASURED), spec) for label in (0, 1)]
        distances = FeatureDistances(device, asked.access)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(job.recipe.seed)
            pair = cyclegan.build(*row.architecture.split(":")[1:])
            assert isinstance(pair, cyclegan.Pair)
            return TranslateGame(
                pair, kinds, held_out, Choices(**job.settings), names=(pictures.classes[0], pictures.classes[1]),
                shown=SHOWN, seed=job.recipe.seed, device=device, distances=distances,
            )  # fmt: skip

    def keep(self, folder: Path, row: ModelRow, averages: "Mapping[str, Mapping[str, Tensor]]", facts: Any) -> None:
        from visioncli.weights.runs import write_model

        write_model(folder, row, averages["generators"], facts)

    def finish(self, ended: Ended[Prepared], row: ModelRow, game: Any) -> None:
        from visioncli.training.adversarial.translate_finish import finish_translation

        finish_translation(ended, row, game)

    def seconds_to_finish(self, ready: Prepared) -> float:
        looked = sum(min(len(part_of(ready, label, VAL)), LOOKED_AT) for label in (0, 1))
        return _FINISH_SECONDS + looked * ready.row.input.size**2 / 1e6 * _FINISH_A_MEGAPIXEL
