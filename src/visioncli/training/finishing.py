"""What the ends of all runs have in common, whatever was learned."""

import dataclasses
import shlex
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Generic, TypeVar

from visioncli import __version__
from visioncli.engines import EngineOptions
from visioncli.files import write_picture
from visioncli.labelled.interface import TEST, TRAIN, VAL
from visioncli.models.row import ModelRow
from visioncli.render import curves
from visioncli.runner import RunOptions
from visioncli.training.data.ready import Ready
from visioncli.training.recipe import Recipe, Start
from visioncli.training.watch import Log, Watcher, read_log
from visioncli.weights.runs import read_facts

P = TypeVar("P", bound=Ready)


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Ended(Generic[P]):
    """What is known of a run when its loop has ended."""

    folder: Path
    prepared: P
    recipe: Recipe
    key: str
    begun: float
    command: Sequence[str]
    engine: EngineOptions
    options: RunOptions
    log: Log
    watcher: Watcher

    def counts(self) -> dict[str, int]:
        """Readable pictures by part."""
        return counts_of(self.prepared)

    def epochs(self) -> list[dict[str, Any]]:
        """What the log says of each."""
        return [event for event in read_log(self.folder) if event["event"] == "epoch"]

    def tell_best(self) -> None:
        """Says which of the networks that the run went through is kept."""
        told = self.epochs()
        if best := next((e for e in reversed(told) if e["best"]), None):
            self.watcher.say(f"The network after epoch {best['epoch']:g} of {told[-1]['epoch']:g} is kept.")
        elif told:
            self.watcher.say("No epoch was better than the network as it was before, which is kept.")

    def facts(self, data: dict[str, Any], numbers: dict[str, Any], **others: Any) -> dict[str, Any]:
        """What `model.json` says of the run beside its row: `data` of the set, `numbers` by part, and others."""
        kept, base = read_facts(self.folder), self.prepared.row
        return {
            **came_about(self.command, self.key),
            "base": {"name": base.name, "weights_sha256": base.source.sha256},
            "recipe": self.recipe.key(),
            "data": data_of(self.prepared) | data,
            "step": kept.get("step", 0),
            "val_loss": kept.get("val_loss"),
            **others,
            "numbers": numbers,
            "seconds": self.seconds(),
        }

    def card(self, row: ModelRow, base: ModelRow) -> dict[str, Any]:
        """What an `ObjectCard` says of any run: `row` is that of the network, `base` what it began with."""
        listed, look = self.prepared.listed, self.prepared.look
        return {
            "name": self.folder.resolve().name,
            "command": self.command,
            "version": __version__,
            "architecture": row.architecture,
            "base": "" if self.recipe.start is Start.SCRATCH else base.name,
            "base_license": base.licence,
            "source": listed.source,
            "format": listed.format,
            "classes": listed.classes,
            "pictures": self.counts(),
            "seed": self.recipe.seed,
            "unreadable": len(look.unreadable),
            "leaks": len(look.leaks),
            "seconds": self.seconds(),
            "weights_sha256": row.source.sha256 or "",
        }

    def draw_curves(self, loss: str | None, measure: str, what: str) -> None:
        """`curves.png` of more than one epoch: in the log `loss` is the validation's, if it has one, and `measure`
        what epochs are compared by, called `what`."""
        told = self.epochs()
        epochs = [
            curves.Epoch(e["stage"], e["loss"], None if loss is None else e[loss], None, e[measure], e["rate"])
            for e in told
        ]
        if len(epochs) > 1:
            best = max((n for n, e in enumerate(told) if e["best"]), default=0)
            drawn = curves.draw(epochs, best, self.folder.name, measure=what)
            write_picture(self.folder / "curves.png", drawn, "PNG", optimize=True)

    def seconds(self) -> float:
        """How long the run has taken."""
        return round(time.monotonic() - self.begun, 1)


def libraries() -> dict[str, str]:
    """The versions of those that shape what is learned."""
    return {name: version(name) for name in ("torch", "torchvision", "numpy", "pillow", "onnxruntime")}


def came_about(command: Sequence[str], key: str) -> dict[str, Any]:
    """What `model.json` of any finished run begins with."""
    return {
        "finished": True,
        "version": __version__,
        "python": sys.version.split()[0],
        "libraries": libraries(),
        "command": shlex.join(command),
        "key": key,
    }


def data_of(ready: Ready) -> dict[str, Any]:
    """What it says of the set that was learned from, whatever was learned."""
    return {
        "source": ready.listed.source,
        "format": ready.listed.format,
        "sha256": ready.digest,
        "pictures": counts_of(ready),
        "unreadable": len(ready.look.unreadable),
        "leaks": len(ready.look.leaks),
    }


def counts_of(ready: Ready) -> dict[str, int]:
    """Readable pictures by part."""
    return {part: len(ready.part(part)) for part in (TRAIN, VAL, TEST)}
