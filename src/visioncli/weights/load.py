"""A network filled with its weights: read from their file, converted once, and kept in the user's cache."""

import zlib
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visioncli.errors import ModelUnavailable, OutputError
from visioncli.files import whole_file
from visioncli.models.row import Carrier, Download, Hub, LocalFile, ModelRow, Packaged, Trained, Untrained
from visioncli.weights.checkpoints import architecture, read_checkpoint
from visioncli.weights.darknet import read_own
from visioncli.weights.places import (
    converted_file,
    stored_file,
    verified_carrier_file,
    verified_packaged_file,
    warn_not_kept,
)
from visioncli.weights.runs import read_weights

if TYPE_CHECKING:
    from torch import Tensor, nn


def load_network(row: ModelRow) -> "nn.Module":
    """The network of `row`, filled with its weights, in inference mode on the CPU. Raises ModelUnavailable.

    A row with a `Download` or `Packaged` must have been made ready (`resolve.ready`) before. Of the form "features"
    it is the network without the layer that classifies; UsageError where it has none of the kind.
    """
    if row.form != "features":
        return _whole_network(row)
    from visioncli.weights.heads import without_head

    return without_head(_whole_network(row), row)


def _whole_network(row: ModelRow) -> "nn.Module":
    import torch

    module, variant = architecture(row)
    if isinstance(row.source, Hub):
        loaded: nn.Module = module.load(row)
        return loaded.eval()
    cached = converted_file(row.name, row.source) if isinstance(row.source, Carrier | Packaged) else None
    kept = _cached(cached) if cached else None
    state = kept or _published(row, module, variant)
    try:
        with torch.device("meta"):
            network: nn.Module = module.build(*variant)
    except (ValueError, TypeError) as problem:
        raise ModelUnavailable(
            f"{row.name}: {row.architecture!r} is no architecture of this version ({problem}). Whoever wrote its row "
            "may have changed it by hand; a RUN is copied again or trained again."
        ) from problem
    own = isinstance(row.source, LocalFile)
    fill(network, state, row.name, own=own)
    if any(buffer.is_meta for buffer in network.buffers()):
        # Constants that the network computes for itself are in no file.
        network = module.build(*variant)
        fill(network, state, row.name, own=own)
    if cached and kept is None:
        _keep(state, cached)
    if hasattr(module, "set_size"):
        # Networks that resize pictures themselves do it as they were trained.
        module.set_size(network, row.input.size)
    return network.eval()


def no_weights(row: ModelRow) -> str:
    """The sentence for an architecture that comes without weights."""
    if "generate" in row.tasks:
        return (
            f"{row.name} comes without weights. Train it on pictures of yours: vision train DATA --task generate "
            f"--model {row.name} -o RUN. The folder RUN is then a model: --model RUN. Or take digits_dcgan."
        )
    if "segment" in row.tasks:
        return (
            f"{row.name} comes without weights. Train it on pictures and masks of yours: vision train DATA --model "
            f"{row.name} -o RUN. The folder RUN is then a model: --model RUN."
        )
    if "translate" in row.tasks:
        return (
            f"{row.name} comes without weights. Train it on two folders of pictures: vision train DATA --task "
            f"translate --model {row.name} -o RUN. The folder RUN is then a model: vision stylize --model RUN."
        )
    if "classify" not in row.tasks:
        return (
            f"{row.name} comes without weights. Train it on pictures with boxes: vision train DATA --task detect "
            f"--model {row.name} --from scratch -o RUN. The folder RUN is then a model: --model RUN. Or give weights "
            "that you have: --weights FILE, with --labels NAMES.txt for classes of your own."
        )
    return (
        f"{row.name} comes without weights. Train it on pictures of yours: vision train DATA --from scratch --model "
        f"{row.name} -o RUN. The folder RUN is then a model: --model RUN."
    )


def fill(network: "nn.Module", state: "dict[str, Tensor]", name: str, *, own: bool = False) -> None:
    """Puts `state` into `network`; every tensor must be wanted, present and of the right shape.

    Raises ModelUnavailable that names the first tensors that do not fit, and for a user's `own` checkpoint the known
    network that they look like.
    """
    expected = network.state_dict()
    missing = [k for k in expected if k not in state]
    unexpected = [k for k in state if k not in expected]
    wrong = [k for k in expected if k in state and expected[k].shape != state[k].shape]
    if missing or unexpected or wrong:
        parts = [
            f"{len(keys)} {word} (first: {', '.join(keys[:3])})"
            for word, keys in (("missing", missing), ("unexpected", unexpected), ("of another shape", wrong))
            if keys
        ]
        likely = ""
        if own:
            from visioncli.weights.fitting import suggestion

            likely = suggestion(state, name)
        raise ModelUnavailable(f"The weights do not fit the network {name}: tensors {'; '.join(parts)}.{likely}")
    if own:
        state = {key: _plain(tensor, expected[key], key, name) for key, tensor in state.items()}
    # Names are today's by now: without a version, networks would look for those of their older checkpoints.
    current = OrderedDict(state)
    current._metadata = expected._metadata  # type: ignore[attr-defined]
    network.load_state_dict(current, assign=True)


def _plain(tensor: "Tensor", expected: "Tensor", key: str, name: str) -> "Tensor":
    """A tensor of a user's checkpoint with the numbers that the network computes with. Raises ModelUnavailable."""
    import torch

    reason = ""
    if tensor.is_meta:
        reason = "has no values"
    elif tensor.layout is not torch.strided or tensor.is_quantized:
        reason = f"is {'quantised' if tensor.is_quantized else 'sparse'}"
    elif tensor.is_complex() or (expected.is_floating_point() and not tensor.is_floating_point()):
        reason = f"holds {str(tensor.dtype).removeprefix('torch.')} where numbers with a fraction belong"
    elif not torch.isfinite(tensor.sum(dtype=torch.float64)):
        reason = "holds numbers that are not finite"
    if reason:
        raise ModelUnavailable(
            f"The weights do not fit the network {name}: the tensor {key} {reason}. Save the trained network's own "
            "state dict, in float32: torch.save(model.state_dict(), path)."
        )
    return tensor.to(expected.dtype)


def _published(row: ModelRow, module: Any, variant: list[str]) -> "dict[str, Tensor]":
    """The row's weights under the names of its network, read from the file that they were published in."""
    source = row.source
    if isinstance(source, Carrier):
        state: dict[str, Tensor] = module.import_weights(verified_carrier_file(source), *variant)
        return state
    if isinstance(source, Download | Packaged):
        # What is converted is kept, so that here is where damage would stay for good.
        path = verified_packaged_file(row.name, source) if isinstance(source, Packaged) else stored_file(source)
        if hasattr(module, "import_weights"):
            state = module.import_weights(path, *variant)
            return state
    elif isinstance(source, Trained):
        return read_weights(row)
    elif isinstance(source, LocalFile):
        path = Path(source.path)
    elif isinstance(source, Untrained):
        raise ModelUnavailable(no_weights(row))
    else:
        raise ModelUnavailable(f"{row.name} has no weight file of its own.")
    if isinstance(source, LocalFile):
        from visioncli.weights.fitting import fitted

        state = fitted(read_own(path, row), row)
    else:
        state = read_checkpoint(path)
    return module.import_state(state, *variant) if hasattr(module, "import_state") else state


def _cached(cached: Path) -> "dict[str, Tensor] | None":
    """The converted weights in the cache; None where they are not there or not as they were written."""
    from safetensors import SafetensorError, safe_open

    if not cached.is_file():  # what waits for ever, such as a pipe, would not let go of Python's lock
        return None
    try:
        with safe_open(cached, "pt") as file:
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
            return state if (file.metadata() or {}).get("crc32") == _checksum(state) else None
    except (OSError, SafetensorError):
        return None


def _keep(state: "dict[str, Tensor]", cached: Path) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    try:
        # Several processes may do this at once: each writes a file of its own, the last rename wins.
        with whole_file(cached, cached.parent) as temporary:
            whole = {name: tensor.contiguous() for name, tensor in state.items()}
            save_file(whole, temporary, {"crc32": _checksum(whole)})
    except (OutputError, SafetensorError, OSError) as problem:
        warn_not_kept("Converted weights", cached, problem)


def _checksum(state: "dict[str, Tensor]") -> str:
    total = 0
    for name in sorted(state):
        data = state[name].contiguous().reshape(-1).numpy().data
        total = zlib.crc32(data, zlib.crc32(name.encode(), total))
    return f"{total:08x}"
