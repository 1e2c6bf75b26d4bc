"""Writes src/visioncli/models/rows/signatures.txt anew: run it after adding a network."""

import torch

from visioncli.models.registry import ROWS
from visioncli.weights.checkpoints import architecture
from visioncli.weights.signatures import FILE, SKETCH, tensor_hashes


def main() -> None:
    """One line a network: name, number of tensors, hashes."""
    lines = []
    for row in ROWS:
        if {"caption", "generate", "translate", "stylize"} & {*row.tasks} or row.architecture == "onnx":
            continue  # it sees no pictures, takes no weights of others, or has no tensors by name
        module, variant = architecture(row)
        with torch.device("meta"):
            network = module.build(*variant)
        hashes = tensor_hashes((n, tuple(t.shape)) for n, t in network.state_dict().items())
        lines.append(" ".join([row.name, str(len(hashes)), *(f"{h:08x}" for h in hashes[:SKETCH])]))
    FILE.write_text("\n".join(lines) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
