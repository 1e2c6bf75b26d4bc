"""DeepLab v3 on MobileNet v2 with an answer for each pixel, as it is trained on masks of one's own.

The network, and the names of its tensors, are those of `deeplab`; its logits, of every eighth pixel, are enlarged
inside, so that the loss compares pixels.
"""

import torch
import torch.nn.functional as F

from visioncli.networks import deeplab
from visioncli.networks.unet import pad_to_multiple


class DenseDeepLab(deeplab.DeepLabMobileNetV2):
    """`(N, 3, H, W)` float32 RGB of -1 to 1 -> `(N, C, H, W)` logits, for any H and W."""

    encoder_parts = ("stem", "blocks")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        framed = pad_to_multiple(x)
        logits = F.interpolate(
            super().forward(framed), scale_factor=float(deeplab.STRIDE), mode="bilinear", align_corners=False
        )
        return logits if framed is x else logits[:, :, : x.shape[2], : x.shape[3]]


def build(variant: str, classes: str = "21") -> DenseDeepLab:
    """The network with untrained weights; there is one variant, of `half` width."""
    return DenseDeepLab(int(classes))
