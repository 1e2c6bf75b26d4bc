"""RUN folders as `vision train` leaves them, of tiny seeded networks."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from visioncli.models import registry
from visioncli.models.row import ModelRow
from visioncli.weights.checkpoints import architecture
from visioncli.weights.runs import write_model


def row_of(name: str = "lenet5", labels: Sequence[str] = ("ants", "bees", "wasps"), **fields: Any) -> ModelRow:
    """The row of the registry's network `name` with classes of its own."""
    row = registry.find(name)
    return dataclasses.replace(
        row,
        architecture=f"{row.architecture}:{len(labels)}",
        labels=tuple(enumerate(labels)),
        accuracy=(),
        **fields,
    )


def seeded(row: ModelRow) -> torch.nn.Module:
    """The row's network with random weights, the same each time, in inference mode."""
    module, variant = architecture(row)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network: torch.nn.Module = module.build(*variant)
    return network.eval()


def make_run(folder: Path, name: str = "lenet5", facts: dict[str, Any] | None = None, **fields: Any) -> ModelRow:
    """Writes the folder and returns its row; `fields` are those of `row_of`."""
    row = row_of(name, **fields)
    return write_model(folder, row, seeded(row).state_dict(), facts or {})
