"""R-FCN (Dai, Li, He and Sun, 2016, "R-FCN: Object Detection via Region-based Fully Convolutional Networks",
https://arxiv.org/abs/1605.06409) on ResNet-50.

Nearly everything is computed once for the whole picture: for each class k x k maps of scores, one for each part of an
object, and as many for the four numbers of its box. A proposed region takes each part from the maps made for that
part (torchvision's `ps_roi_pool`), and its score is their mean. Proposals, sampling and losses are torchvision's.
"""

from collections import OrderedDict
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.detection.faster_rcnn import GeneralizedRCNN
from torchvision.models.detection.roi_heads import RoIHeads
from torchvision.models.detection.rpn import AnchorGenerator, RegionProposalNetwork, RPNHead
from torchvision.models.detection.transform import GeneralizedRCNNTransform
from torchvision.models.resnet import resnet50
from torchvision.ops import ps_roi_pool

PARTS = 7
"""Parts of a region down and across, the paper's k."""
CHANNELS = 1024
"""To which the last convolution's 2048 channels are reduced (section 3 of the paper)."""
STRIDE = 16
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Backbone(nn.Module):
    """ResNet-50 -> its fourth stage's map for proposals, its fifth's for what they are, both at 1/16 of the size.

    The fifth stage's stride is made up for by dilation, as in the paper.
    """

    def __init__(self) -> None:
        super().__init__()
        body = resnet50(weights=None, replace_stride_with_dilation=[False, False, True])
        self.stem = nn.Sequential(body.conv1, body.bn1, body.relu, body.maxpool)
        self.layer1, self.layer2, self.layer3, self.layer4 = body.layer1, body.layer2, body.layer3, body.layer4
        self.reduce = nn.Sequential(nn.Conv2d(2048, CHANNELS, 1), nn.ReLU())

    def forward(self, x: Tensor) -> "OrderedDict[str, Tensor]":
        proposing = self.layer3(self.layer2(self.layer1(self.stem(x))))
        return OrderedDict(proposing=proposing, telling=self.reduce(self.layer4(proposing)))


class ProposalsOfOneMap(RegionProposalNetwork):  # type: ignore[misc]
    """Torchvision's, looking at the map that is for proposals."""

    def forward(self, images: Any, features: dict[str, Tensor], targets: Any = None) -> Any:
        return super().forward(images, {"proposing": features["proposing"]}, targets)


class PositionSensitiveMaps(nn.Module):
    """Features and proposed regions -> `(R, C)` class logits and `(R, 4)` box codes, side by side."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.scores = nn.Conv2d(CHANNELS, PARTS * PARTS * classes, 1)
        self.boxes = nn.Conv2d(CHANNELS, PARTS * PARTS * 4, 1)
        for layer in (self.scores, self.boxes):
            nn.init.normal_(layer.weight, std=0.01)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)

    def forward(self, features: dict[str, Tensor], proposals: list[Tensor], sizes: Any) -> Tensor:
        x = features["telling"]
        # Regions begin at whole places. A sliver at the far edge would begin beyond it, and no map would vote on it.
        last = torch.tensor([x.shape[3] - 1, x.shape[2] - 1], device=x.device) * STRIDE
        begun = [torch.cat([torch.minimum(one[:, :2], last.to(one)), one[:, 2:]], 1) for one in proposals]
        # Torchvision's pooling never looks at the last row and column of a map: here they are ones beyond it.
        votes = [
            ps_roi_pool(F.pad(maps(x), (0, 1, 0, 1)), begun, PARTS, 1 / STRIDE).mean((2, 3))
            for maps in (self.scores, self.boxes)
        ]
        return torch.cat(votes, 1)


class Split(nn.Module):
    """`(R, C + 4)` -> class logits `(R, C)` and box codes `(R, 4 C)`: the paper's are the same for every class."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        logits, codes = x[:, :-4], x[:, -4:]
        return logits, codes.repeat(1, logits.shape[1])


class RFCN(GeneralizedRCNN):  # type: ignore[misc]
    """`(1, 3, H, W)` float32 of 0 to 1 -> boxes `(1, K, 4)`, labels `(1, K)`, scores `(1, K)`; class 0 is none.

    In training mode, as torchvision's detectors: a list of pictures and of targets -> a dictionary of losses.
    """

    def __init__(self, classes: int, shorter: int = 600, longer: int = 1000) -> None:
        anchors = AnchorGenerator(((32, 64, 128, 256, 512),), ((0.5, 1.0, 2.0),))
        proposals = ProposalsOfOneMap(
            anchors,
            RPNHead(1024, anchors.num_anchors_per_location()[0]),
            fg_iou_thresh=0.7,
            bg_iou_thresh=0.3,
            batch_size_per_image=256,
            positive_fraction=0.5,
            pre_nms_top_n={"training": 2000, "testing": 6000},
            post_nms_top_n={"training": 2000, "testing": 300},
            nms_thresh=0.7,
        )
        heads = RoIHeads(
            PositionSensitiveMaps(classes),
            nn.Identity(),
            Split(),
            fg_iou_thresh=0.5,
            bg_iou_thresh=0.5,
            batch_size_per_image=128,
            positive_fraction=0.25,
            bbox_reg_weights=None,
            score_thresh=0.05,
            nms_thresh=0.3,
            detections_per_img=100,
        )
        super().__init__(Backbone(), proposals, heads, GeneralizedRCNNTransform(shorter, longer, _MEAN, _STD))

    def forward(self, images: Any, targets: Any = None) -> Any:
        answers = super().forward(list(images), targets)
        if self.training:
            return answers
        (answer,) = answers
        return tuple(answer[name][None] for name in ("boxes", "labels", "scores"))


def build(variant: str, classes: str = "91") -> RFCN:
    """The untrained network; there is one variant, `resnet50`. `classes` counts the background."""
    if variant != "resnet50":
        raise ValueError(f"there is no {variant!r}")
    return RFCN(int(classes))


def set_size(network: RFCN, size: int) -> None:
    """Lets it resize pictures to a shorter side of `size`; the longer one may be as many times as long as before."""
    transform = network.transform
    (before,) = transform.min_size
    transform.min_size, transform.max_size = (size,), round(transform.max_size * size / before)


def pretrained(variant: str, classes: str = "91") -> RFCN:
    """The network to begin training with: its backbone is torchvision's `resnet50`, which has seen ImageNet.

    Raises ModelUnavailable where that was not fetched before (`vision models pull resnet50`).
    """
    from visioncli.models import registry
    from visioncli.weights.load import load_network

    network = build(variant, classes)
    known = load_network(registry.find("resnet50")).state_dict()
    stem = {"conv1.": "stem.0.", "bn1.": "stem.1."}
    renamed = {}
    for name, tensor in known.items():
        begin = next((begin for begin in stem if name.startswith(begin)), "")
        renamed[stem.get(begin, "") + name[len(begin) :]] = tensor
    own = network.backbone.state_dict()
    network.backbone.load_state_dict({name: renamed.get(name, tensor) for name, tensor in own.items()})
    return network


PARTS_NOTE = {"detect": "Pooling by regions has no multiply-adds of its own: its maps are computed once a picture."}
"""What the layer table does not show by itself."""


def run_parts(network: RFCN, x: Tensor) -> None:
    """Runs every layer once on shapes alone, without the suppression of boxes, which needs values."""
    features = network.backbone(x)
    network.rpn.head([features["proposing"]])
    for maps in (network.roi_heads.box_roi_pool.scores, network.roi_heads.box_roi_pool.boxes):
        maps(features["telling"])
