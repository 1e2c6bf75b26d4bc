"""Where an adversarial run stands, on disk: tensors of all networks, their averages and optimizers, and a few numbers
in one file, whole or not at all. No pickle. The file lies where that of every run lies."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from visioncli.errors import UsageError
from visioncli.files import whole_file
from visioncli.training.adversarial.game import Game, Optimizers

_META = "standing"
Tensors = Mapping[str, Mapping[str, Tensor]]
"""Of each network, by its name."""


@dataclass(slots=True)
class Standing:
    """Where training stands after `step` steps of `steps` (0: not planned yet).

    `log_size` is the log's length in bytes, up to which it tells of what happened until here. `sums` are those of the
    losses since they were last told, over `summed` steps.
    """

    step: int = 0
    steps: int = 0
    log_size: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    summed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Saved:
    """What `save` wrote. `optimizers` are by name, and then by the place of the parameter."""

    standing: Standing
    networks: dict[str, dict[str, Tensor]]
    averages: dict[str, dict[str, Tensor]]
    optimizers: dict[str, dict[int, dict[str, Any]]]
    game: dict[str, Tensor]

    def restore(self, optimizers: Optimizers) -> None:
        """Puts the optimizers' states back; their groups are those that they were made with."""
        for name, optimizer in optimizers.items():
            if known := self.optimizers.get(name):
                groups = optimizer.state_dict()["param_groups"]
                optimizer.load_state_dict({"state": known, "param_groups": groups})


def save(
    path: Path,
    standing: Standing,
    networks: Tensors,
    averages: Tensors,
    optimizers: Optimizers,
    game: Mapping[str, Tensor],
) -> None:
    """Writes all of it. Raises OutputError where the disk is full."""
    from visioncli.weights.runs import save_tensors

    tensors = {f"game/{name}": tensor for name, tensor in game.items()}
    for kind, parts in (("network", networks), ("average", averages)):
        tensors |= {f"{kind}/{who}/{name}": t for who, state in parts.items() for name, t in state.items()}
    plain: dict[str, Any] = {}
    for who, optimizer in optimizers.items():
        for place, values in optimizer.state_dict()["state"].items():
            for name, value in values.items():
                key = f"optimizer/{who}/{place}/{name}"
                if isinstance(value, Tensor):
                    tensors[key] = value
                else:
                    plain[key] = value
    with whole_file(path) as temporary:
        body = json.dumps({"standing": asdict(standing), "optimizers": plain})
        save_tensors(tensors, temporary, path, {_META: body})


def read(path: Path) -> Saved:
    """Raises UsageError where it is damaged: whole files are renamed into place, so that somebody changed it."""
    from safetensors import SafetensorError, safe_open

    saved = Saved(Standing(), {}, {}, {}, {})
    try:
        with safe_open(path, "pt") as file:
            body = json.loads((file.metadata() or {})[_META])
            found: dict[str, Any] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        for key, value in (found | body["optimizers"]).items():
            kind, _, rest = key.partition("/")
            if kind == "game":
                saved.game[rest] = value
                continue
            who, _, name = rest.partition("/")
            if kind == "optimizer":
                place, _, what = name.partition("/")
                saved.optimizers.setdefault(who, {}).setdefault(int(place), {})[what] = value
            else:
                {"network": saved.networks, "average": saved.averages}[kind].setdefault(who, {})[name] = value
        standing = Standing(**body["standing"])
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as problem:
        raise UsageError(
            f"{path} cannot be read ({problem}), so training cannot go on. Train anew into another folder."
        ) from None
    return Saved(standing, saved.networks, saved.averages, saved.optimizers, saved.game)


def first(path: Path, game: Game, log_size: int) -> None:
    """Writes the checkpoint from which a run begins. Raises OutputError."""
    states = {name: network.state_dict() for name, network in game.networks.items()}
    averages = {name: states[name] for name in game.averaged}
    save(path, Standing(log_size=log_size), states, averages, {}, game.state())
