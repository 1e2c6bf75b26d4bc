"""Where training stands, on disk: tensors and a few numbers in one file, whole or not at all. No pickle."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from visioncli.errors import UsageError
from visioncli.files import whole_file

FOLDER = ".training"
"""Below the run's folder: what only an unfinished run needs. Removed when it ends."""
CHECKPOINT = "checkpoint.safetensors"
_META = "progress"


@dataclass(slots=True)
class Progress:
    """Where training stands after `step` steps of `steps` (0: not planned yet).

    `stage` is the place of the current stage, in which `stage_step` steps were made. `best_wrong` is the least
    share of validation pictures that a model had wrong (0 where pictures have several labels), `best_loss` its
    validation loss; the kept model is from step `best_step`, and `stale` counts epochs since. `log_size` is the
    log's length in bytes, up to which it tells of what happened until here.
    """

    step: int = 0
    steps: int = 0
    stage: int = 0
    stage_step: int = 0
    best_wrong: float = float("inf")
    best_loss: float = float("inf")
    best_step: int = 0
    stale: int = 0
    log_size: int = 0
    loss_sum: float = 0.0
    right_sum: float = 0.0
    seen: int = 0


def has_begun(run: Path) -> bool:
    """Whether there is a checkpoint to go on from."""
    return (run / FOLDER / CHECKPOINT).is_file()


def begin(run: Path, state: dict[str, Tensor], best: tuple[float, float], log_size: int) -> None:
    """Writes the first checkpoint, from which every process begins. `best` is the share of validation pictures that
    the model so far has wrong, and its loss."""
    progress = Progress(best_wrong=best[0], best_loss=best[1], log_size=log_size)
    save(run / FOLDER / CHECKPOINT, progress, state, state, None)


def save(
    path: Path, progress: Progress, network: dict[str, Tensor], average: dict[str, Tensor], optimizer: Any
) -> None:
    """Writes the checkpoint. Raises OutputError where the disk is full."""
    from visioncli.weights.runs import save_tensors

    tensors = {f"network.{name}": tensor for name, tensor in network.items()}
    tensors |= {f"average.{name}": tensor for name, tensor in average.items()}
    plain: dict[str, Any] = {}
    for n, values in (optimizer.state_dict()["state"] if optimizer is not None else {}).items():
        for name, value in values.items():
            if isinstance(value, Tensor):
                tensors[f"optimizer.{n}.{name}"] = value
            else:
                plain[f"{n}.{name}"] = value
    body = {k: v if v != float("inf") else None for k, v in asdict(progress).items()}
    with whole_file(path) as temporary:
        save_tensors(tensors, temporary, path, {_META: json.dumps({"progress": body, "optimizer": plain})})


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """What `save` wrote."""

    progress: Progress
    network: dict[str, Tensor]
    average: dict[str, Tensor]
    optimizer: dict[int, dict[str, Any]]

    def restore(self, optimizer: torch.optim.Optimizer) -> None:
        """Puts the optimizer's state back; its groups are those that it was made with."""
        if self.optimizer:
            state = optimizer.state_dict()
            optimizer.load_state_dict({"state": self.optimizer, "param_groups": state["param_groups"]})


def read(path: Path) -> Checkpoint:
    """Raises UsageError where it is damaged: whole files are renamed into place, so that somebody changed it."""
    from safetensors import SafetensorError, safe_open

    parts: dict[str, dict[str, Tensor]] = {"network": {}, "average": {}, "optimizer": {}}
    try:
        with safe_open(path, "pt") as file:
            body = json.loads((file.metadata() or {})[_META])
            for name in file.keys():  # noqa: SIM118 - not a dict
                kind, _, rest = name.partition(".")
                parts[kind][rest] = file.get_tensor(name)
        known = {f.name for f in fields(Progress)}
        numbers: dict[str, Any] = {
            k: float("inf") if v is None else v for k, v in body["progress"].items() if k in known
        }
        optimizer: dict[int, dict[str, Any]] = {}
        for name, value in (parts["optimizer"] | body["optimizer"]).items():
            place, _, what = name.partition(".")
            optimizer.setdefault(int(place), {})[what] = value
        return Checkpoint(Progress(**numbers), parts["network"], parts["average"], optimizer)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as problem:
        raise UsageError(
            f"{path} cannot be read ({problem}), so training cannot go on. Train anew into another folder."
        ) from None
