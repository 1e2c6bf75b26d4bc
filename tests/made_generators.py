"""RUN folders of generators that have learned nothing: tiny, seeded, written as `vision train` writes them."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from visioncli.models import registry
from visioncli.models.row import ModelRow
from visioncli.weights.checkpoints import architecture
from visioncli.weights.runs import write_model


def generator_run(
    folder: Path, model: str = "dcgan", classes: Sequence[str] = ("cat", "dog"), shape: str = "28x1x2x8"
) -> ModelRow:
    """A generator whose pictures differ from seed to seed."""
    row = dataclasses.replace(
        registry.find(model),
        architecture=f"{model}:{shape}:{len(classes)}",
        labels=tuple(enumerate(classes)),
        input=dataclasses.replace(registry.find(model).input, size=int(shape[:2]), resize=int(shape[:2])),
    )
    module, variant = architecture(row)
    torch.manual_seed(0)
    network = module.build(*variant)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim > 1 and model == "dcgan":
                parameter.normal_(0, 0.2)
        if model == "style_generator":
            for layer in network.layers:
                layer.strength.fill_(0.3)
            network.centres.normal_()
    folder.mkdir(parents=True, exist_ok=True)
    return write_model(folder, row, network.state_dict(), {"finished": True, "numbers": {}})


def samples(run: Path, steps: Sequence[int] = (5, 10, 15), numbers: Sequence[str] = ("distance", "recall")) -> Path:
    """What a run made on the way: a sheet a look, and its log."""
    (run / "samples").mkdir(parents=True, exist_ok=True)
    lines = []
    for n, step in enumerate(steps):
        Image.fromarray(np.full((40, 60, 3), 40 * (n + 1), np.uint8)).save(run / "samples" / f"{step:07d}.png")
        told = {
            "event": "epoch",
            "seconds": n,
            "stage": "all",
            "epoch": n + 1.0,
            "step": step,
            "steps": 15,
            "rate": 1,
        }
        lines.append(told | {"generator_loss": 0.5 + n} | dict.fromkeys(numbers, n / 4))
    (run / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return run
