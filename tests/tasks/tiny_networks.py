"""Networks of a few weights with known answers, to try explanations on."""

import torch
from torch import Tensor, nn


class RedGreenBlue(nn.Module):
    """Three classes: how much pure red, green and blue there is. Only a coloured place speaks for its class."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 3, 1)
        self.relu = nn.ReLU()
        self.pool = nn.AvgPool2d(8)
        self.last = nn.Conv2d(3, 3, 1)
        with torch.no_grad():
            # A colour counts where it is bright and the two others are not.
            self.first.weight.copy_((2 * torch.eye(3) - 1)[:, :, None, None])
            self.first.bias.fill_(-0.5)
            self.last.weight.copy_(torch.eye(3)[:, :, None, None])
            self.last.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.pool(self.relu(self.first(x)))).mean((2, 3)) * 50


class TinyClassifier(nn.Module):
    """A small random network of the usual kind: convolutions, pooling, a linear layer."""

    def __init__(self, classes: int = 5, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 12, 3, 2, 1), nn.ReLU()
        )
        self.classifier = nn.Linear(12, classes)
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).mean((2, 3)))
