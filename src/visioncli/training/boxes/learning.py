"""What a process needs to learn boxes, by the job in the run's folder."""

from pathlib import Path
from typing import Any

from torch import Tensor

from visioncli.labelled.boxes import read_boxes
from visioncli.models.trainable import parts_of
from visioncli.training.boxes.lesson import BoxLesson
from visioncli.training.boxes.part_lesson import PartLesson
from visioncli.training.first_state import learner
from visioncli.training.job import Job, box_names
from visioncli.training.processes.interface import Launcher
from visioncli.training.rows import row_of, with_points
from visioncli.training.worker import Learning
from visioncli.weights.runs import write_model


def learning_boxes(run: Path, job: Job, launcher: Launcher) -> Learning:
    """Reads the set again and builds the network. Raises UsageError where the set is no longer what it was."""
    pictures = read_boxes(**job.data["set"])
    job.check(box_names(pictures), pictures.source)
    row = with_points(row_of(job.data["row"], pictures.classes, "detect"), pictures.points)
    network = learner(row)

    def keep(state: dict[str, Tensor], _: Any, facts: dict[str, Any]) -> None:
        # By AP epochs are compared, not by a loss.
        told = {"step": facts["step"], "val_loss": None, "learner": job.settings, "finished": False}
        write_model(run, row, state, told)

    kind = PartLesson if parts_of(row) else BoxLesson
    return Learning(kind(job, pictures, row, network, launcher), network, keep)
