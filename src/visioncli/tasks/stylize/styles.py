"""What `--style` says: names of styles, pictures of one's own, and mixtures of them."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass

from visioncli.errors import UsageError
from visioncli.names import did_you_mean


@dataclass(frozen=True, slots=True)
class Share:
    """One part of a mixture: a name or a path, and its share, above 0."""

    what: str
    weight: float


@dataclass(frozen=True, slots=True)
class Mixture:
    """Styles and their shares, which add up to at most 1: what is left belongs to the picture itself.

    `paintings` tells whether they are pictures, by their paths, or names.
    """

    shares: tuple[Share, ...]
    paintings: bool

    @property
    def own(self) -> float:
        """The share that is left to the picture itself."""
        return max(0.0, 1.0 - math.fsum(share.weight for share in self.shares))

    def __str__(self) -> str:
        if len(self.shares) == 1 and self.shares[0].weight == 1:
            return self.shares[0].what
        return ",".join(f"{share.what}:{share.weight:.4g}" for share in self.shares)


def parse_style(text: str, known: Mapping[int, str]) -> Mixture:
    """`mosaic`, `mosaic:0.7,candy:0.3`, `painting.jpg`, `a.jpg:0.5,b.jpg:0.5`; a number is a style of that number.

    Shares that add up to more than 1 are proportions. What is a known name is that style, also where there is a file
    of the name (`./mosaic` is the file). Raises UsageError.
    """
    parts = [_part(one, known) for one in _split(text)]
    if not parts:
        raise UsageError("--style is empty. `vision stylize --list-styles` lists the names.")
    kinds = {path for _, _, path in parts}
    if len(kinds) > 1:
        name, painting = (next(what for what, _, path in parts if path is kind) for kind in (False, True))
        raise UsageError(
            f"{name} and {painting} cannot be mixed: the styles with names are one network's, pictures another's. "
            "Mix names with names, and pictures with pictures."
        )
    weights: dict[str, float] = {}
    for what, weight, _ in parts:
        weights[what] = weights.get(what, 0.0) + weight
    total = math.fsum(weights.values())
    scale = 1 / max(total, 1.0)
    return Mixture(tuple(Share(what, weight * scale) for what, weight in weights.items()), kinds == {True})


def _split(text: str) -> list[str]:
    """The parts of a list with commas; a path that exists may have commas itself."""
    if os.path.exists(os.path.expanduser(text)):
        return [text]
    return [part.strip() for part in text.split(",") if part.strip()]


def _part(text: str, known: Mapping[int, str]) -> tuple[str, float, bool]:
    """What, how much of it, and whether that is a path."""
    found = _named(text, known)
    if found is not None:
        return (*found[:1], 1.0, found[1])
    what, colon, share = text.rpartition(":")
    found = _named(what, known) if colon else None
    if found is None:
        raise UsageError(_unknown(what if colon and _number(share) is not None else text, known))
    weight = _number(share)
    if weight is None or not 0 < weight <= 1e6:
        raise UsageError(f"--style {text!r}: the share after the colon is a number above 0, such as {what}:0.7.")
    return found[0], weight, found[1]


def _named(text: str, known: Mapping[int, str]) -> tuple[str, bool] | None:
    if text in known.values():
        return text, False
    if text.isascii() and text.isdecimal() and len(text) < 6 and int(text) in known:
        return known[int(text)], False
    path = os.path.expanduser(text)
    return (path, True) if text and os.path.exists(path) else None


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _unknown(name: str, known: Mapping[int, str]) -> str:
    if os.sep in name or os.path.splitext(name)[1]:
        return f"--style {name!r}: there is no such file, and no style of that name."
    near = did_you_mean(name, known.values())
    return (
        f"There is no style called {name!r}, and no picture of that name.{near} "
        "`vision stylize --list-styles` lists the names; a picture's path makes a style of that picture."
    )
