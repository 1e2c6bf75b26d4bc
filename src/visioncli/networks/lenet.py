"""LeNet-5 (LeCun, Bottou, Bengio and Haffner, 1998, "Gradient-based learning applied to document recognition",
https://doi.org/10.1109/5.726791).

Layers have the sizes of the paper. As is usual today, and as its own measurements would have it by now, activations
are ReLU instead of a scaled tanh, pooling takes the maximum instead of a weighted mean, the second convolution sees
all maps instead of a chosen part of them, and the last layer is linear instead of radial basis functions.
"""

import torch.nn.functional as F
from torch import Tensor, nn


class LeNet5(nn.Module):
    """`(N, 3, 32, 32)` float32 -> `(N, C)` logits. Grey pictures come as three equal planes."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.c1 = nn.Conv2d(3, 6, 5)
        self.c3 = nn.Conv2d(6, 16, 5)
        self.c5 = nn.Conv2d(16, 120, 5)
        self.f6 = nn.Linear(120, 84)
        self.output = nn.Linear(84, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.c1(x)), 2)  # (N, 6, 14, 14)
        x = F.max_pool2d(F.relu(self.c3(x)), 2)  # (N, 16, 5, 5)
        x = F.relu(self.c5(x)).flatten(1)  # (N, 120)
        logits: Tensor = self.output(F.relu(self.f6(x)))
        return logits


def build(variant: str, classes: str = "10") -> LeNet5:
    """The untrained network; there is one variant, `lenet5`."""
    if variant != "lenet5":
        raise ValueError(f"there is no {variant!r}")
    return LeNet5(int(classes))
