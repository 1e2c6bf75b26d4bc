"""How YOLOv3 and YOLOv3-tiny learn: https://arxiv.org/abs/1804.02767 with the losses of `networks.yolo_loss`."""

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from visioncli.errors import UsageError
from visioncli.models.row import ModelRow, Trained
from visioncli.networks import yolo_loss
from visioncli.networks.anchors import YOLO_ANCHORS
from visioncli.tasks.detect import yolo
from visioncli.training.boxes.anchor_shapes import clusters
from visioncli.training.boxes.heads import carried_over, fresh, known_columns
from visioncli.training.boxes.learner import BoxLearner, Target, with_size
from visioncli.training.layers import learning_mode
from visioncli.training.recipe import Start, Unfreeze

_HEADS = {
    "full": ("coarse", "to_middle", "middle", "to_fine", "fine"),
    "tiny": ("neck", "coarse_last", "coarse", "to_fine", "fine_last", "fine"),
}
_LAST = {"full": ("stages.4",), "tiny": ("late",)}
"""What `--unfreeze last` frees beside the heads: the part of the backbone with the coarsest map."""
_MAPS = {"full": ("coarse.map", "middle.map", "fine.map"), "tiny": ("coarse", "fine")}
_STRIDE = 32
_FEWEST = 5
"""Boxes for each anchor below which the published shapes stay: nothing could be learned from fewer."""
_KEPT = 1.5
"""Pictures are kept at so many times what the network sees: a window of two thirds is then still sharp."""

Shapes = Sequence[Sequence[Sequence[float]]]
"""Width and height of each map's anchors, in pixels of the input, as in `YOLO_ANCHORS`."""


class YoloLearner(BoxLearner):
    """YOLOv3. `anchors` are the shapes by which boxes are given to places; None for the published ones.

    Other shapes need no other network: a size is coded as the logarithm of how many anchors it is, so that those of
    other anchors differ by a constant. The maps begin with that constant in their bias, and are read as any other.
    """

    background = False
    batch_size: ClassVar[int] = 8
    many: ClassVar[float] = math.inf
    """Darknet-53 stays as it is, but on demand: on a CPU all layers would take hours."""

    def __init__(
        self, network: nn.Module, row: ModelRow, start: Start, anchors: Shapes | None = None, knows: bool = False
    ) -> None:
        super().__init__(network, row, start)
        self.knows = knows
        self.variant = row.architecture.split(":")[1]
        self.anchors = _published(self.variant) if anchors is None else anchors
        self.offsets = [torch.from_numpy(one) for one in code_offsets(self.variant, self.anchors)]

    @property
    def at_once(self) -> int:
        return 8 if self.variant == "tiny" else 4

    @property
    def rate(self) -> float:
        return 5e-4 if self.start is Start.PRETRAINED else 1e-3

    @classmethod
    def settings(
        cls, base: ModelRow, row: ModelRow, sides: np.ndarray, frames: np.ndarray, start: Start
    ) -> dict[str, Any]:
        """Anchors fitted to the data, but for published weights, which know boxes by those that they were trained
        with; and whether the network knows all classes."""
        knows = start is Start.PRETRAINED and None not in known_columns(base, row, background=False, gaps=False)
        variant = row.architecture.split(":")[1]
        count = sum(len(one) for one in YOLO_ANCHORS[variant])
        if (start is Start.PRETRAINED and not isinstance(base.source, Trained)) or len(sides) < _FEWEST * count:
            return {"anchors": None, "knows": knows}
        wide_high = (sides * frames)[:, ::-1] * row.input.size
        found = sorted(np.round(clusters(np.maximum(wide_high, 1.0), count), 2).tolist(), key=math.prod)
        # The coarsest map, which comes first, has the largest.
        split = [len(one) for one in reversed(YOLO_ANCHORS[variant])]
        ends = np.cumsum(split).tolist()
        anchors = [found[end - n : end] for n, end in zip(split, ends, strict=True)][::-1]
        return {"anchors": anchors, "knows": knows}

    @classmethod
    def resized(cls, row: ModelRow, size: int) -> ModelRow:
        if size % _STRIDE:
            nearest = max(_STRIDE, round(size / _STRIDE) * _STRIDE)
            raise UsageError(f"--size: {row.name} takes multiples of {_STRIDE} pixels, as {nearest}, not {size}.")
        return with_size(row, size)

    @classmethod
    def first_state(
        cls,
        base: ModelRow,
        row: ModelRow,
        seed: int,
        start: Start,
        anchors: Shapes | None = None,
        knows: bool = False,
    ) -> dict[str, Tensor]:
        from visioncli.weights.load import load_network

        state = {name: tensor.clone() for name, tensor in fresh(row, seed).state_dict().items()}
        if start is Start.PRETRAINED:
            old = load_network(base).state_dict()
            known = known_columns(base, row, background=False, gaps=False)
            return carried_over(old, state, row, known, apart=5, anchors_first=True)
        if anchors is not None:
            variant = row.architecture.split(":")[1]
            for name, offsets in zip(_MAPS[variant], code_offsets(variant, anchors), strict=True):
                state[f"{name}.bias"].view(len(offsets), -1)[:, 2:4] += torch.from_numpy(offsets)
        return state

    def learning(self, what: Unfreeze) -> list[tuple[list[nn.Parameter], float]]:
        names = _HEADS[self.variant] + (_LAST[self.variant] if what is Unfreeze.LAST else ())
        for name, parameter in self.network.named_parameters():
            parameter.requires_grad = what is Unfreeze.ALL or name.startswith(tuple(f"{one}." for one in names))
        return [([parameter for parameter in self.network.parameters() if parameter.requires_grad], 1.0)]

    def learning_mode(self) -> None:
        learning_mode(self.network, keep_statistics=self.start is Start.PRETRAINED)

    def wanted(self, width: int, height: int) -> tuple[int, int]:
        factor = min(1.0, _KEPT * self.row.input.size / max(width, height))
        return max(1, round(width * factor)), max(1, round(height * factor))

    def prepare(self, pixels: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        height, width = pixels.shape[:2]
        left, top, inner_width, inner_height = yolo.frame(width, height, self.row.input.size)
        scale = np.array([inner_width / width, inner_height / height] * 2, np.float32)
        moved = boxes * scale + np.array([left, top] * 2, np.float32)
        return yolo.preprocess(Image.fromarray(pixels), self.row.input), moved

    def batch(self, pictures: Sequence[np.ndarray], device: torch.device) -> Tensor:
        """`(N, 3, S, S) float32`."""
        return torch.from_numpy(np.stack(pictures)).to(device)

    def loss(self, network: nn.Module, inputs: Tensor, targets: Sequence[Target]) -> Tensor:
        maps = network(inputs.contiguous(memory_format=torch.channels_last))
        maps = [_about(one.float(), offsets.to(one.device)) for one, offsets in zip(maps, self.offsets, strict=True)]
        return torch.stack([*yolo_loss.losses(maps, targets, self.anchors, self.row.input.size).values()]).sum()


def _published(variant: str) -> Shapes:
    return YOLO_ANCHORS[variant]


def code_offsets(variant: str, anchors: Shapes) -> list[np.ndarray]:
    """Of each map `(anchors, 2) float32`: by what the codes of `anchors` differ from those of the published ones."""
    return [
        np.log(np.array(mine, np.float32) / np.array(published, np.float32))
        for mine, published in zip(anchors, YOLO_ANCHORS[variant], strict=True)
    ]


def _about(one: Tensor, offsets: Tensor) -> Tensor:
    """A map `(N, A (5 + C), h, w)` whose sizes are coded by the published anchors, coded by others."""
    cells = one.view(len(one), len(offsets), -1, *one.shape[2:])
    return torch.cat([cells[:, :, :2], cells[:, :, 2:4] - offsets[:, :, None, None], cells[:, :, 4:]], 2).flatten(
        1, 2
    )
