"""Checkpoints of other people: read without running anything in them, cleaned of what training wraps around them."""

import importlib
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from visioncli.errors import ModelUnavailable
from visioncli.models.row import LIBRARIES, ModelRow

if TYPE_CHECKING:
    from torch import Tensor

# Where training programs keep the weights beside optimiser and epoch.
_WRAPPERS = ("state_dict", "model_state_dict", "model", "model_ema", "network", "net", "weights")
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
        raise ModelUnavailable(f"There is no checkpoint {path}. Check the path given with --weights.")
    loaded = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path)
    state = _unwrap(loaded)
    if not state:
        raise ModelUnavailable(
            f"{path} holds no state dict (names of tensors with their values). Save one with "
            "torch.save(model.state_dict(), path)."
        )
    return _without_prefix(state)


def _read_safetensors(path: Path) -> Any:
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
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as problem:
        if "weights_only" in str(problem) or "GLOBAL" in str(problem):
            raise ModelUnavailable(
                f"{path} is refused: beside tensors it holds Python objects that would run code when loaded "
                f"({_culprit(str(problem))}). Save the tensors alone: torch.save(model.state_dict(), path), "
                "or convert them to safetensors."
            ) from None
        raise ModelUnavailable(f"{path} is not a readable PyTorch checkpoint: {_first_line(problem)}.") from problem
    except Exception as problem:  # what torch raises on a damaged archive depends on where it is damaged
        known = isinstance(problem, OSError | RuntimeError)  # others say what Python stumbled over
        reason = _first_line(problem) if known else "it is cut off, damaged, or of another kind"
        raise ModelUnavailable(f"{path} is not a readable PyTorch checkpoint: {reason}.") from problem


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


def _unwrap(loaded: Any, depth: int = 0) -> "dict[str, Tensor]":
    """The innermost dictionary whose values are tensors."""
    import torch

    if not isinstance(loaded, dict):
        return {}
    tensors = OrderedDict((k, v) for k, v in loaded.items() if isinstance(k, str) and isinstance(v, torch.Tensor))
    if tensors:
        if hasattr(loaded, "_metadata"):
            tensors._metadata = loaded._metadata  # type: ignore[attr-defined]
        return tensors
    inner = [loaded[name] for name in _WRAPPERS if name in loaded]
    found = (_unwrap(value, depth + 1) for value in inner) if depth < 3 else iter(())
    return next((state for state in found if state), {})


def _without_prefix(state: "dict[str, Tensor]") -> "dict[str, Tensor]":
    for _ in range(3):
        prefix = next((p for p in _PREFIXES if all(name.startswith(p) for name in state)), None)
        if prefix is None:
            break
        state = {name[len(prefix) :]: tensor for name, tensor in state.items()}
    return state


def count_classes(state: "dict[str, Tensor]", row: ModelRow) -> int | None:
    """How many outputs the head in `state` has, where the row's network fits apart from that.

    The network is built twice with made-up counts: dimensions that change with the count tell it. None where the
    network's count cannot be chosen, or the checkpoint has none of these tensors.
    """
    import torch

    module, variant = architecture(row)
    try:
        with torch.device("meta"):
            small, large = (module.build(*variant[:1], str(n)).state_dict() for n in (_FEW, _MANY))
    except TypeError:
        return None  # its `build` takes no count
    counts = []
    for name, tensor in state.items():
        if name not in small or tensor.ndim != small[name].ndim:
            continue
        if small[name].shape == large[name].shape:
            continue
        for n, a, b in zip(tensor.shape, small[name].shape, large[name].shape, strict=True):
            if a == b != n:
                return None  # the head of another network
            if a != b:
                per_class = (b - a) // (_MANY - _FEW)
                counts.append((n - a) // per_class + _FEW)
    return counts[0] if counts and len(set(counts)) == 1 and counts[0] > 0 else None


_FEW, _MANY = 11, 13
