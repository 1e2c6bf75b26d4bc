"""Files of Darknet, `.weights`: a header, then the numbers of each layer in the order of the network's .cfg file.

https://github.com/pjreddie/darknet, src/parser.c. Of a convolution with batch normalisation come the bias, the scale,
the running mean and variance, then the kernel; of one without, the bias, then the kernel. Nothing says whose numbers
they are, so that the network must be known, and their count must be right to the last.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from visioncli.errors import ModelUnavailable
from visioncli.models.row import ModelRow
from visioncli.weights.checkpoints import FEW, MANY, architecture, read_checkpoint

if TYPE_CHECKING:
    from torch import Tensor, nn

FAMILY = "yolov3"
"""The architecture whose modules are made in Darknet's order."""
_VARIANTS = {"full": "yolov3", "tiny": "yolov3_tiny"}
"""Rows by variant."""


def is_darknet(path: Path) -> bool:
    """Whether a file is named, and else begins, like one of Darknet's: version 0.1 or 0.2, of some revision."""
    try:
        with path.open("rb") as file:
            start = file.read(12)
    except OSError:
        return False
    if start.startswith((b"PK", b"\x80")):  # an archive, or a pickle
        return False
    return path.suffix == ".weights" or _version(start) in ((0, 1), (0, 2))


def read_own(path: Path, row: ModelRow) -> "dict[str, Tensor]":
    """The tensors of a user's checkpoint for the network of `row`, by name: a file of Darknet, or any that
    `read_checkpoint` takes. Raises ModelUnavailable."""
    return read_darknet(path, row) if path.is_file() and is_darknet(path) else read_checkpoint(path)


def read_darknet(path: Path, row: ModelRow) -> "dict[str, Tensor]":
    """The tensors of a file of Darknet under the names of the row's network, however many classes it was made for.

    Raises ModelUnavailable for another network, and for files that are cut off or hold too much.
    """
    import numpy as np
    import torch

    module, variant = architecture(row)
    if row.architecture.split(":")[0] != FAMILY:
        raise ModelUnavailable(
            f"{path} is a file of Darknet weights, which is read for {' and '.join(_VARIANTS.values())}, not for "
            f"{row.name}."
        )
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise ModelUnavailable(f"{path} cannot be read: {problem.strerror or problem}.") from problem
    header = _header_bytes(content, path)
    count, rest = divmod(len(content) - header, 4)
    classes = None if rest else _classes(count, variant[0])
    if classes is None:
        raise ModelUnavailable(_does_not_fit(path, row, count, rest, variant[0]))
    with torch.device("meta"):
        network: nn.Module = module.build(variant[0], str(classes))
    numbers = torch.from_numpy(np.frombuffer(content, "<f4", offset=header).astype(np.float32))
    state: dict[str, Tensor] = {}
    at = 0
    for name in _order(network):
        shape = network.get_parameter(name).shape if _is_parameter(name) else network.get_buffer(name).shape
        state[name] = numbers[at : at + shape.numel()].reshape(shape).clone()
        at += shape.numel()
    # Only training reads how many batches there were.
    zeros = torch.zeros((), dtype=torch.int64)
    state |= {name: zeros.clone() for name in network.state_dict() if name.endswith("num_batches_tracked")}
    return state


def _is_parameter(name: str) -> bool:
    return not name.endswith(("running_mean", "running_var"))


def _order(network: "nn.Module") -> list[str]:
    """The names of the network's tensors in the order of the file."""
    from torch import nn

    names: list[str] = []
    waiting = ""
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            kernel = f"{name}.weight"
            names += [f"{name}.bias", kernel] if module.bias is not None else []
            waiting = kernel if module.bias is None else ""
        elif isinstance(module, nn.BatchNorm2d):
            names += [f"{name}.{part}" for part in ("bias", "weight", "running_mean", "running_var")] + [waiting]
    return names


def _version(start: bytes) -> tuple[int, int]:
    return int.from_bytes(start[:4], "little"), int.from_bytes(start[4:8], "little")


def _header_bytes(content: bytes, path: Path) -> int:
    """Of the header: since version 0.2 the count of pictures seen has eight bytes. Raises ModelUnavailable."""
    major, minor = _version(content)
    if len(content) < 16 or major > 0 or minor > 9:
        raise ModelUnavailable(
            f"{path} does not begin with the version of a Darknet file, so it is none, or damaged. A checkpoint of "
            "PyTorch is read under another name, such as NAME.pth."
        )
    return 20 if minor >= 2 else 16


def _numbers(variant: str, classes: int) -> int:
    """How many numbers a file for so many classes holds."""
    import torch

    from visioncli.models import registry

    module, _ = architecture(registry.find(_VARIANTS[variant]))
    with torch.device("meta"):
        state = module.build(variant, str(classes)).state_dict()
    return sum(t.numel() for name, t in state.items() if not name.endswith("num_batches_tracked"))


def _classes(count: int, variant: str) -> int | None:
    """For how many classes a file of `count` numbers was made; None where that comes out as no whole number."""
    few, many = _numbers(variant, FEW), _numbers(variant, MANY)
    classes, rest = divmod(count - few, (many - few) // (MANY - FEW))
    return classes + FEW if not rest and classes + FEW > 0 else None


def _does_not_fit(path: Path, row: ModelRow, count: int, rest: int, variant: str) -> str:
    other = next(v for v in _VARIANTS if v != variant)
    if not rest and (classes := _classes(count, other)) is not None and classes < _MOST_CLASSES:
        return f"{path} is not for {row.name}: its {count:,} numbers are those of --model {_VARIANTS[other]}."
    return (
        f"{path} holds {count:,} numbers, which is no file of {row.name}: with 80 classes there are "
        f"{_numbers(variant, 80):,}. It was cut off, or is another network's."
    )


_MOST_CLASSES = 10_000
