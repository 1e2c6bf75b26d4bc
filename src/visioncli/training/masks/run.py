"""A run that learns masks."""

import math
from typing import Any

import torch

from visioncli.labelled.interface import TEST
from visioncli.models.row import ModelRow, Untrained
from visioncli.tasks.views import VIEWS
from visioncli.training import checkpoint
from visioncli.training.first_state import fresh_state
from visioncli.training.job import Job, mask_names
from visioncli.training.masks.finish import TRIED_PIXELS, MaskFinishing, finish_masks, offered_views
from visioncli.training.masks.learning import learning_masks
from visioncli.training.masks.offset import first_tensors
from visioncli.training.masks.prepare import MaskPrepared
from visioncli.training.one_run import Training
from visioncli.training.recipe import Start
from visioncli.training.rows import notes_of
from visioncli.weights.checkpoints import architecture
from visioncli.weights.load import load_network

BATCH = 8
_VISITS = {Start.PRETRAINED: 6_000, Start.SCRATCH: 10_000}
"""Crops in all, where no number of epochs is given, on 256 pixels: a quarter of an hour of one core."""
_FEWEST_EPOCHS, _MOST_EPOCHS = 5, 100
_FINISH_SECONDS, _FINISH_A_MEGAPIXEL = 15.0, 3.0
"""What comes after the loop: the network is compiled, and every validation and test picture predicted."""


class MaskTraining(Training[MaskPrepared]):
    """All layers of a network for masks."""

    prepares = staticmethod(learning_masks)

    def seconds_to_finish(self) -> float:
        predicted = (len(self.val) + len(self.ready.part(TEST))) * self.ready.area
        views = len(VIEWS[offered_views(self.recipe, self.ready)])
        if views > 1:
            predicted = views * predicted + (1 + views) * min(TRIED_PIXELS, len(self.val) * self.ready.area)
        return _FINISH_SECONDS + predicted / 1e6 * _FINISH_A_MEGAPIXEL

    def begin(self) -> None:
        """Random weights, but for what the network knows; and the first checkpoint."""
        job = self._job()
        state = first_state(self.ready.base, self.row, self.recipe.seed, self.recipe.start)
        job.write(self.folder)
        checkpoint.begin(self.folder, state | first_tensors(job), (math.inf, math.inf), self.log.size)

    def finish(self) -> None:
        finish_masks(
            MaskFinishing(
                self.folder, self.ready, self.recipe, self.key, self.begun, self.command, self.where.engine,
                self.where.options, self.log, self.watcher,
            )
        )  # fmt: skip

    def _job(self) -> Job:
        recipe, prepared = self.recipe, self.ready
        visits = len(self.train) * prepared.crops * (prepared.side / 256) ** 2
        usual = round(_VISITS[recipe.start] / max(visits, 1))
        epochs = recipe.epochs or min(max(usual, _FEWEST_EPOCHS), _MOST_EPOCHS)
        pictures = prepared.pictures
        known = {
            "classes": pictures.classes,
            "values": sorted(pictures.values.items()),
            "ignore_index": pictures.ignore_index,
        }
        return Job(
            {"set": self.data, "known": known, "row": notes_of(self.model, prepared.row)}, mask_names(pictures),
            recipe,
            self.train, self.val, prepared.mirror, epochs, recipe.batch_size or BATCH,
            prepared.weights(recipe.balance), self.key, task="segment", turns=prepared.turns, side=prepared.side,
            crops=prepared.crops, area=prepared.area,
        )  # fmt: skip


def first_state(base: ModelRow, row: ModelRow, seed: int, start: Start) -> dict[str, Any]:
    """The tensors to begin with: random ones, the same for a seed, and what `base` knows where they have its shape.

    Raises ModelUnavailable where an encoder's weights are not there.
    """
    if start is Start.SCRATCH:
        return fresh_state(row, seed)
    if not isinstance(base.source, Untrained):
        known = load_network(base).state_dict()
        fresh = fresh_state(row, seed)
        fitting = {name for name, tensor in fresh.items() if name in known and known[name].shape == tensor.shape}
        return {name: known[name].clone() if name in fitting else tensor for name, tensor in fresh.items()}
    module, variant = architecture(row)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network: torch.nn.Module = module.pretrained(*variant)
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def knows_something(row: ModelRow) -> bool:
    """Whether a network for masks begins with anything but random weights."""
    return not isinstance(row.source, Untrained) or hasattr(architecture(row)[0], "pretrained")
