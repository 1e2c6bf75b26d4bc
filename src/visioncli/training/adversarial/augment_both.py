"""Augmentation of what both networks see, made pictures too, through which gradients flow: without it a discriminator
knows a few hundred pictures by heart (Zhao and others, 2020, "DiffAugment", https://arxiv.org/abs/2006.10738)."""

import torch
import torch.nn.functional as F
from torch import Tensor

SHIFT, HOLE = 1 / 8, 1 / 2
"""Parts of a side by which pictures are moved, and of the square that is cut out, as in the paper."""


def changed(pictures: Tensor, *, colours: bool) -> Tensor:
    """`(N, C, S, S)` of -1 to 1, each moved, a square of it lost, and with `colours` also brightness, saturation and
    contrast changed; by torch's own generator."""
    if colours:
        pictures = _coloured(pictures)
    return _cut(_moved(pictures))


def _coloured(x: Tensor) -> Tensor:
    def random() -> Tensor:
        return torch.rand(len(x), 1, 1, 1, device=x.device)

    x = x + (random() - 0.5)
    if x.shape[1] > 1:
        grey = x.mean(1, keepdim=True)
        x = (x - grey) * (2 * random()) + grey
    mean = x.mean((1, 2, 3), keepdim=True)
    return (x - mean) * (random() + 0.5) + mean


def _moved(x: Tensor) -> Tensor:
    """By whole pixels; what comes in at the edges is the edge itself, as the ground of a digit goes on."""
    count, _, height, width = x.shape
    most = max(1, round(SHIFT * height))
    down, right = (torch.randint(-most, most + 1, (count, 1), device=x.device) for _ in range(2))
    padded = F.pad(x, (most, most, most, most), mode="replicate")
    rows = torch.arange(height, device=x.device)[None] + down + most
    columns = torch.arange(width, device=x.device)[None] + right + most
    moved = padded[torch.arange(count, device=x.device)[:, None, None], :, rows[:, :, None], columns[:, None, :]]
    return moved.permute(0, 3, 1, 2)


def _cut(x: Tensor) -> Tensor:
    """A square of half the side, whose centre lies anywhere, becomes 0, the middle grey."""
    count, _, height, width = x.shape
    half = HOLE * height / 2
    centre_y, centre_x = (torch.randint(0, height + 1, (count, 1, 1), device=x.device) for _ in range(2))
    rows = torch.arange(height, device=x.device)[None, :, None]
    columns = torch.arange(width, device=x.device)[None, None, :]
    inside = ((rows - centre_y).abs() < half) & ((columns - centre_x).abs() < half)
    return x.masked_fill(inside[:, None], 0.0)
