"""What the embedded SSD learns from: "SSD: Single Shot MultiBox Detector" (https://arxiv.org/abs/1512.02325), section
2.2, with the focal loss of "Focal Loss for Dense Object Detection" (https://arxiv.org/abs/1708.02002) in place of the
mining of hard negatives.
"""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from visioncli.networks.anchors import SSD_SCALES

MATCHED, UNSURE = 0.5, 0.4
"""IoU with a true box from which an anchor stands for it, and up to which it stands for the background; between them
it learns nothing."""
ALPHA, GAMMA = 0.25, 2.0
PRIOR = 0.01
"""What an untrained head believes of any anchor: that of a hundred one has an object (section 4.1 of the latter)."""


def corners(anchors: Tensor) -> Tensor:
    """`(A, 4)` centre y, centre x, height, width -> x1 y1 x2 y2."""
    low, high = anchors[:, :2] - anchors[:, 2:] / 2, anchors[:, :2] + anchors[:, 2:] / 2
    return torch.cat([low.flip(1), high.flip(1)], 1)


def overlaps(a: Tensor, b: Tensor) -> Tensor:
    """IoU `(N, M)` of boxes `(N, 4)` and `(M, 4)`, x1 y1 x2 y2."""
    sides = torch.minimum(a[:, None, 2:], b[:, 2:]) - torch.maximum(a[:, None, :2], b[:, :2])
    shared = sides.clamp(min=0).prod(2)
    areas = [(x[:, 2:] - x[:, :2]).prod(1) for x in (a, b)]
    return shared / (areas[0][:, None] + areas[1] - shared).clamp(min=1e-12)


def match(boxes: Tensor, shapes: Tensor) -> Tensor:
    """`(A,) int64`: which of the boxes `(n, 4)` each anchor stands for, -1 for the background, -2 where it is unsure.

    `shapes` `(A, 4)` are corners of anchors. Every box has the anchor that overlaps it most, whatever the overlap.
    """
    answer = torch.full((len(shapes),), -1, dtype=torch.int64, device=shapes.device)
    if not len(boxes):
        return answer
    iou = overlaps(boxes, shapes)
    most, which = iou.max(0)
    answer[most >= UNSURE] = -2
    sure = most >= MATCHED
    answer[sure] = which[sure]
    # The smallest last: where two boxes have the same best anchor, the other may have more of them.
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    for n in areas.argsort(descending=True).tolist():
        answer[iou[n].argmax()] = n
    return answer


def encode(boxes: Tensor, anchors: Tensor) -> Tensor:
    """Codes `(n, 4)` y, x, h, w of boxes `(n, 4)` x1 y1 x2 y2 about anchors `(n, 4)`: what `decode_boxes` undoes."""
    centres = (boxes[:, :2] + boxes[:, 2:]).flip(1) / 2
    sides = (boxes[:, 2:] - boxes[:, :2]).flip(1)
    moved = (centres - anchors[:, :2]) / anchors[:, 2:] * SSD_SCALES[0]
    return torch.cat([moved, torch.log(sides / anchors[:, 2:]) * SSD_SCALES[1]], 1)


def decode(codes: Tensor, anchors: Tensor) -> Tensor:
    """Boxes `(n, 4)` x1 y1 x2 y2 of codes `(n, 4)`."""
    centres = codes[:, :2] / SSD_SCALES[0] * anchors[:, 2:] + anchors[:, :2]
    halves = torch.exp((codes[:, 2:] / SSD_SCALES[1]).clamp(max=4)) * anchors[:, 2:] / 2
    return torch.cat([(centres - halves).flip(1), (centres + halves).flip(1)], 1)


def losses(
    codes: Tensor, logits: Tensor, targets: Sequence[Mapping[str, Tensor]], anchors: Tensor, shapes: Tensor
) -> dict[str, Tensor]:
    """`loss_box_reg` and `loss_classifier` of a batch, sums over anchors divided by the number of matched ones.

    `codes (N, A, 4)` and `logits (N, A, C)` are the network's answer, class 0 being the background. A target holds
    `boxes (n, 4)` x1 y1 x2 y2 relative to the picture, wider and higher than nothing, and `labels (n,)` from 1 on.
    `anchors (A, 4)` are those of the codes; `shapes (A, 4)`, y, x, h, w too, those by which boxes are matched.
    """
    box = codes.new_zeros(())
    classes = codes.new_zeros(())
    matched = 0
    by_corners = corners(shapes)
    for code, logit, target in zip(codes.float(), logits.float(), targets, strict=True):
        place = match(target["boxes"], by_corners)
        own = place >= 0
        true = target["boxes"][place[own]]
        box = box + generalised_iou_loss(decode(code[own], anchors[own]), true).sum()
        wanted = torch.zeros_like(logit)
        wanted[own, target["labels"][place[own]]] = 1
        # The background's own score is read by nobody.
        counts = (place != -2).float()[:, None]
        classes = classes + (focal_loss(logit[:, 1:], wanted[:, 1:]) * counts).sum()
        matched += int(own.sum())
    return {"loss_box_reg": 2 * box / max(matched, 1), "loss_classifier": classes / max(matched, 1)}


def focal_loss(logits: Tensor, wanted: Tensor) -> Tensor:
    """Of each of `logits`, where `wanted` is 0 or 1."""
    chance = torch.sigmoid(logits)
    wrong = chance * (1 - wanted) + (1 - chance) * wanted
    weight = ALPHA * wanted + (1 - ALPHA) * (1 - wanted)
    return weight * wrong**GAMMA * F.binary_cross_entropy_with_logits(logits, wanted, reduction="none")


def generalised_iou_loss(boxes: Tensor, true: Tensor) -> Tensor:
    """`(n,)`: 1 - GIoU of boxes `(n, 4)` (https://arxiv.org/abs/1902.09630), which measures what AP asks for."""
    sides = torch.minimum(boxes[:, 2:], true[:, 2:]) - torch.maximum(boxes[:, :2], true[:, :2])
    shared = sides.clamp(min=0).prod(1)
    union = (boxes[:, 2:] - boxes[:, :2]).prod(1) + (true[:, 2:] - true[:, :2]).prod(1) - shared
    around = (torch.maximum(boxes[:, 2:], true[:, 2:]) - torch.minimum(boxes[:, :2], true[:, :2])).prod(1)
    return 1 - shared / union.clamp(min=1e-12) + (around - union) / around.clamp(min=1e-12)
