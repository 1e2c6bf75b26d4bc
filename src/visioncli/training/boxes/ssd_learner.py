"""How the embedded SSD learns: https://arxiv.org/abs/1512.02325 with the losses of `networks.ssd_loss`."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from visioncli.models.labels import load_labels
from visioncli.models.row import ModelRow, Trained
from visioncli.networks import ssd_loss
from visioncli.networks.anchors import SSD_GRIDS, ssd_anchors
from visioncli.networks.ssd_mobilenet_v2 import ANCHORS_PER_CELL, SsdMobileNetV2
from visioncli.tasks.detect import ssd
from visioncli.training.boxes.anchor_shapes import code_offsets, fitted_shapes
from visioncli.training.boxes.heads import known_columns
from visioncli.training.boxes.learner import BoxLearner, Target
from visioncli.training.layers import learning_mode
from visioncli.training.recipe import Start, Unfreeze
from visioncli.weights.runs import read_facts

_LAST = 14
"""The first of the blocks that `--unfreeze last` frees: those after the finest level that boxes come from."""
_KEPT = 1.5
"""Pictures are kept at so many times what the network sees: a window of two thirds is then still sharp."""


class SsdLearner(BoxLearner):
    """SSD on MobileNetV2. `shapes` are height and width of the anchors in a cell, level by level, by which boxes are
    matched; None for those that it was published with."""

    def __init__(
        self,
        network: nn.Module,
        row: ModelRow,
        start: Start,
        shapes: Sequence[Sequence[float]] | None = None,
        knows: bool = False,
    ) -> None:
        super().__init__(network, row, start)
        self.knows = knows
        self.anchors = torch.from_numpy(ssd_anchors().copy())
        self.shapes = torch.from_numpy(_spread(shapes))

    @property
    def at_once(self) -> int:
        return 8

    @property
    def rate(self) -> float:
        if self.knows:
            return 3e-4  # at 1e-3 AP falls faster than the loss: what knows its classes has little to gain
        return 1e-3 if self.start is Start.PRETRAINED else 2e-3

    @classmethod
    def settings(
        cls, base: ModelRow, row: ModelRow, sides: np.ndarray, frames: np.ndarray, start: Start
    ) -> dict[str, Any]:
        """Anchors fitted to the data, but where the network knows all classes: its heads then go on as they are."""
        known = known_columns(base, row, background=True)
        if start is Start.PRETRAINED and all(column is not None for column in known):
            return {"shapes": _shapes_of(base), "knows": True}
        shapes, found, place = fitted_shapes(sides), [], 0
        for grid, count in zip(SSD_GRIDS, ANCHORS_PER_CELL, strict=True):
            found += shapes[place : place + count, 2:].tolist()
            place += grid * grid * count
        return {"shapes": found, "knows": False}

    @classmethod
    def first_state(
        cls,
        base: ModelRow,
        row: ModelRow,
        seed: int,
        start: Start,
        shapes: Sequence[Sequence[float]] | None = None,
        knows: bool = False,
    ) -> dict[str, Tensor]:
        from visioncli.weights.load import load_network

        generator = torch.Generator().manual_seed(seed)
        classes = len(load_labels(row.labels)) + 1
        if start is Start.PRETRAINED:
            state = {name: tensor.clone() for name, tensor in load_network(base).state_dict().items()}
        else:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                state = SsdMobileNetV2(classes=classes).state_dict()
        known = known_columns(base, row, background=True) if start is Start.PRETRAINED else [None] * classes
        begun = _shapes_of(base) if start is Start.PRETRAINED else None
        offsets = [new - old for new, old in zip(*map(code_offsets, map(_spread, (shapes, begun))), strict=True)]
        for level, count in enumerate(ANCHORS_PER_CELL):
            # Boxes are found without regard to their class, so that what is known of them serves for any.
            state[f"box_heads.{level}.bias"] += torch.from_numpy(offsets[level]).reshape(-1)
            name = f"class_heads.{level}"
            old = [state[f"{name}.{part}"].unflatten(0, (count, -1)) for part in ("weight", "bias")]
            weight = 0.01 * torch.randn((count, classes, *old[0].shape[2:]), generator=generator)
            bias = torch.full((count, classes), math.log(ssd_loss.PRIOR / (1 - ssd_loss.PRIOR)))
            for column, place in enumerate(known):
                if place is not None:
                    weight[:, column], bias[:, column] = old[0][:, place], old[1][:, place]
            state[f"{name}.weight"], state[f"{name}.bias"] = weight.flatten(0, 1), bias.flatten(0, 1)
        return state

    def learning(self, what: Unfreeze) -> list[tuple[list[nn.Parameter], float]]:
        network = self.network
        assert isinstance(network, SsdMobileNetV2)
        parts: list[nn.Module] = [network.box_heads, network.class_heads]
        if what is not Unfreeze.NONE:
            parts += [network.extras, network.last, *network.blocks[_LAST:]]
        if what is Unfreeze.ALL:
            parts += [network.stem, *network.blocks[:_LAST]]
        freed = {id(parameter) for part in parts for parameter in part.parameters()}
        for parameter in network.parameters():
            parameter.requires_grad = id(parameter) in freed
        return [([parameter for parameter in network.parameters() if parameter.requires_grad], 1.0)]

    def learning_mode(self) -> None:
        learning_mode(self.network, keep_statistics=self.start is Start.PRETRAINED)

    def wanted(self, width: int, height: int) -> tuple[int, int]:
        factor = min(1.0, _KEPT * ssd.SIZE / min(width, height))
        return max(1, round(width * factor)), max(1, round(height * factor))

    def prepare(self, pixels: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        height, width = pixels.shape[:2]
        scale = np.array([ssd.SIZE / width, ssd.SIZE / height] * 2, np.float32)
        return ssd.preprocess(Image.fromarray(pixels)), boxes * scale

    @torch.no_grad()
    def features(self, picture: np.ndarray) -> tuple[np.ndarray, ...]:
        """The six levels that boxes are predicted from, `(C, H, W) float16` each."""
        network = self.network
        assert isinstance(network, SsdMobileNetV2)
        x = torch.from_numpy(picture)[None].to(network.last.conv.weight.device)
        levels = network.features(x.contiguous(memory_format=torch.channels_last))
        return tuple(level[0].half().cpu().numpy() for level in levels)

    def batch(self, pictures: Sequence[Any], device: torch.device) -> Tensor | list[list[Tensor]]:
        """`(N, 3, 300, 300) float32`, or the levels of each picture."""
        if isinstance(pictures[0], tuple):
            return [[torch.from_numpy(level).to(device).float() for level in one] for one in pictures]
        return torch.from_numpy(np.stack(pictures)).to(device)

    def loss(self, network: nn.Module, inputs: Any, targets: Sequence[Target]) -> Tensor:
        if isinstance(inputs, list):
            assert isinstance(self.network, SsdMobileNetV2)
            codes, logits = self.network.answers([torch.stack(level) for level in zip(*inputs, strict=True)])
        else:
            codes, logits = network(inputs.contiguous(memory_format=torch.channels_last))
        relative = [{"boxes": t["boxes"] / ssd.SIZE, "labels": t["labels"]} for t in targets]
        anchors, shapes = self.anchors.to(codes.device), self.shapes.to(codes.device)
        found = ssd_loss.losses(codes, logits, relative, anchors, shapes)
        return found["loss_box_reg"] + found["loss_classifier"]


def _spread(shapes: Sequence[Sequence[float]] | None) -> np.ndarray:
    """`(1917, 4) float32` y, x, h, w: the published anchors, with other shapes in each cell where they are given."""
    anchors = ssd_anchors().copy()
    if shapes is not None:
        sides, start, place = np.array(shapes, np.float32), 0, 0
        for grid, count in zip(SSD_GRIDS, ANCHORS_PER_CELL, strict=True):
            end = start + grid * grid * count
            anchors[start:end].reshape(-1, count, 4)[..., 2:] = sides[place : place + count]
            start, place = end, place + count
    return anchors


def _shapes_of(base: ModelRow) -> list[list[float]] | None:
    """Those that the heads of `base` were trained with; None for the published ones."""
    if not isinstance(base.source, Trained):
        return None
    found: list[list[float]] | None = read_facts(Path(base.source.path).parent).get("learner", {}).get("shapes")
    return found
