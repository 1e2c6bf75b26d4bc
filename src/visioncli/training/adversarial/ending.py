"""What the ends of all runs that make pictures have in common."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from visioncli import __version__
from visioncli.files import write_picture
from visioncli.models.row import ModelRow
from visioncli.render import game_curves
from visioncli.training.adversarial.kind import Ended, R
from visioncli.training.finishing import came_about, data_of
from visioncli.training.watch import read_log

Line = list[float | None]


def looks(ended: Ended[R]) -> list[dict[str, Any]]:
    """What the log says of each look at the networks, the last one at the end."""
    return [event for event in read_log(ended.folder) if event["event"] == "epoch"]


def draw_curves(ended: Ended[R], panels: Callable[[Callable[[str], Line]], Mapping[str, Mapping[str, Line]]]) -> None:
    """`curves.png`. `panels` is given what tells a number of the log by its name, look by look, and says which lines
    are drawn where."""
    told = looks(ended)
    lines = panels(lambda name: [event.get(name) for event in told])
    drawn = game_curves.draw(lines, ended.folder.name, [event["epoch"] for event in told])
    write_picture(ended.folder / "curves.png", drawn, "PNG", optimize=True)


def facts(
    ended: Ended[R], numbers: Mapping[str, Any], judge: str, data: Mapping[str, Any] | None = None, **others: Any
) -> dict[str, Any]:
    """What `model.json` says of the run beside its row: `numbers` by part, by the features of `judge`, what there is
    to say of the `data`, and others."""
    ready = ended.ready
    return {
        **came_about(ended.command, ended.job.key),
        "base": {"name": ready.row.name, "weights_sha256": None},
        "recipe": ended.job.recipe.key(),
        "settings": ended.job.settings,
        "data": data_of(ready) | dict(data or {}),
        "judge": judge,
        **others,
        "step": looks(ended)[-1]["step"],
        "numbers": dict(numbers),
        "seconds": seconds(ended),
    }


def card(ended: Ended[R], row: ModelRow, judge: str) -> dict[str, Any]:
    """What a `GameCard` says of any run; `row` is that of the network."""
    ready, last = ended.ready, looks(ended)[-1]
    return {
        "name": ended.folder.resolve().name,
        "command": ended.command,
        "version": __version__,
        "architecture": row.architecture,
        "parameters": row.parameters,
        "source": ready.listed.source,
        "judge": judge,
        "epochs": last["epoch"],
        "steps": last["step"],
        "seed": ended.job.recipe.seed,
        "unreadable": len(ready.look.unreadable),
        "leaks": len(ready.look.leaks),
        "seconds": seconds(ended),
        "weights_sha256": row.source.sha256 or "",
    }


def seconds(ended: Ended[R]) -> float:
    """How long the run has taken."""
    return round(time.monotonic() - ended.begun, 1)
