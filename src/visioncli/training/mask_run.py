"""A run that learns masks."""

import math
from typing import Any

from visioncli.labelled.interface import TEST
from visioncli.models.row import ModelRow, Untrained
from visioncli.tasks.views import VIEWS
from visioncli.training.job import Job, mask_names
from visioncli.training.mask_finish import TRIED_PIXELS, MaskFinishing, finish_masks, offered_views
from visioncli.training.mask_prepare import MaskPrepared
from visioncli.training.one_run import Training
from visioncli.training.recipe import Start

BATCH = 8
_VISITS = {Start.PRETRAINED: 6_000, Start.SCRATCH: 10_000}
"""Crops in all, where no number of epochs is given, on 256 pixels: a quarter of an hour of one core."""
_FEWEST_EPOCHS, _MOST_EPOCHS = 5, 100
_FINISH_SECONDS, _FINISH_A_MEGAPIXEL = 15.0, 3.0
"""What comes after the loop: the network is compiled, and every validation and test picture predicted."""


class MaskTraining(Training):
    """All layers of a network for masks."""

    def __init__(self, *args: Any, prepared: MaskPrepared, base: ModelRow, **named: Any) -> None:
        """`base` is the network to begin with, its weights there, before it was made one that learns."""
        super().__init__(*args, **named)
        self.prepared, self.base = prepared, base

    def seconds_to_finish(self) -> float:
        predicted = (len(self.val) + len(self.prepared.part(TEST))) * self.prepared.area
        views = len(VIEWS[offered_views(self.recipe, self.prepared)])
        if views > 1:
            predicted = views * predicted + (1 + views) * min(TRIED_PIXELS, len(self.val) * self.prepared.area)
        return _FINISH_SECONDS + predicted / 1e6 * _FINISH_A_MEGAPIXEL

    def begin(self) -> None:
        """Random weights, but for what the network knows; and the first checkpoint."""
        from visioncli.training.mask_offset import first_tensors
        from visioncli.training.worker import start

        state = first_state(self.base, self.row, self.recipe.seed, self.recipe.start)
        job = self._job()
        start(self.folder, job, state | first_tensors(job), (math.inf, math.inf), self.log.size)

    def finish(self) -> None:
        finish_masks(
            MaskFinishing(
                self.folder, self.prepared, self.recipe, self.key, self.begun, self.command, self.where.engine,
                self.where.options, self.log, self.watcher,
            )
        )  # fmt: skip

    def _job(self) -> Job:
        from visioncli.training.worker import notes_of

        recipe, prepared = self.recipe, self.prepared
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
    import torch

    from visioncli.training.worker import fresh_state
    from visioncli.weights.checkpoints import architecture
    from visioncli.weights.load import load_network

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
    from visioncli.weights.checkpoints import architecture

    return not isinstance(row.source, Untrained) or hasattr(architecture(row)[0], "pretrained")
