"""What a process needs to learn masks, by the job in the run's folder."""

import dataclasses
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from visioncli.labelled.mask_sets import read_masks
from visioncli.training.first_state import learner
from visioncli.training.job import Job, mask_names
from visioncli.training.masks.lesson import MaskLesson
from visioncli.training.masks.offset import offset_in
from visioncli.training.processes.interface import Launcher
from visioncli.training.rows import row_of
from visioncli.training.worker import Learning
from visioncli.weights.checkpoints import architecture
from visioncli.weights.runs import write_model


def learning_masks(run: Path, job: Job, launcher: Launcher) -> Learning:
    """Reads the set again and builds the network. Raises UsageError where the set is no longer what it was."""
    known = job.data["known"]
    pictures = read_masks(**job.data["set"])
    job.check(mask_names(pictures), pictures.source)
    pictures = dataclasses.replace(
        pictures, classes=tuple(known["classes"]), values=dict(known["values"]), ignore_index=known["ignore_index"]
    )
    row = row_of(job.data["row"], pictures.classes, "segment")
    network = learner(row)
    module, variant = architecture(row)
    with torch.device("meta"):
        names = module.build(*variant).state_dict().keys()

    def keep(state: dict[str, Tensor], _: Any, facts: dict[str, Any]) -> None:
        # What only helps to learn is no part of the model.
        own = {name: tensor for name, tensor in state.items() if name in names}
        placed = dataclasses.replace(row, offset=offset_in(state))
        write_model(run, placed, own, facts | {"finished": False})

    return Learning(MaskLesson(job, pictures, row, network, launcher), network, keep)
