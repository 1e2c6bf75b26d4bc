"""A run that learns boxes."""

import math
from collections.abc import Mapping
from typing import Any

from visioncli.errors import UsageError
from visioncli.labelled.interface import TEST
from visioncli.models.row import ModelRow, Untrained
from visioncli.training.box_finish import BoxFinishing, finish_boxes
from visioncli.training.box_learner import BoxLearner
from visioncli.training.box_learners import learner_class
from visioncli.training.box_prepare import BoxPrepared
from visioncli.training.job import Job, box_names
from visioncli.training.one_run import Training
from visioncli.training.recipe import Recipe, Start, Unfreeze

_FEWEST_EPOCHS, _MOST_EPOCHS = 5, 60
_FINISH_SECONDS, _FINISH_A_PICTURE, _FINISH_A_GFLOP = 20.0, 0.02, 0.03


class BoxTraining(Training):
    """The heads of a detector, or all of its layers."""

    def __init__(self, *args: Any, prepared: BoxPrepared, **named: Any) -> None:
        super().__init__(*args, **named)
        self.prepared = prepared

    def row_to_learn(self) -> ModelRow:
        from visioncli.training.worker import with_points

        return with_points(super().row_to_learn(), self.prepared.pictures.points)

    @property
    def unfreezes(self) -> bool:
        """Heads learn in the loop too."""
        return True

    def seconds_to_finish(self) -> float:
        predicted = len(self.val) + len(self.prepared.part(TEST))
        return _FINISH_SECONDS + predicted * (_FINISH_A_PICTURE + _FINISH_A_GFLOP * self.prepared.row.gflops)

    def begin(self) -> None:
        """What the network knows with heads for these classes, and the first checkpoint."""
        from visioncli.training.worker import start

        base, learner, recipe = self.prepared.row, learner_of(self.prepared.row), self.recipe
        settings = learner.settings(base, self.row, self.prepared.sides, self.prepared.frames, recipe.start)
        state = learner.first_state(base, self.row, recipe.seed, recipe.start, **settings)
        start(self.folder, self._job(learner, settings), state, (math.inf, math.inf), self.log.size)

    def finish(self) -> None:
        finish_boxes(
            BoxFinishing(
                self.folder, self.prepared, self.recipe, self.key, self.begun, self.command, self.where.engine,
                self.where.options, self.log, self.watcher,
            )
        )  # fmt: skip

    def _job(self, learner: type[BoxLearner], settings: dict[str, Any]) -> Job:
        from visioncli.training.worker import notes_of

        recipe, prepared = self.recipe, self.prepared
        count = len(self.train)
        epochs = recipe.epochs or min(max(round(learner.visits / max(count, 1)), _FEWEST_EPOCHS), _MOST_EPOCHS)
        # Some steps an epoch at least, as far as batches of four allow.
        size = recipe.batch_size or max(4, min(learner.batch_size, 2 ** int(math.log2(max(count / 8, 4)))))
        where = {"set": self.data, "row": notes_of(self.model, prepared.row)}
        return Job(
            where, box_names(prepared.pictures), recipe, self.train, self.val, prepared.mirror, epochs, size, None,
            self.key, task="detect", settings=settings,
        )  # fmt: skip


def learner_of(row: ModelRow) -> type[BoxLearner]:
    """How the network of a row learns. Raises UsageError where it cannot be trained here."""
    found = learner_class(row)
    if found is None:
        raise UsageError(
            f"{row.name} cannot be trained to detect here. Begin with ssd_mobilenet_v2, or with another one of "
            "vision models --task detect: yolov3_tiny, rfcn_resnet50, or any of torchvision's."
        )
    return found


def box_recipe(base: ModelRow, pictures: int, choices: Mapping[str, Any]) -> Recipe:
    """What was chosen, and what so many pictures and the network make of the rest. Raises UsageError."""
    learner = learner_of(base)
    start = Start.SCRATCH if isinstance(base.source, Untrained) else Start.PRETRAINED
    chosen: dict[str, Any] = {"start": start, **choices}
    scratch = chosen["start"] == Start.SCRATCH
    if "unfreeze" not in chosen:
        chosen["unfreeze"] = Unfreeze.ALL if scratch or pictures >= learner.many else Unfreeze.NONE
    recipe = Recipe.of(**chosen)
    if recipe.size is not None:
        learner.resized(base, recipe.size)
    return recipe
