"""Class activation maps: torchcam's methods, and eigen-CAM, behind one function.

torchcam (https://github.com/frgfm/torch-cam) is imported here only.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from visioncli.errors import UsageError
from visioncli.models.row import ModelRow
from visioncli.names import did_you_mean

METHODS = {
    "gradcam": "GradCAM",
    "gradcam++": "GradCAMpp",
    "smoothgradcam++": "SmoothGradCAMpp",
    "xgradcam": "XGradCAM",
    "layercam": "LayerCAM",
    "scorecam": "ScoreCAM",
    "sscam": "SSCAM",
    "iscam": "ISCAM",
    "eigencam": "",
}
"""Our names of the methods -> torchcam's classes; eigen-CAM (Muhammad and Yeasin, 2020) is computed here."""

RANDOM = ("smoothgradcam++", "sscam")
"""Methods that add noise, and so depend on the seed."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A place in a network that gives a feature map; `shape` is (channels, height, width)."""

    name: str
    kind: str
    shape: tuple[int, int, int]


def check_method(name: str) -> None:
    """Raises UsageError for a method that is not there."""
    if name not in METHODS:
        raise UsageError(f"There is no method {name!r}.{did_you_mean(name, METHODS)} Methods: {', '.join(METHODS)}.")


def feature_layers(network: nn.Module, x: Tensor) -> list[Layer]:
    """The network's layers that give a feature map larger than one cell, in the order in which they run."""
    found: dict[str, Layer] = {}
    names = {module: name for name, module in network.named_modules() if name}

    def note(module: nn.Module, inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor) and output.ndim == 4 and min(output.shape[2:]) > 1:
            name = names[module]
            found.pop(name, None)
            found[name] = Layer(name, type(module).__name__, tuple(output.shape[1:]))  # type: ignore[arg-type]

    handles = [module.register_forward_hook(note) for module in names]
    try:
        with torch.no_grad():
            network(x)
    finally:
        for handle in handles:
            handle.remove()
    return list(found.values())


def choose_layer(network: nn.Module, x: Tensor, wanted: str) -> Layer:
    """The layer called `wanted`, or for `auto` the last feature map. Raises UsageError with near matches."""
    layers = feature_layers(network, x)
    if not layers:
        raise UsageError("This network has no convolutional feature map, so it cannot be explained this way.")
    if wanted == "auto":
        return layers[-1]
    by_name = {layer.name: layer for layer in layers}
    if wanted not in by_name:
        near = did_you_mean(wanted, by_name)
        raise UsageError(f"The network has no layer {wanted!r} with a feature map.{near} --list-layers shows all.")
    return by_name[wanted]


def check_layer(row: ModelRow, wanted: str) -> None:
    """Raises UsageError where the row's network has no layer `wanted`; needs no weights.

    Networks that cannot run on shapes alone are left to `choose_layer`.
    """
    from visioncli.anatomy.layers import untrained

    try:
        network = untrained(row)[1]
        with torch.no_grad():
            feature_layers(network, x := torch.zeros(1, 3, row.input.size, row.input.size, device="meta"))
    except (RuntimeError, ValueError, TypeError, NotImplementedError, AssertionError):
        return
    choose_layer(network, x, wanted)


def activation_map(
    network: nn.Module, x: Tensor, layer: str, index: int, method: str, *, seed: int = 0
) -> np.ndarray:
    """Where output `index` of `network(x)` comes from: `(h, w) float32` of 0 to 1 on the layer's grid.

    `x` is `(1, 3, H, W)`; the network's output is `(1, C)`. A map without any evidence is all zeros.
    """
    if method == "eigencam":
        heat = _eigencam(_activations(network, x, layer))
    else:
        heat = _torchcam(METHODS[method], network, x, layer, index, seed)
    heat = np.nan_to_num(heat, nan=0.0, posinf=0.0, neginf=0.0)
    heat = np.maximum(heat, 0)
    highest = float(heat.max())
    return (heat / highest).astype(np.float32) if highest > 0 else np.zeros(heat.shape, np.float32)


def _torchcam(name: str, network: nn.Module, x: Tensor, layer: str, index: int, seed: int) -> np.ndarray:
    from torchcam import methods

    maker: Callable[..., Any] = getattr(methods, name)
    generator_state = torch.random.get_rng_state()
    torch.manual_seed(seed)
    try:
        with warnings.catch_warnings(), torch.enable_grad(), maker(network, target_layer=layer) as cam:
            warnings.simplefilter("ignore")
            # Gradients flow to the layer even where no parameter before it wants one.
            scores = network(x.clone().requires_grad_())
            (heat,) = cam(index, scores)
    finally:
        torch.random.set_rng_state(generator_state)
        network.zero_grad(set_to_none=True)
    result: np.ndarray = heat.detach().float().cpu().numpy()
    return result.reshape(result.shape[-2:])


def _activations(network: nn.Module, x: Tensor, layer: str) -> np.ndarray:
    kept: list[Tensor] = []
    handle = network.get_submodule(layer).register_forward_hook(lambda m, i, output: kept.append(output.detach()))
    try:
        with torch.no_grad():
            network(x)
    finally:
        handle.remove()
    activations: np.ndarray = kept[-1][0].float().cpu().numpy()
    return activations


def _eigencam(activations: np.ndarray) -> np.ndarray:
    """The projection of `(C, h, w)` on its first principal component, with the sign of the mean activation."""
    channels, height, width = activations.shape
    columns = activations.reshape(channels, -1)
    if np.ptp(columns, axis=1).max() == 0:  # every place is alike: what svd gives then is arbitrary
        return np.zeros((height, width), np.float32)
    _, _, directions = np.linalg.svd(columns - columns.mean(axis=1, keepdims=True), full_matrices=False)
    first = directions[0]
    if np.dot(first, columns.mean(axis=0) - columns.mean()) < 0:
        first = -first
    first_map: np.ndarray = first.reshape(height, width)
    return first_map
