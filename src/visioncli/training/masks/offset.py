"""How far masks lie beside what they mark, learned with the network.

Masks may be off everywhere by the same part of a pixel or more: by how somebody drew them, or by how they were laid
over the picture. A network that sees pictures turned and mirrored cannot learn that, since in its crops the error
points everywhere; it learns blurred edges. So two numbers learn with it: how far its answer is moved, down and to the
right, before it is compared with the mask, turned and mirrored with the crop. Their gradient is that of resampling,
as in spatial transformers (arXiv 1506.02025). The network itself answers where things are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from visioncli.models.offset import MOST_OFFSET
from visioncli.training.job import Job
from visioncli.training.recipe import Augment

NAME = "mask_offset"
"""Of the two numbers among the network's tensors while it learns. The model has them in its row."""
PIXELS_A_STEP = 0.05
"""Adam moves them by so much in a step at most: a few dozen steps find an offset of a pixel, in a short run too."""
LEAST = 0.1
"""Pixels below which masks count as lying where they should: nothing is to be gained by less."""


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """The masks of crops `(N, H, W) int64`, and `(N, 2, 2) float32` what makes of (down, right) in a picture the
    same in its crop."""

    classes: Tensor
    directions: Tensor

    def __len__(self) -> int:
        return len(self.classes)

    def __getitem__(self, part: slice) -> "Wanted":
        return Wanted(self.classes[part], self.directions[part])


def learned(job: Job) -> tuple[bool, bool]:
    """Whether an offset down, and to the right, is learned: where crops are turned or mirrored, so that the network
    cannot learn it itself."""
    if job.recipe.augment is Augment.NONE:
        return (False, False)
    return (job.turns, job.turns or job.mirror)


def first_tensors(job: Job) -> dict[str, Tensor]:
    """What learns beside the network's own tensors, as it begins."""
    return {NAME: torch.zeros(2)} if any(learned(job)) else {}


def offset_in(state: Mapping[str, Tensor]) -> tuple[float, float] | None:
    """What was learned, in thousandths of pixels down and to the right; None where masks lie where they should, or
    nothing was."""
    if NAME not in state:
        return None
    down, right = (round(min(max(float(pixels), -MOST_OFFSET), MOST_OFFSET), 3) for pixels in state[NAME])
    return (down, right) if float(np.hypot(down, right)) >= LEAST else None


class MaskOffset:
    """The two numbers at a network, whose answers they move."""

    def __init__(self, network: nn.Module, job: Job) -> None:
        """Adds the numbers to `network` under `NAME`, if they are learned."""
        self._directions: Tensor | None = None
        self.parameters: list[nn.Parameter] = []
        axes = learned(job)
        if any(axes):
            self._axes = torch.tensor(axes, dtype=torch.float32)
            parameter = nn.Parameter(torch.zeros(2))
            network.register_parameter(NAME, parameter)
            self.parameters = [parameter]
            # Part of the network's own step: so gradients are averaged over processes as all others.
            network.register_forward_hook(self._move)

    def turned(self, directions: Tensor) -> None:
        """Says how the crops are turned that the network sees next while it learns."""
        self._directions = directions

    def _move(self, network: nn.Module, _: Sequence[Any], logits: Tensor) -> Tensor:
        offset: Tensor = network.get_parameter(NAME) * self._axes.to(logits.device)
        if network.training and self._directions is not None:
            return moved(logits, self._directions.to(logits.device) @ offset)
        return moved(logits, offset.expand(len(logits), 2))


def moved(logits: Tensor, offsets: Tensor) -> Tensor:
    """`(N, C, H, W)` logits moved down and to the right by `(N, 2)` pixels, or parts of them; what comes in is
    continued with the edge."""
    count, _, height, width = logits.shape
    down, right = offsets[:, :1], offsets[:, 1:]
    y = (2 * (torch.arange(height, device=logits.device) + 0.5 - down) / height - 1)[:, :, None]
    x = (2 * (torch.arange(width, device=logits.device) + 0.5 - right) / width - 1)[:, None, :]
    grid = torch.stack((x.expand(count, height, width), y.expand(count, height, width)), -1)
    return F.grid_sample(logits.float(), grid.float(), padding_mode="border", align_corners=False)
