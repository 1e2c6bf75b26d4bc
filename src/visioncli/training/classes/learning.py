"""What a process needs to learn classes, by the job in the run's folder."""

from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from visioncli.labelled.recognise import read_set
from visioncli.training.classes.best import keep_model
from visioncli.training.classes.lesson import ClassLesson
from visioncli.training.first_state import learner
from visioncli.training.job import Job, names_of, targets
from visioncli.training.processes.interface import Launcher
from visioncli.training.rows import row_of
from visioncli.training.worker import Learning
from visioncli.weights.downloads import Access


def learning_classes(run: Path, job: Job, launcher: Launcher) -> Learning:
    """Reads the set again and builds the network. Raises UsageError where the set is no longer what it was."""
    pictures = read_set(**job.data["set"], access=Access.of(offline=True))
    job.check(names_of(pictures), pictures.source)
    row = row_of(job.data["row"], pictures.classes)
    network = learner(row)

    def keep(state: dict[str, Tensor], logits: np.ndarray, facts: dict[str, Any]) -> None:
        keep_model(run, row, state, logits, targets(pictures, job.val), facts)

    kind: type[ClassLesson] = ClassLesson
    if row.sound is not None:
        from visioncli.training.classes.sounds.lesson import SoundLesson

        kind = SoundLesson
    return Learning(kind(job, pictures, row, network, launcher), network, keep)
