"""How torchvision's detectors learn, and R-FCN, which is made of their parts: by the losses that each has itself."""

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from visioncli.models import registry
from visioncli.models.row import Download, ModelRow, Packaged, Untrained
from visioncli.tasks.detect.torchvision import as_input
from visioncli.training.boxes.heads import carried_over, fresh, known_columns
from visioncli.training.boxes.learner import BoxLearner, Target, with_size
from visioncli.training.layers import learning_mode, units
from visioncli.training.recipe import Start, Unfreeze
from visioncli.weights.checkpoints import architecture
from visioncli.weights.places import stored_file

BACKBONE_SHARE = 0.3
"""Part of the rate for a pretrained backbone, which has less to learn than the new layers after it."""
REGIONS = 128
"""Of the regions that a two-stage network proposes, how many of a picture are learned from, at most a quarter of them
objects: the papers' number (arXiv 1504.08083). Torchvision's 512 take four times as long, and few pictures have so
many objects."""
_ANCHORS_FIRST = ("ssd", "retinanet")
"""Whose class logits are ordered by anchor, then class."""
_BODIES = ("body", "stem", "layer1", "layer2", "layer3", "layer4", "features", "extra")
"""Parts of backbones that classifiers have too; feature pyramids, and what reduces channels, learn with the heads."""
_LAST_UNITS = 2
_AT_ONCE, _COSTLY, _COSTLIER = 8, 10.0, 50.0
"""Pictures at once of light networks; with more billions of multiply-adds fewer fit into 4 GB."""
_KEPT = 1.5
"""Pictures are kept at so many times what the network sees: a window of two thirds is then still sharp."""


class TorchvisionLearner(BoxLearner):
    """Faster and Mask R-CNN, SSD, SSDLite and R-FCN: pictures of any size and their targets -> losses."""

    batch_size: ClassVar[int] = 8
    visits: ClassVar[int] = 6_000
    many: ClassVar[float] = math.inf
    """A pretrained backbone stays as it is, but on demand: on a CPU all layers would take hours."""

    def __init__(self, network: nn.Module, row: ModelRow, start: Start, knows: bool = False) -> None:
        super().__init__(network, row, start)
        self.knows = knows
        architecture(row)[0].set_size(network, row.input.size)
        heads = getattr(network, "roi_heads", None)
        if heads is not None:
            heads.fg_bg_sampler.batch_size_per_image = REGIONS

    @property
    def at_once(self) -> int:
        cost = self.row.gflops
        return _AT_ONCE if cost < _COSTLY else _AT_ONCE // 2 if cost < _COSTLIER else _AT_ONCE // 4

    @property
    def rate(self) -> float:
        return 2e-4 if self.start is Start.PRETRAINED else 1e-3

    @classmethod
    def resized(cls, row: ModelRow, size: int) -> ModelRow:
        """Another shorter side, but for SSD and SSDLite, whose anchors are made for one size."""
        return super().resized(row, size) if _variant(row).startswith("ssd") else with_size(row, size)

    @classmethod
    def settings(
        cls, base: ModelRow, row: ModelRow, sides: np.ndarray, frames: np.ndarray, start: Start
    ) -> dict[str, Any]:
        """Whether the network knows all classes."""
        knows = start is Start.PRETRAINED and not isinstance(base.source, Untrained)
        return {"knows": knows and None not in known_columns(base, row, background=cls.background)}

    @classmethod
    def first_state(
        cls, base: ModelRow, row: ModelRow, seed: int, start: Start, knows: bool = False
    ) -> dict[str, Tensor]:
        from visioncli.weights.load import load_network

        if start is Start.PRETRAINED and isinstance(base.source, Untrained):
            return _on_backbone(row, seed)
        network = fresh(row, seed)
        state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        if start is not Start.PRETRAINED:
            return state
        known = load_network(base)
        columns = known_columns(base, row, background=cls.background)
        first = _variant(row).startswith(_ANCHORS_FIRST)
        old = cls.known_state(base, row, dict(known.state_dict()), seed)
        state = carried_over(old, state, row, columns, anchors_first=first)
        _same_epsilon(known, network, state)
        return state

    @classmethod
    def known_state(cls, base: ModelRow, row: ModelRow, known: dict[str, Tensor], seed: int) -> dict[str, Tensor]:
        """The tensors that `base` knows, those whose size follows neither network nor classes made those of `row`."""
        return known

    def learning(self, what: Unfreeze) -> list[tuple[list[nn.Parameter], float]]:
        network = self.network
        parts = network.get_submodule("backbone").named_children()
        bodies = [module for name, module in parts if name in _BODIES]
        known = {id(p) for module in bodies for p in module.parameters()}
        freed: set[int] = set()
        if what is Unfreeze.LAST:
            every = [unit for module in bodies for unit in units(module)]
            freed = {id(p) for unit in every[-_LAST_UNITS:] for p in unit.parameters()}
        body: list[nn.Parameter] = []
        rest: list[nn.Parameter] = []
        for parameter in network.parameters():
            is_known = id(parameter) in known
            parameter.requires_grad = what is Unfreeze.ALL or not is_known or id(parameter) in freed
            if parameter.requires_grad:
                (body if is_known else rest).append(parameter)
        share = BACKBONE_SHARE if self.start is Start.PRETRAINED else 1.0
        return [(rest, 1.0), *([(body, share)] if body else [])]

    def learning_mode(self) -> None:
        learning_mode(self.network, keep_statistics=self.start is Start.PRETRAINED)

    def wanted(self, width: int, height: int) -> tuple[int, int]:
        factor = min(1.0, _KEPT * self.row.input.size / min(width, height))
        return max(1, round(width * factor)), max(1, round(height * factor))

    def prepare(self, pixels: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As they are: the network resizes picture and boxes."""
        return pixels, boxes

    def batch(self, pictures: Sequence[np.ndarray], device: torch.device) -> list[Tensor]:
        """`(3, H, W) float32` of 0 to 1 each."""
        return [torch.from_numpy(as_input(one)[0]).to(device) for one in pictures]

    def loss(self, network: nn.Module, inputs: list[Tensor], targets: Sequence[Target]) -> Tensor:
        found: dict[str, Tensor] = network(inputs, list(targets))
        return torch.stack([*found.values()]).sum()


class FocalLearner(TorchvisionLearner):
    """RetinaNet and FCOS: a sigmoid for each class, so that they need none for what is no object."""

    background = False


def backbone_at_hand(row: ModelRow) -> ModelRow | None:
    """The classifier whose weights the backbone of a network without any begins with, where they are in the cache."""
    name = getattr(architecture(row)[0], "BEGINS_WITH", None)
    if name is None:
        return None
    known = registry.find(name)
    return known if isinstance(known.source, Download | Packaged) and stored_file(known.source).is_file() else None


def _on_backbone(row: ModelRow, seed: int) -> dict[str, Tensor]:
    """A network whose backbone has learned to classify, the rest of it new, the same for a seed."""
    module, variant = architecture(row)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = module.pretrained(*variant)
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def _variant(row: ModelRow) -> str:
    return row.architecture.split(":")[1]


def _same_epsilon(known: nn.Module, network: nn.Module, state: dict[str, Tensor]) -> None:
    """Corrects the weights of batch normalisation in `state` where `known` adds another epsilon to the variance than
    `network`, which they are for: published networks do."""
    theirs = dict(known.named_modules())
    for name, module in network.named_modules():
        if not isinstance(module, nn.BatchNorm2d):
            continue
        other = theirs[name]
        assert isinstance(other, nn.BatchNorm2d)
        if not math.isclose(other.eps, module.eps):
            variance = state[f"{name}.running_var"]
            state[f"{name}.weight"] *= torch.sqrt((variance + module.eps) / (variance + other.eps))
