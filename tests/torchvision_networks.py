"""Torchvision's own networks with made-up weights that take next to no space."""

from typing import Any

import torch
from torch import Tensor, nn
from torchvision import models

from visioncli.families.torchvision import _ConstantsOnCpu

CLASSIFIERS = (
    *("alexnet", "vgg11_bn", "googlenet", "inception_v3", "resnet18", "resnext50_32x4d", "wide_resnet50_2"),
    *("densenet121", "squeezenet1_1", "shufflenet_v2_x0_5", "mnasnet0_5", "mobilenet_v2", "mobilenet_v3_small"),
    *("efficientnet_b0", "efficientnet_v2_s", "regnet_y_400mf", "convnext_tiny", "vit_b_32", "swin_t", "swin_v2_t"),
    "maxvit_t",
)


def made_up(network: nn.Module, seed: int = 0) -> dict[str, Tensor]:
    """Weights that differ by output channel only: saved, they take next to no space."""
    generator = torch.Generator().manual_seed(seed)
    state = network.state_dict()  # with the version of its names
    for name, tensor in state.items():
        if not tensor.is_floating_point():
            state[name] = torch.zeros(tensor.shape, dtype=tensor.dtype) if tensor.is_meta else tensor
            continue
        scale = 2 / max(tensor[0].numel(), 1) if tensor.ndim > 1 else 0.1
        first = torch.randn(tensor.shape[:1], generator=generator) * scale
        if name.endswith("running_var") or (tensor.ndim == 1 and name.endswith("weight")):
            first = (1.0 if name.endswith("var") else 0.3) + first.abs()
        state[name] = first.reshape([-1] + [1] * (tensor.ndim - 1)).expand(tensor.shape)
    return state


def theirs(name: str, **settings: Any) -> nn.Module:
    """Torchvision's own network, filled with the same weights."""
    if name.startswith(("googlenet", "inception")):
        settings |= {"aux_logits": False, "transform_input": True, "init_weights": False}
    if not name.startswith(CLASSIFIERS):
        settings["weights_backbone"] = None
    with torch.device("meta"), _ConstantsOnCpu():
        network: nn.Module = models.get_model(name, weights=None, **settings)
    state = made_up(network)
    network.load_state_dict(state, assign=True)
    return network.eval()
