"""What each process of a run does: read the job, build the network, and run the loop."""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from visioncli.errors import UsageError
from visioncli.geometry.keypoints import NAMES
from visioncli.labelled.boxes import BoxSet, read_boxes
from visioncli.labelled.coco_points import PointNames
from visioncli.labelled.interface import PictureSet
from visioncli.labelled.mask_sets import read_masks
from visioncli.labelled.masks import MaskSet
from visioncli.labelled.recognise import read_set
from visioncli.metrics.calibration import fit_temperature, fit_thresholds
from visioncli.models import registry
from visioncli.models.mask_learners import as_learner
from visioncli.models.row import InputSpec, ModelRow, Trained
from visioncli.models.sound import recipe_of
from visioncli.models.trainable import is_trainable, parts_of
from visioncli.resolve import describe
from visioncli.training import checkpoint
from visioncli.training.box_learners import learner_class
from visioncli.training.checkpoint import CHECKPOINT, FOLDER, Progress
from visioncli.training.classes import ClassLesson
from visioncli.training.interface import Launcher
from visioncli.training.job import Job, box_names, mask_names, names_of, read_job, targets
from visioncli.training.lesson import Lesson
from visioncli.training.loop import Loop
from visioncli.training.mask_offset import offset_in
from visioncli.training.masks import MaskLesson
from visioncli.training.watch import Log, Watcher
from visioncli.weights.checkpoints import architecture
from visioncli.weights.downloads import Access
from visioncli.weights.runs import write_model

watcher = Watcher()
"""Who watches this process: set by `train` before it launches; other processes have nobody."""


def work(run: Path, seconds: float, threads: int | None, launcher: Launcher) -> None:
    """Trains the job in the folder `run` for at most so many seconds, beginning at its checkpoint.

    How many seconds is what the first process says, which all wait for here: it may still be writing the job.
    Raises UsageError where the set is no longer what it was when it was looked at.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    deadline = time.monotonic() + float(launcher.gather(np.array([seconds]))[0])
    job = read_job(run)
    row, pictures, kept = _LEARNS[job.task](run, job)
    network = learner(row)
    lesson: Lesson
    if isinstance(pictures, BoxSet):
        from visioncli.training.boxes import BoxLesson
        from visioncli.training.part_lesson import PartLesson

        lesson = (PartLesson if parts_of(row) else BoxLesson)(job, pictures, row, network, launcher)
    elif isinstance(pictures, MaskSet):
        lesson = MaskLesson(job, pictures, row, network, launcher)
    elif row.sound is not None:
        from visioncli.training.sounds import SoundLesson

        lesson = SoundLesson(job, pictures, row, network, launcher)
    else:
        lesson = ClassLesson(job, pictures, row, network, launcher)
    log = Log(run, watcher, keep=True) if launcher.is_main else None

    def keep(state: dict[str, Tensor], step: int, loss: float, answers: Any) -> None:
        with watcher.undisturbed():
            kept(state, answers, {"step": step, "val_loss": loss})

    def tell(event: str, **facts: Any) -> None:
        if log is not None:
            log(event, **facts)
            loop.at.log_size = log.size

    loop = Loop(job, lesson, network, run, launcher, keep, tell, deadline)
    loop.resume()
    if log is not None:
        log.truncate(loop.at.log_size)
    # An interrupt may come in the middle of a step, so that nothing is written then: the last checkpoint holds.
    loop.run()
    loop.save()
    launcher.barrier()


Keep = Callable[[dict[str, Tensor], Any, dict[str, Any]], None]
"""Writes the best model so far: its tensors, what its lesson found, and facts about it."""


def _classes(run: Path, job: Job) -> tuple[ModelRow, PictureSet, Keep]:
    pictures = read_set(**job.data["set"], access=Access.of(offline=True))
    _check(names_of(pictures), job, pictures.source)
    row = row_of(job.data["row"], pictures.classes)

    def keep(state: dict[str, Tensor], logits: np.ndarray, facts: dict[str, Any]) -> None:
        keep_model(run, row, state, logits, targets(pictures, job.val), facts)

    return row, pictures, keep


def _masks(run: Path, job: Job) -> tuple[ModelRow, MaskSet, Keep]:
    known = job.data["known"]
    pictures = read_masks(**job.data["set"])
    _check(mask_names(pictures), job, pictures.source)
    pictures = dataclasses.replace(
        pictures, classes=tuple(known["classes"]), values=dict(known["values"]), ignore_index=known["ignore_index"]
    )
    row = row_of(job.data["row"], pictures.classes, "segment")

    module, variant = architecture(row)
    with torch.device("meta"):
        names = module.build(*variant).state_dict().keys()

    def keep(state: dict[str, Tensor], _: Any, facts: dict[str, Any]) -> None:
        # What only helps to learn is no part of the model.
        own = {name: tensor for name, tensor in state.items() if name in names}
        placed = dataclasses.replace(row, offset=offset_in(state))
        write_model(run, placed, own, facts | {"finished": False})

    return row, pictures, keep


def _boxes(run: Path, job: Job) -> tuple[ModelRow, BoxSet, Keep]:
    pictures = read_boxes(**job.data["set"])
    _check(box_names(pictures), job, pictures.source)
    row = with_points(row_of(job.data["row"], pictures.classes, "detect"), pictures.points)

    def keep(state: dict[str, Tensor], _: Any, facts: dict[str, Any]) -> None:
        # By AP epochs are compared, not by a loss.
        _keep_as_it_is(run, row, state, None, {"step": facts["step"], "val_loss": None, "learner": job.settings})

    return row, pictures, keep


def _keep_as_it_is(run: Path, row: ModelRow, state: dict[str, Tensor], _: Any, facts: dict[str, Any]) -> None:
    write_model(run, row, state, facts | {"finished": False})


_LEARNS: dict[str, Callable[[Path, Job], tuple[ModelRow, Any, Keep]]] = {
    "classify": _classes,
    "segment": _masks,
    "detect": _boxes,
}


def _check(names: str, job: Job, source: str) -> None:
    if names != job.names:
        raise UsageError(f"{source} was changed while it was looked at. Begin again, into another folder.")


def row_of(notes: dict[str, Any], classes: tuple[str, ...], task: str = "classify") -> ModelRow:
    """The row of the network that is trained, of what `notes_of` wrote: the base's, with this set's classes."""
    base = described(notes["model"], task, Access.of(offline=True))
    if task == "segment":
        base = as_learner(base)
    spec: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in notes["input"].items()}
    sound = None if notes.get("sound") is None else recipe_of(notes["sound"])
    return with_classes(dataclasses.replace(base, input=InputSpec(**spec), sound=sound), classes)


def described(model: str, task: str, access: Access) -> ModelRow:
    """The row of `model` for a network that is to learn `task`. Raises UsageError and ModelUnavailable."""
    pose = task == "detect" and any(
        row.name == model and is_trainable(row, task) for row in registry.rows_for("pose")
    )
    return describe(model, "pose" if pose else task, access=access)


def notes_of(model: str, row: ModelRow) -> dict[str, Any]:
    """What it takes to find the row again in another process."""
    sound = None if row.sound is None else dataclasses.asdict(row.sound)
    return {"model": model, "input": dataclasses.asdict(row.input), "sound": sound}


def with_classes(row: ModelRow, classes: tuple[str, ...]) -> ModelRow:
    """`row` with other classes: its architecture ends in their number; what was published of it does not hold."""
    first = 0
    if _detects(row) and (learner := learner_class(row)) is not None and learner.background:
        first = 1
    parts = row.architecture.split(":")
    counted = len(parts) > 2 or isinstance(row.source, Trained)
    base = parts[:-1] if counted and parts[-1].isdecimal() else parts
    return dataclasses.replace(
        row,
        tasks=_tasks(row),
        architecture=":".join([*base, str(len(classes) + first)]),
        labels=tuple(enumerate(classes, first)),
        accuracy=(),
        temperature=1.0,
        thresholds=(),
        offset=None,
        form=row.form if row.tasks[0] in ("segment", "detect") or _detects(row) else "",
    )


def _detects(row: ModelRow) -> bool:
    return "detect" in row.tasks or row.form == "people"


def _tasks(row: ModelRow) -> tuple[str, ...]:
    """What the network is for once it was trained: one that finds joints finds who has them, too."""
    if row.form == "people":
        return ("detect", "pose")
    also = ("segment",) if row.form == "instances" else ("gradcam",)
    return tuple(t for t in row.tasks if "detect" not in row.tasks or t in ("detect", *also))


def with_points(row: ModelRow, points: PointNames | None) -> ModelRow:
    """`row` with other keypoints, where it has any: its architecture says how many, unless they are COCO's 17."""
    if points is None or row.form != "people":
        return row
    family, variant, *classes = row.architecture.split(":")
    variant = variant.partition("/")[0]
    if len(points.names) != len(NAMES):
        variant = f"{variant}/{len(points.names)}"
    own = points.names != NAMES
    return dataclasses.replace(
        row,
        architecture=":".join([family, variant, *classes]),
        points=points.names if own else (),
        limbs=points.limbs if own else (),
    )


def start(run: Path, job: Job, state: dict[str, Tensor], best: tuple[float, float], log_size: int) -> None:
    """Writes the job and its first checkpoint, from which every process begins. `best` is the share of validation
    pictures that the model so far has wrong, and its loss."""
    job.write(run)
    progress = Progress(best_wrong=best[0], best_loss=best[1], log_size=log_size)
    checkpoint.save(run / FOLDER / CHECKPOINT, progress, state, state, None)


def has_begun(run: Path) -> bool:
    """Whether there is a checkpoint to go on from."""
    return (run / FOLDER / CHECKPOINT).is_file()


def keep_model(
    run: Path,
    row: ModelRow,
    state: dict[str, Tensor],
    logits: np.ndarray,
    answers: np.ndarray,
    facts: dict[str, Any],
) -> ModelRow:
    """Writes the best model so far, calibrated on its `(N, C)` logits of the validation pictures: usable at once."""
    row = calibrated(row, logits, answers)
    return write_model(run, row, state, facts | {"finished": False})


def calibrated(row: ModelRow, logits: np.ndarray, answers: np.ndarray) -> ModelRow:
    """`row` with the temperature that suits its logits; for several labels a picture, with a threshold each."""
    if not len(logits):
        return row
    if answers.ndim == 1:
        return dataclasses.replace(row, temperature=float(fit_temperature(logits, answers)))
    probabilities = 1 / (1 + np.exp(-logits.astype(np.float64)))
    return dataclasses.replace(row, thresholds=tuple(map(float, fit_thresholds(probabilities, answers > 0.5))))


def learner(row: ModelRow) -> nn.Module:
    """The untrained network as it learns, which may have parts that it answers without."""
    module, variant = architecture(row)
    network: nn.Module = getattr(module, "build_learner", module.build)(*variant)
    return network


def fresh_state(row: ModelRow, seed: int) -> dict[str, Tensor]:
    """The untrained network's tensors, the same for a seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = learner(row)
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def with_head(row: ModelRow, base: nn.Module, weight: np.ndarray, bias: np.ndarray) -> dict[str, Tensor]:
    """The tensors of `row`'s network: those of the `base` network, and the head that was fitted on its features."""
    from visioncli.weights.heads import head_of

    module, variant = architecture(row)
    with torch.device("meta"):
        network: nn.Module = module.build(*variant)
    name, head = head_of(network, row)
    if head.bias is None:
        raise UsageError(f"The last layer of {row.name} has no bias, so that no head can be fitted for it alone.")
    state = {key: tensor.clone() for key, tensor in base.state_dict().items()}
    state[f"{name}.weight"] = torch.from_numpy(weight)
    state[f"{name}.bias"] = torch.from_numpy(bias)
    return state
