"""FractalNet (Larsson, Maire and Shakhnarovich, 2017, https://arxiv.org/abs/1605.07648).

A deep network without shortcuts: `f_1` is a convolution, `f_C+1` the mean of one convolution and of `f_C` twice in a
row. While training, drop-path leaves out branches of the joins, so that no path comes to rest upon another.
"""

import torch
from torch import Tensor, nn

DROP_PATH = 0.15
"""How often a branch is left out where a join is sampled by itself, as in the paper."""
GLOBAL_SHARE = 0.5
"""Of pictures, those for which one column alone is kept throughout the network. The paper draws so for whole batches;
drawn for each picture, every step sees both."""
DROPOUT = (0.0, 0.1, 0.2, 0.3, 0.4)
"""By block, as in the paper; within each convolution, as in its authors' implementation."""
# Columns, and channels by block. "paper" is five blocks of four columns, 40 convolutions deep; "small" is 20 deep.
_VARIANTS = {
    "paper": (4, (64, 128, 256, 512, 512)),
    "small": (3, (16, 32, 64, 128, 128)),
}


def _conv(inputs: int, outputs: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.Dropout(dropout),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class FractalBlock(nn.Module):
    """`f_C`, unrolled: column k of C, from 0, has 2^k convolutions, and where columns end together they are joined.

    Joins that follow one another at once are one, as in the paper's figure.
    """

    def __init__(self, inputs: int, outputs: int, columns: int, dropout: float) -> None:
        super().__init__()
        self.depth = 2 ** (columns - 1)
        self.columns = nn.ModuleList(
            nn.ModuleList(_conv(inputs if n == 0 else outputs, outputs, dropout) for n in range(2**column))
            for column in range(columns)
        )

    def forward(self, x: Tensor, only: Tensor | None = None) -> Tensor:
        """`only` `(N,)`, while training: the one column that is kept for each picture, -1 where joins are sampled."""
        count = len(self.columns)
        at: list[Tensor] = [x] * count
        for step in range(1, self.depth + 1):
            joining = []
            for column, convolutions in enumerate(self.columns):
                span = self.depth >> column
                if step % span == 0:
                    assert isinstance(convolutions, nn.ModuleList)
                    at[column] = convolutions[step // span - 1](at[column])
                    joining.append(column)
            if len(joining) > 1:
                joined = self._join([at[c] for c in joining], joining, only)
                for column in joining:
                    at[column] = joined
        return at[0]

    @staticmethod
    def _join(branches: list[Tensor], columns: list[int], only: Tensor | None) -> Tensor:
        """The mean of the branches that are kept for each picture."""
        stack = torch.stack(branches)
        if only is None:
            return stack.mean(0)
        shape = (len(branches), len(only))
        kept = torch.rand(shape, device=stack.device) >= DROP_PATH
        # One branch at random is kept where all others would be gone.
        spare = torch.randint(len(branches), (len(only),), device=stack.device)
        kept |= (torch.arange(len(branches), device=stack.device)[:, None] == spare) & ~kept.any(0)
        alone = torch.tensor(columns, device=stack.device)[:, None] == only
        weights = torch.where(only < 0, kept, alone).to(stack.dtype)
        # Where the one column does not come to this join, its answer is never used: any will do.
        weights = torch.where(weights.sum(0) > 0, weights, torch.ones_like(weights))
        weights = weights / weights.sum(0)
        return (stack * weights[:, :, None, None, None]).sum(0)


class FractalNet(nn.Module):
    """`(N, 3, 32, 32)` float32 -> `(N, classes)` logits. Each block is followed by pooling by two."""

    def __init__(self, columns: int, channels: tuple[int, ...], classes: int = 10) -> None:
        super().__init__()
        sizes = zip((3, *channels[:-1]), channels, DROPOUT, strict=True)
        self.blocks = nn.ModuleList(FractalBlock(i, o, columns, dropout) for i, o, dropout in sizes)
        self.pool = nn.MaxPool2d(2)
        self.classifier = nn.Linear(channels[-1], classes)
        self._columns = columns

    def forward(self, x: Tensor) -> Tensor:
        only = self._choose(len(x), x.device) if self.training else None
        for block in self.blocks:
            x = self.pool(block(x, only))
        logits: Tensor = self.classifier(x.mean((2, 3)))
        return logits

    def _choose(self, count: int, device: torch.device) -> Tensor:
        """`(N,)`: the one column for pictures with global drop-path, -1 for the others."""
        columns = torch.randint(self._columns, (count,), device=device)
        alone = torch.rand(count, device=device) < GLOBAL_SHARE
        return torch.where(alone, columns, torch.full_like(columns, -1))


def build(variant: str, classes: str = "10") -> FractalNet:
    """The untrained network `paper` or `small`."""
    return FractalNet(*_VARIANTS[variant], int(classes))
