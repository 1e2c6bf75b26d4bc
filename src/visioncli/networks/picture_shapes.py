"""What the networks that make pictures share: how large a picture is, and how its sides grow."""

from dataclasses import dataclass

SIZES = range(28, 65, 4)
"""Sides of pictures that are made, in pixels."""
MOST_WIDTH, MOST_LATENT = 512, 1024


@dataclass(frozen=True, slots=True)
class Shape:
    """Pictures of `size` x `size` pixels with 1 or 3 `channels`, from `latent` numbers; `width` maps at full size."""

    size: int
    channels: int
    width: int
    latent: int

    def __post_init__(self) -> None:
        """Raises ValueError for what no network here makes."""
        if self.size not in SIZES or self.channels not in (1, 3):
            raise ValueError(f"pictures of {self.size} pixels and {self.channels} channels are not made here")
        if not (1 <= self.width <= MOST_WIDTH and 1 <= self.latent <= MOST_LATENT):
            raise ValueError(f"{self.width} maps and {self.latent} numbers are not what a network here has")

    @classmethod
    def of(cls, text: str) -> "Shape":
        """`28x1x32x64`: what `str` gives. Raises ValueError."""
        numbers = text.split("x")
        if len(numbers) != 4 or not all(n.isascii() and n.isdecimal() and len(n) < 6 for n in numbers):
            raise ValueError(f"{text!r} is no shape of pictures")
        return cls(*map(int, numbers))

    def __str__(self) -> str:
        return f"{self.size}x{self.channels}x{self.width}x{self.latent}"

    @property
    def sides(self) -> tuple[int, ...]:
        """Of the maps, from the first to the picture's: halved while that goes and more than 7 are left."""
        sides = [self.size]
        while sides[0] % 2 == 0 and sides[0] > 7:
            sides.insert(0, sides[0] // 2)
        return tuple(sides)

    @property
    def widths(self) -> tuple[int, ...]:
        """Maps at each of `sides`: twice as many where they have half the side, at most MOST_WIDTH."""
        steps = len(self.sides)
        return tuple(min(self.width * 2**n, MOST_WIDTH) for n in reversed(range(steps)))
