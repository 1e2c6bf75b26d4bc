"""A run that learns boxes."""

import math
from collections.abc import Mapping
from typing import Any

from visioncli.errors import UsageError
from visioncli.labelled.interface import TEST
from visioncli.models.row import ModelRow, Untrained
from visioncli.training import checkpoint
from visioncli.training.boxes.finish import BoxFinishing, finish_boxes
from visioncli.training.boxes.learner import BoxLearner
from visioncli.training.boxes.learners import learner_class
from visioncli.training.boxes.learning import learning_boxes
from visioncli.training.boxes.prepare import BoxPrepared
from visioncli.training.boxes.torchvision_learner import backbone_at_hand
from visioncli.training.job import Job, box_names
from visioncli.training.one_run import Training
from visioncli.training.recipe import Recipe, Start, Unfreeze
from visioncli.training.rows import notes_of, with_points

_FEWEST_EPOCHS, _MOST_EPOCHS = 5, 60
_FINISH_SECONDS, _FINISH_A_PICTURE, _FINISH_A_GFLOP = 20.0, 0.02, 0.03


class BoxTraining(Training[BoxPrepared]):
    """The heads of a detector, or all of its layers."""

    prepares = staticmethod(learning_boxes)

    def row_to_learn(self) -> ModelRow:
        return with_points(super().row_to_learn(), self.ready.pictures.points)

    @property
    def unfreezes(self) -> bool:
        """Heads learn in the loop too."""
        return True

    def seconds_to_finish(self) -> float:
        predicted = len(self.val) + len(self.ready.part(TEST))
        return _FINISH_SECONDS + predicted * (_FINISH_A_PICTURE + _FINISH_A_GFLOP * self.ready.row.gflops)

    def begin(self) -> None:
        """What the network knows with heads for these classes, and the first checkpoint."""
        base, learner, recipe = self.ready.row, learner_of(self.ready.row), self.recipe
        settings = learner.settings(base, self.row, self.ready.sides, self.ready.frames, recipe.start)
        state = learner.first_state(base, self.row, recipe.seed, recipe.start, **settings)
        self._job(learner, settings).write(self.folder)
        checkpoint.begin(self.folder, state, (math.inf, math.inf), self.log.size)

    def finish(self) -> None:
        finish_boxes(
            BoxFinishing(
                self.folder, self.ready, self.recipe, self.key, self.begun, self.command, self.where.engine,
                self.where.options, self.log, self.watcher,
            )
        )  # fmt: skip

    def _job(self, learner: type[BoxLearner], settings: dict[str, Any]) -> Job:
        recipe, prepared = self.recipe, self.ready
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


def knows_something(row: ModelRow) -> bool:
    """Whether a network begins with anything but random weights: its own, or a backbone that has learned to classify
    and is in the cache."""
    if not isinstance(row.source, Untrained):
        return True
    return backbone_at_hand(row) is not None


def box_recipe(base: ModelRow, pictures: int, choices: Mapping[str, Any]) -> Recipe:
    """What was chosen, and what so many pictures and the network make of the rest. Raises UsageError."""
    learner = learner_of(base)
    start = Start.PRETRAINED if knows_something(base) else Start.SCRATCH
    chosen: dict[str, Any] = {"start": start, **choices}
    scratch = chosen["start"] == Start.SCRATCH
    if "unfreeze" not in chosen:
        chosen["unfreeze"] = Unfreeze.ALL if scratch or pictures >= learner.many else Unfreeze.NONE
    recipe = Recipe.of(**chosen)
    if recipe.size is not None:
        learner.resized(base, recipe.size)
    return recipe
