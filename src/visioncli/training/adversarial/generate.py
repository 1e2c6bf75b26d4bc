"""`--task generate`: a generator of pictures like those of a set, of any class of it where it has classes."""

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visioncli.errors import UsageError
from visioncli.labelled.interface import TEST, TRAIN, VAL
from visioncli.models.row import ModelRow, Untrained
from visioncli.networks.picture_shapes import Shape
from visioncli.training.adversarial.kind import Asked, Ended, Kind
from visioncli.training.adversarial.prepare import (
    JUDGED,
    JUDGED_AT_END,
    PicturesReady,
    prepare_pictures,
    read_pictures,
)
from visioncli.training.one_run import Where
from visioncli.training.recipe import Recipe
from visioncli.training.watch import Watcher

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from visioncli.training.adversarial.generate_game import GenerateGame
    from visioncli.training.job import Job

BATCH = 64
LATENT = 64
WIDTH = 16
"""Maps at full size, and twice as many where sides are halved: what takes minutes on a laptop."""
VISITS = 500_000
"""Pictures times epochs, where no number of epochs is given."""
MOST_EPOCHS = 2000
FEW = 10_000
"""With fewer pictures to learn from, both networks see them augmented."""
_JUDGE_A_PICTURE = 0.006
_FINISH_SECONDS = 12.0


class Generate(Kind[PicturesReady]):
    """The networks `dcgan` and `style_generator`."""

    task, default, least_batch = "generate", "dcgan", 2

    def prepare(self, asked: Asked, base: ModelRow, recipe: Recipe, where: Where, watcher: Watcher) -> PicturesReady:
        if not isinstance(base.source, Untrained):
            raise UsageError(
                f"{base.name} has learned already, and a generator begins with random numbers. Name a network to "
                "train: dcgan or style_generator."
            )
        ready = prepare_pictures(
            read_pictures(asked.data, asked.images, asked.access), base, recipe, where, watcher
        )  # fmt: skip
        if ready.listed.multi_label:
            watcher.say("Pictures here have several classes each: the generator makes pictures of no class.")
        if asked.judge is not None:
            from visioncli.resolve import describe

            describe(asked.judge, "classify", access=asked.access)  # before an hour of learning
        return ready

    def row(self, ready: PicturesReady) -> ModelRow:
        channels = ready.squares.channels
        shape = Shape(ready.row.input.size, channels, WIDTH, LATENT)
        family = ready.row.architecture.split(":")[0]
        return dataclasses.replace(
            ready.row,
            architecture=f"{family}:{shape}:{len(ready.classes)}",
            labels=tuple(enumerate(ready.classes)),
            accuracy=(),
        )

    def plan(self, ready: PicturesReady, recipe: Recipe) -> tuple[int, int, dict[str, Any]]:
        from visioncli.training.adversarial.generate_game import choices_for

        count = len(ready.part(TRAIN))
        epochs = recipe.epochs or min(MOST_EPOCHS, max(1, math.ceil(VISITS / count)))
        batch = min(recipe.batch_size or BATCH, count)
        augments = recipe.augment == "strong" or (recipe.augment == "standard" and count < FEW)
        family = ready.row.architecture.split(":")[0]
        return epochs, batch, dataclasses.asdict(choices_for(family, recipe.rate, augments=augments))

    def game(
        self, ready: PicturesReady, row: ModelRow, job: "Job", device: "torch.device", asked: Asked
    ) -> "GenerateGame":
        import torch

        from visioncli.training.adversarial.generate_game import Choices, GenerateGame
        from visioncli.training.adversarial.judge import judge_of
        from visioncli.weights.checkpoints import architecture

        module, variant = architecture(row)
        judge = judge_of(asked.judge, ready.classes, device, asked.access)
        judge.compare_with(ready.squares.several(ready.some_of(VAL, JUDGED)))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(job.recipe.seed)
            places = ready.part(TRAIN)
            return GenerateGame(
                module.build(*variant), ready.squares, places, ready.labels(places), Choices.of(job.settings),
                mirror=ready.mirror, seed=job.recipe.seed, device=device, judge=judge, judged=JUDGED,
            )  # fmt: skip

    def keep(self, folder: Path, row: ModelRow, averages: "Mapping[str, Mapping[str, Tensor]]", facts: Any) -> None:
        from visioncli.weights.runs import write_model

        write_model(folder, row, averages["generator"], facts)

    def finish(self, ended: Ended[PicturesReady], row: ModelRow, game: Any) -> None:
        from visioncli.training.adversarial.generate_finish import finish_generator

        finish_generator(ended, row, game)

    def seconds_to_finish(self, ready: PicturesReady) -> float:
        looked = sum(min(len(ready.part(part)), JUDGED_AT_END) for part in (VAL, TEST)) + JUDGED_AT_END
        return _FINISH_SECONDS + looked * _JUDGE_A_PICTURE
