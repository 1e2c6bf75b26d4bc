"""Other colours of a picture, of which masks and boxes know nothing."""

import torch
from torchvision.transforms.v2 import functional as F

AS_IT_IS = (1.0, 1.0, 1.0)


def coloured(image: torch.Tensor, factors: tuple[float, float, float], hue: float) -> torch.Tensor:
    """`(3, H, W) uint8` with its brightness, contrast and saturation times `factors`, its hue moved by turns."""
    brightness, contrast, saturation = factors
    if factors != AS_IT_IS:
        image = F.adjust_brightness(image, brightness)
        image = F.adjust_contrast(image, contrast)
        image = F.adjust_saturation(image, saturation)
    return F.adjust_hue(image, hue) if hue else image
