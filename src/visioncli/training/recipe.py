"""What may be chosen about training, with the reason for each default."""

import dataclasses
import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from visioncli.errors import UsageError


class Unfreeze(StrEnum):
    """Which layers go on learning after the head."""

    NONE = "none"
    LAST = "last"
    ALL = "all"


class Start(StrEnum):
    """What the network knows before it sees the pictures."""

    PRETRAINED = "pretrained"
    SCRATCH = "scratch"


class Augment(StrEnum):
    """How far training pictures may differ from the picture: the values of `--augment`."""

    NONE = "none"
    FLIP = "flip"
    STANDARD = "standard"
    STRONG = "strong"


class Balance(StrEnum):
    """Whether rare classes count as much as frequent ones."""

    AUTO = "auto"
    NONE = "none"


_WORDS: dict[str, type[StrEnum]] = {"start": Start, "unfreeze": Unfreeze, "augment": Augment, "balance": Balance}
DROPOUT = 0.2
"""As EfficientNet was trained."""
MOST_IDENTITY = 100
MOST_SECONDS = 30 * 86_400.0
VAL_SHARE, MANY = 0.2, 2000
TINY_SIZE = 128
"""At which size tiny pictures are trained: enlarged further they show nothing new and take three times as long."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that shapes the network which comes out. Two runs of equal recipes, data and threads give equal tensors.

    None means that the program chooses, by the number and size of the pictures; what it chose is in the run's log.
    """

    start: Start = Start.PRETRAINED
    unfreeze: Unfreeze = Unfreeze.NONE
    """A head on frozen features takes seconds and is hard to spoil: who wants more asks for it."""
    augment: Augment = Augment.STANDARD
    mirror: bool | None = None
    """None: photographs are mirrored, digits are not, for a mirrored digit is none."""
    turns: bool | None = None
    """Of masks: whether a picture turned by a quarter is as likely. None: where all are squares of one size."""
    ignore_index: int | None = None
    """Of masks: the number of pixels that do not count; -1 for none. None: 255, but in masks of 0 and 255 alone."""
    views: int | None = None
    """Augmented views of each picture among the frozen features. None: as many as make a few thousand in all."""
    size: int | None = None
    """Side of the network's input in pixels. None: its own; for tiny pictures less."""
    epochs: int | None = None
    seconds: float | None = None
    """The whole command ends within so many seconds."""
    batch_size: int | None = None
    """Pictures a step. None: 64, of few pictures less, so that an epoch still has a dozen steps."""
    rate: float | None = None
    """Highest learning rate of AdamW (arXiv 1711.05101). None: 6e-4 for a pretrained network, 2e-3 from scratch,
    for batches of 64; in proportion for others."""
    weight_decay: float = 0.05
    dropout: float | None = None
    """Before the head. None: DROPOUT for classes of pictures, none for masks."""
    identity: float | None = None
    """Of translations: the weight of the loss by which pictures of the wanted kind stay as they are. None: 0."""
    smoothing: float = 0.1
    """Label smoothing (arXiv 1512.00567): a label that is wrong costs less, and scores stay closer to the truth."""
    average: float = 0.99
    """Weight averaging: each step moves the kept weights by a hundredth (arXiv 1803.05407, 2111.12993)."""
    patience: int = 10
    """Epochs without a better network after which training ends."""
    balance: Balance = Balance.AUTO
    val_share: float | None = None
    """For validation, where the set has no part of its own. None: a fifth, of more than two thousand a tenth."""
    group: str | None = None
    seed: int = 0
    allow_leaks: bool = False

    def __post_init__(self) -> None:
        """Raises UsageError for impossible numbers, in the words of the options."""
        whole = {"--epochs": self.epochs, "--size": self.size, "--batch-size": self.batch_size}
        for name, number in whole.items():
            most = {"--epochs": 100_000, "--size": 2048, "--batch-size": 4096}[name]
            if number is not None and not 1 <= number <= most:
                raise UsageError(f"{name} lies between 1 and {most:,}, not {number}.")
        if self.views is not None and not 0 <= self.views <= 64:
            raise UsageError(f"--views lies between 0 and 64, not {self.views}.")
        shares = {
            "--val": 0.5 if self.val_share is None else self.val_share,
            "--dropout": self.dropout or 0.0,
            "--label-smoothing": self.smoothing,
        }
        for name, share in shares.items():
            if not 0 <= share < 1:
                raise UsageError(f"{name} is at least 0 and below 1, not {share:g}.")
        if self.val_share is not None and self.val_share <= 0:
            raise UsageError("--val is above 0: without pictures to validate on nothing can be chosen or measured.")
        if self.identity is not None and not 0 <= self.identity <= MOST_IDENTITY:
            raise UsageError(f"--identity lies between 0 and {MOST_IDENTITY}, not {self.identity:g}.")
        for name, value in {"--rate": self.rate, "--time": self.seconds}.items():
            if value is not None and not (0 < value <= MOST_SECONDS and math.isfinite(value)):
                raise UsageError(f"{name} is above 0, not {value:g}.")
        if self.ignore_index is not None and not -1 <= self.ignore_index <= 65535:
            raise UsageError(f"--ignore-index is a number in masks, or -1 for none, not {self.ignore_index}.")
        if self.start is Start.SCRATCH and self.unfreeze is Unfreeze.LAST:
            raise UsageError("--unfreeze last keeps what a network knows, and --from scratch starts with nothing.")

    @classmethod
    def of(cls, **choices: Any) -> "Recipe":
        """The recipe with these fields, words among them as text. Raises UsageError for others."""
        known = {field.name for field in dataclasses.fields(cls)}
        for name in choices:
            if name not in known:
                raise UsageError(f"There is no choice {name!r} for training. Known: {', '.join(sorted(known))}.")
        for name, kind in _WORDS.items():
            if name in choices:
                try:
                    choices[name] = kind(choices[name])
                except ValueError:
                    raise UsageError(f"{name} is one of {', '.join(kind)}, not {choices[name]!r}.") from None
        return cls(**choices)

    def share_for(self, pictures: int) -> float:
        """The part of so many pictures that is for validation."""
        if self.val_share is not None:
            return self.val_share
        return VAL_SHARE if pictures <= MANY else VAL_SHARE / 2

    def key(self) -> dict[str, Any]:
        """What `--resume` compares: all but how long it may take, for more time is what one resumes with."""
        return {k: v for k, v in dataclasses.asdict(self).items() if k not in ("seconds", "allow_leaks")}
