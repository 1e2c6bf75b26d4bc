"""What YOLOv3 learns from: section 2.1 of the paper (https://arxiv.org/abs/1804.02767), weighted as Darknet does it.

Each true box belongs to one place: to the anchor whose shape is most like its own, in the cell that its centre is in.
That place learns box, objectness and classes; all others learn that there is nothing, but for those whose box
overlaps a true one anyway.
"""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

IGNORED = 0.5
"""IoU with a true box beyond which a place that is not in charge of it learns no objectness."""


def losses(
    maps: Sequence[Tensor],
    targets: Sequence[Mapping[str, Tensor]],
    anchors: Sequence[Sequence[Sequence[float]]],
    size: int,
) -> dict[str, Tensor]:
    """`loss_box_reg`, `loss_objectness` and `loss_classifier` of a batch, sums over places divided by its N pictures.

    `maps` are the network's `(N, 3 (5 + C), h, w)`, `anchors` widths and heights as in `YOLO_ANCHORS`. A target holds
    `boxes (K, 4)` x1 y1 x2 y2 in pixels of the input of `size`, wider and higher than nothing, and `labels (K,)`,
    class numbers from 0 on.
    """
    device = maps[0].device
    picture = torch.cat([torch.full((len(t["boxes"]),), n, device=device) for n, t in enumerate(targets)])
    boxes = torch.cat([t["boxes"] for t in targets]).to(device, torch.float32).reshape(-1, 4)
    labels = torch.cat([t["labels"] for t in targets]).to(device)
    centre, sides = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    shapes = torch.tensor([shape for one in anchors for shape in one], dtype=torch.float32, device=device)
    best = _overlap_of_shapes(sides, shapes).argmax(1)
    box = objectness = classes = maps[0].new_zeros(())
    for n, one in enumerate(maps):
        own = shapes[3 * n : 3 * n + 3]
        height, width = one.shape[2:]
        cells = one.view(len(one), 3, -1, height, width)
        grid = torch.tensor([width / size, height / size], device=device)
        mine = best // 3 == n
        at, anchor = centre[mine] * grid, best[mine] % 3
        column = at[:, 0].long().clamp(0, width - 1)
        row = at[:, 1].long().clamp(0, height - 1)
        place = (picture[mine], anchor, row, column)
        found = cells.movedim(2, -1)[place]
        offset = at - torch.stack([column, row], 1)
        stretch = torch.log(sides[mine] / own[anchor])
        # Small boxes, of which a pixel is a larger part, count for up to twice as much.
        weight = 2 - sides[mine].prod(1) / size**2
        apart = F.binary_cross_entropy_with_logits(found[:, :2], offset, reduction="none").sum(1)
        box = box + (weight * (apart + ((found[:, 2:4] - stretch) ** 2).sum(1) / 2)).sum()
        told = F.one_hot(labels[mine], found.shape[1] - 5).to(found.dtype)
        classes = classes + F.binary_cross_entropy_with_logits(found[:, 5:], told, reduction="sum")
        truth = torch.zeros_like(cells[:, :, 4])
        truth[place] = 1
        counts = (truth > 0) | ~_overlaps(cells, own, size, boxes, picture)
        each = F.binary_cross_entropy_with_logits(cells[:, :, 4], truth, reduction="none")
        objectness = objectness + (each * counts).sum()
    parts = {"loss_box_reg": box, "loss_objectness": objectness, "loss_classifier": classes}
    return {name: part / len(targets) for name, part in parts.items()}


def _overlap_of_shapes(a: Tensor, b: Tensor) -> Tensor:
    """IoU `(K, M)` of widths and heights `(K, 2)` and `(M, 2)`, laid upon one corner."""
    shared = torch.minimum(a[:, None], b).prod(2)
    return shared / (a.prod(1)[:, None] + b.prod(1) - shared)


@torch.no_grad()
def _overlaps(cells: Tensor, anchors: Tensor, size: int, boxes: Tensor, picture: Tensor) -> Tensor:
    """Whether the box of each place overlaps a true one of its picture by more than `IGNORED`, `(N, 3, h, w)`."""
    count, _, _, height, width = cells.shape
    rows, columns = torch.meshgrid(
        torch.arange(height, device=cells.device), torch.arange(width, device=cells.device), indexing="ij"
    )
    x = (torch.sigmoid(cells[:, :, 0]) + columns) * (size / width)
    y = (torch.sigmoid(cells[:, :, 1]) + rows) * (size / height)
    sides = torch.exp(cells[:, :, 2:4].clamp(max=_WIDEST)) * anchors.view(1, 3, 2, 1, 1)
    half_width, half_height = sides[:, :, 0] / 2, sides[:, :, 1] / 2
    predicted = torch.stack([x - half_width, y - half_height, x + half_width, y + half_height], -1)
    answer = torch.zeros(predicted.shape[:-1], dtype=torch.bool, device=cells.device)
    for n in range(count):
        for true in boxes[picture == n]:
            one = predicted[n]
            shared = torch.minimum(one[..., 2:], true[2:]) - torch.maximum(one[..., :2], true[:2])
            area = shared.clamp(min=0).prod(-1)
            both = (one[..., 2:] - one[..., :2]).prod(-1) + (true[2:] - true[:2]).prod() - area
            answer[n] |= area > IGNORED * both
    return answer


_WIDEST = 20.0
"""Of the logarithm of a size in anchors."""
