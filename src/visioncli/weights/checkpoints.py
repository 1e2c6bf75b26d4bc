"""Checkpoints of other people: read without running anything in them, cleaned of what training wraps around them."""

import argparse
import importlib
import pickle
import zipfile
from collections import OrderedDict
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from visioncli.errors import ModelUnavailable
from visioncli.models.row import LIBRARIES, ModelRow
from visioncli.weights.other_files import is_safetensors, no_file, other_kind

if TYPE_CHECKING:
    from torch import Size, Tensor

# Where training programs keep the weights beside optimiser and epoch, the ones that they go on with first.
_WRAPPERS = (
    *("state_dict", "model_state_dict", "model", "model_state", "network", "net", "weights", "params"),
    *("model_ema", "state_dict_ema", "ema_state_dict", "ema", "params_ema"),
)
# What else they keep that holds tensors by name.
_TRAINING = ("optim", "sched", "scaler", "callbacks", "loops")
# What data-parallel, compiled and Lightning modules put before each name.
_PREFIXES = ("module.", "_orig_mod.", "model.")


def architecture(row: ModelRow) -> tuple[ModuleType, list[str]]:
    """The module with `build`, and the arguments that make the row's network of it. Raises ModelUnavailable."""
    name, *variant = row.architecture.split(":")
    path = name if "." in name else f"visioncli.{'families' if name in LIBRARIES else 'networks'}.{name}"
    try:
        return importlib.import_module(path), variant
    except ImportError as problem:
        raise ModelUnavailable(f"The network of {row.name} cannot be imported: {problem}.") from problem


def read_checkpoint(path: Path) -> "dict[str, Tensor]":
    """The tensors of a `.safetensors` file or of what `torch.save` wrote, by name.

    A pickle is read with `weights_only`: one that wants to run code is refused. The state dict may lie inside
    `state_dict`, `model` and the like, and its names may begin with `module.`. Raises ModelUnavailable.
    """
    if not path.is_file():
        raise ModelUnavailable(no_file(path))
    if words := other_kind(path):
        raise ModelUnavailable(words)
    loaded = read_safetensors(path) if is_safetensors(path) else _read_pickle(path)
    state = _unwrap(loaded, path)
    if not state:
        raise ModelUnavailable(
            f"{path} holds no state dict (names of tensors with their values). Save one with "
            "torch.save(model.state_dict(), path)."
        )
    return _without_prefix(state)


def read_safetensors(path: Path) -> "dict[str, Tensor]":
    """The tensors of a safetensors file, as they are. Raises ModelUnavailable."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (OSError, SafetensorError) as problem:
        raise ModelUnavailable(f"{path} is not a readable safetensors file: {problem}.") from problem


def _read_pickle(path: Path) -> Any:
    import torch

    _check_unpacked_size(path)
    try:
        with torch.serialization.safe_globals(_plain_objects()):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as problem:
        if "weights_only" in str(problem) or "GLOBAL" in str(problem):
            culprit = _culprit(str(problem))
            raise ModelUnavailable(
                f"{path} is refused: beside tensors it holds Python objects that would run code when loaded "
                f"({culprit}). {_instead(path, culprit)}"
            ) from None
        raise ModelUnavailable(f"{path} is not a readable PyTorch checkpoint: {_first_line(problem)}.") from problem
    except Exception as problem:  # what torch raises on a damaged archive depends on where it is damaged
        known = isinstance(problem, OSError | RuntimeError)  # others say what Python stumbled over
        reason = _first_line(problem) if known else "it is cut off, damaged, or of another kind"
        raise ModelUnavailable(f"{path} is not a readable PyTorch checkpoint: {reason}.") from problem


def _plain_objects() -> list[Any]:
    """What training programs keep beside the weights and what runs nothing: settings of argparse, numpy's numbers."""
    import numpy as np

    scalar = np.float64(0).__reduce__()[0]
    dtypes = [type(np.dtype(code)) for code in "?bBhHiIlLqQefd"]
    names = ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar")
    return [argparse.Namespace, np.dtype, *dtypes, *((scalar, name) for name in names)]


def _instead(path: Path, culprit: str) -> str:
    """What to do about a checkpoint that holds more than tensors."""
    if culprit.startswith(("ultralytics.", "models.yolo", "models.common")):
        return (
            f"A YOLO program wrote it, whole. Export it there (yolo export model={path.name} format=onnx), and give "
            "the file that comes out as --model onnx:FILE."
        )
    return "Save the tensors alone: torch.save(model.state_dict(), path), or convert them to safetensors."


def _check_unpacked_size(path: Path) -> None:
    """Raises ModelUnavailable for an archive that would fill the memory: `torch.save` compresses nothing."""
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
        return  # an older checkpoint, or a damaged one, which torch finds out
    size = path.stat().st_size
    if unpacked > 8 * size + (1 << 20):
        raise ModelUnavailable(
            f"{path} is refused: its {size / 2**20:.1f} MiB would become {unpacked / 2**20:,.0f} MiB of memory. "
            "Save the tensors alone: torch.save(model.state_dict(), path)."
        )


def _first_line(problem: BaseException) -> str:
    lines = str(problem).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(problem).__name__


def _culprit(words: str) -> str:
    """The name of the object that torch refused, from its message."""
    for marker in ("GLOBAL ", "global "):
        if marker in words:
            return words.split(marker, 1)[1].split(maxsplit=1)[0].strip("'\"`,:")
    return "not plain tensors"


def _unwrap(loaded: Any, path: Path, depth: int = 0) -> "dict[str, Tensor]":
    """The dictionary of the network's tensors, wherever it lies. Raises ModelUnavailable where several might be."""
    import torch

    if not isinstance(loaded, dict) or depth > _DEEPEST:
        return {}
    inner = [loaded[name] for name in _WRAPPERS if isinstance(loaded.get(name), dict)]
    if state := next(filter(None, (_unwrap(value, path, depth + 1) for value in inner)), None):
        return state
    tensors = OrderedDict((k, v) for k, v in loaded.items() if isinstance(k, str) and isinstance(v, torch.Tensor))
    if hasattr(loaded, "_metadata"):
        tensors._metadata = loaded._metadata  # type: ignore[attr-defined]
    if any("." in name for name in tensors):
        return tensors
    others = {
        name: state
        for name, value in loaded.items()
        if isinstance(name, str) and not any(word in name.lower() for word in _TRAINING)
        if (state := _unwrap(value, path, depth + 1))
    }
    if len(others) > 1:
        raise ModelUnavailable(
            f"{path} holds several networks: {', '.join(list(others)[:5])}. Save the one that is wanted: "
            f"torch.save(checkpoint[{next(iter(others))!r}], path)."
        )
    # A loss or the best accuracy so far is a tensor too, of one number.
    return next(iter(others.values()), tensors if any(t.ndim > 1 for t in tensors.values()) else OrderedDict())


_DEEPEST = 3


def _without_prefix(state: "dict[str, Tensor]") -> "dict[str, Tensor]":
    for _ in range(3):
        prefix = next((p for p in _PREFIXES if all(name.startswith(p) for name in state)), None)
        if prefix is None:
            break
        state = {name[len(prefix) :]: tensor for name, tensor in state.items()}
    return state


def shapes(row: ModelRow) -> "tuple[dict[str, Size], dict[str, Size]]":
    """The shapes of the tensors of the row's network, by name, when it is built for `FEW` and for `MANY` classes.

    Those of the head differ; none do where the number of classes cannot be chosen.
    """
    module, variant = architecture(row)
    # The number of classes that own weights have is not asked for here: the same tensors for both.
    return _shapes(module, tuple(variant[:1] if variant[-1:] and variant[-1].isdecimal() else variant))


@cache
def _shapes(module: ModuleType, variant: tuple[str, ...]) -> "tuple[dict[str, Size], dict[str, Size]]":
    import torch

    with torch.device("meta"):
        try:
            few, many = (module.build(*variant[:1], str(n)).state_dict() for n in (FEW, MANY))
        except TypeError:  # its `build` takes no count
            few = many = module.build(*variant).state_dict()
    return {n: t.shape for n, t in few.items()}, {n: t.shape for n, t in many.items()}


def count_classes(state: "dict[str, Tensor]", row: ModelRow) -> int | None:
    """How many outputs the head in `state` has, where the row's network fits apart from that.

    The network is built twice with made-up counts: dimensions that change with the count tell it. None where the
    network's count cannot be chosen, or the checkpoint has none of these tensors.
    """
    small, large = shapes(row)
    counts = []
    for name, tensor in state.items():
        if name not in small or tensor.ndim != len(small[name]):
            continue
        if small[name] == large[name]:
            continue
        for n, a, b in zip(tensor.shape, small[name], large[name], strict=True):
            if a == b != n:
                return None  # the head of another network
            if a != b:
                per_class = (b - a) // (MANY - FEW)
                counts.append((n - a) // per_class + FEW)
    return counts[0] if counts and len(set(counts)) == 1 and counts[0] > 0 else None


FEW, MANY = 11, 13
