"""Measures between which values the layers of the embedded networks answer, for computing them in 8 bits.

    python tools/activation_ranges.py --on "124 photographs of ants …" PICTURES... [--model NAME]...

Writes src/visioncli/models/data/ranges/NAME.json: the values between which every tensor lies, the sentence of --on,
and the hash of the weights. Of each picture the least and the greatest value are taken; nine pictures in ten keep to
the range, what lies beyond is cut off: one odd picture then does not make the steps coarser for all. Each network
sees the pictures as its task shows them: classifiers a crop, the detector the whole picture, MoveNet the crops around
people that pose makes. Give pictures that nothing is scored on. Where a network came in 8 bits, the ranges are those
of its file.
"""

import argparse
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from visioncli import engines, load
from visioncli.engines.compile import compile_model
from visioncli.engines.interface import Engine, EngineOptions
from visioncli.engines.quantise import measured
from visioncli.families.onnx import open_session
from visioncli.inputs.sources import Expansion
from visioncli.models.activation_ranges import FOLDER, ActivationRanges
from visioncli.models.registry import Carrier, ModelRow, find
from visioncli.weights.checkpoints import architecture
from visioncli.weights.places import verified_carrier_file

NETWORKS = {
    "efficientnet_lite0": "classify",
    "efficientnet_lite1": "classify",
    "efficientnet_lite2": "classify",
    "ssd_mobilenet_v2": "detect",
    "deeplab_v3_mobilenet_v2": "segment",
    "movenet_lightning": "pose",
}
"""Those that come with the package, and the task whose pictures they see."""


OF_FILE = ("efficientnet_lite3",)
"""Those that came in 8 bits: their files say the ranges."""
EXACT = {
    "ssd_mobilenet_v2": ("stem.", "blocks.0.", "box_heads."),
    "movenet_lightning": (
        "stem",
        "blocks.0.",
        "blocks.1.",
        "blocks.2.",
        "smooth.",
        "lateral.",
        "centre.",
        "heat.",
        "offset.",
        "regress.",
    ),
}
"""Layers that stay in fp32, by how the names of their modules begin."""
ON_DEMAND = frozenset({"movenet_lightning"})
"""Those that `--precision auto` leaves in fp32. MoveNet gains a quarter of its time and moves 4 % of the joints."""
KEPT = 90
"""Per cent of the pictures that keep to a range."""


class Watching(Engine):
    """Runs a network in fp32 and keeps the extremes of everything that `quantise` wants to know of."""

    name = "onnx"

    def __init__(self, row: ModelRow, options: EngineOptions | None = None) -> None:
        import onnx

        self.row, self.extremes = row, defaultdict[str, list[tuple[float, float]]](list)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "watched.onnx"
            compile_model(row, path)
            model = onnx.load(path)
            self._answers = [output.name for output in model.graph.output]
            self._input = model.graph.input[0].name
            modules = [name for name in measured(model) if "/" not in name and name != "input"]
            self.exact = tuple(name for name in modules if name.startswith(EXACT.get(row.name, ())))
            self._tensors = measured(model, self.exact)
            known = {*self._answers, self._input}
            for tensor in sorted(set(self._tensors.values()) - known):
                model.graph.output.append(onnx.helper.make_tensor_value_info(tensor, onnx.TensorProto.FLOAT, None))
            onnx.save(model, path)
            self._session = open_session(path, 1)

    def compute(self, batch: np.ndarray) -> tuple[np.ndarray, ...]:
        names = [output.name for output in self._session.get_outputs()]
        rows = []
        for picture in np.ascontiguousarray(batch, np.float32):
            values = {self._input: picture[None]}
            values |= dict(zip(names, self._session.run(names, values), strict=True))
            for name, tensor in self._tensors.items():
                self.extremes[name].append((float(values[tensor].min()), float(values[tensor].max())))
            rows.append([values[name] for name in self._answers])
        return tuple(np.concatenate(column) for column in zip(*rows, strict=True))


def of_file(name: str) -> ActivationRanges:
    """The ranges that the network's own 8-bit file gives."""
    row = find(name)
    module, variant = architecture(row)
    assert isinstance(row.source, Carrier)
    ranges = module.activation_ranges(verified_carrier_file(row.source), *variant)
    return ActivationRanges(row.source.sha256, f"the ranges of {row.source.file} itself", 0, ranges)


def measure(name: str, task: str, pictures: Sequence[str], on: str) -> ActivationRanges:
    """The ranges of one network over the pictures. Raises ValueError where its answers are none, or not finite."""
    watched: list[Watching] = []

    def open_watched(row: ModelRow, options: EngineOptions | None = None) -> Engine:
        watched.append(Watching(row, options))
        return watched[-1]

    row = find(name)
    before: Any = engines.open_engine
    engines.open_engine = open_watched
    try:
        records = list(load(task, name)(pictures))
    finally:
        engines.open_engine = before
    (engine,) = (one for one in watched if one.row.name == name)
    ranges = {
        name: (float(np.percentile(lows, 100 - KEPT)), float(np.percentile(highs, KEPT)))
        for name, (lows, highs) in ((name, zip(*pairs, strict=True)) for name, pairs in engine.extremes.items())
    }
    if not ranges or not np.isfinite(list(ranges.values())).all():
        raise ValueError(f"{name} gave no finite answers to these pictures")
    used = sum(record.error is None and (task != "pose" or bool(record.predictions)) for record in records)
    assert row.source.sha256 is not None
    return ActivationRanges(row.source.sha256, on, used, ranges, engine.exact, name not in ON_DEMAND)


def main() -> None:
    """Reads the arguments, writes a file for each network."""
    parser = argparse.ArgumentParser(description="Measure activation ranges.")
    parser.add_argument("pictures", nargs="+", help="files and folders")
    parser.add_argument("--on", required=True, help="a sentence about the pictures")
    parser.add_argument("--model", action="append", choices=[*NETWORKS, *OF_FILE], help="only this network")
    given = parser.parse_args()
    pictures = [item.path for item in Expansion(None, (), False).items(given.pictures)]
    for name in given.model or [*NETWORKS, *OF_FILE]:
        found = of_file(name) if name in OF_FILE else measure(name, NETWORKS[name], pictures, given.on)
        FOLDER.mkdir(exist_ok=True)
        (FOLDER / f"{name}.json").write_text(json.dumps(found.to_json(), indent=1) + "\n", encoding="utf-8")
        sys.stdout.write(f"{name}: {len(found.ranges)} tensors over {found.pictures} pictures\n")


if __name__ == "__main__":
    main()
