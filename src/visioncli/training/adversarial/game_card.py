"""What model cards of all networks that make pictures have in common."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class GameCard:
    """What every such card says; `judge` is whose features were compared."""

    name: str
    command: Sequence[str]
    version: str
    architecture: str
    parameters: int
    source: str
    judge: str
    mirrors: bool
    epochs: float
    steps: int
    seed: int
    unreadable: int
    leaks: int
    seconds: float
    weights_sha256: str


def troubles(facts: GameCard) -> list[str]:
    """Sentences about pictures that could not be used, or should not have been."""
    lines = []
    if facts.unreadable:
        lines.append(f"Pictures that could not be read: {facts.unreadable:,}; `files.jsonl` says why.")
    if facts.leaks:
        lines.append(f"**Pictures in two parts at once: {facts.leaks:,}. The numbers below are too good.**")
    return lines


def in_digits(value: float | None) -> str:
    """A number in a table."""
    return "not measured" if value is None else f"{value:.3f}"
