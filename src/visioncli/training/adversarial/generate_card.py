"""`MODEL_CARD.md` of a network that makes pictures, from facts alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from visioncli.labelled.interface import TEST, VAL
from visioncli.training.adversarial.game_card import GameCard, in_digits, troubles
from visioncli.training.model_card import code, command_line, duration, plain_text, table
from visioncli.training.object_card import PARTS


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class MadeNumbers:
    """What was measured against one part: of how many made pictures and real ones, and by name."""

    made: int
    real: int
    numbers: Mapping[str, float | None]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class GeneratorCard(GameCard):
    """What the card says. `reports` are by part; `judge` is whose features were compared; `copying` is how far made
    pictures are from the nearest one that was learned from, as a part of how far validation pictures are."""

    format: str
    classes: Sequence[str]
    pictures: Mapping[str, int]
    size: int
    channels: int
    reports: Mapping[str, MadeNumbers]
    copying: float | None
    augments: bool


FEW_REAL = 500
"""With fewer real pictures to compare with, numbers flatter or blame: the card says so."""
_WORDS = {
    "distance": "Fréchet distance of features",
    "precision": "precision",
    "recall": "recall",
    "recognised": "recognised as the class asked for",
}


def generator_card(facts: GeneratorCard) -> str:
    """The card as Markdown."""
    colours = "grey" if facts.channels == 1 else "coloured"
    asked = f", of any of {len(facts.classes)} classes that is asked for" if facts.classes else ""
    sections = [
        f"# {plain_text(facts.name)}",
        f"A network ({code(facts.architecture)}, from random numbers, {facts.parameters:,} parameters) that makes "
        f"{colours} pictures of {facts.size} x {facts.size} pixels{asked}: "
        f"{code(f'vision generate --model {facts.name}')}.",
        "## What it learned from",
        _data(facts),
        "## How good it is",
        _numbers(facts),
        _copying(facts),
        "## What it is not for",
        "- Pictures that are taken for real ones: they show nothing that was there. Say that they were made.\n"
        "- Pictures of anything else than it learned from, and more data for a test: what a network made up measures "
        "nothing.\n"
        "- People: faces, and what else tells who somebody is, may be those of persons in the pictures it learned "
        "from.",
        "## Licence",
        "Whether the pictures allow passing on what was learned from them, only their owner can say.",
        "## How it was made",
        f"```sh\n{command_line(facts.command)}\n```",
        f"visioncli {facts.version}, seed {facts.seed}. {facts.steps:,} steps, {facts.epochs:g} epochs. Hinge "
        "losses; the discriminator's layers held by spectral normalisation; the weights are a moving average over "
        "steps. "
        f"Augmentation of what both networks see: {'yes' if facts.augments else 'no'}; mirrored pictures: "
        f"{'yes' if facts.mirrors else 'no'}. It took {duration(facts.seconds)}. `model.safetensors` has the SHA-256 "
        f"{facts.weights_sha256}.",
        "`split.csv` says which picture was in which part, `log.jsonl` and `curves.png` how training went, "
        "`samples/` what was made on the way from the same noise.",
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _data(facts: GeneratorCard) -> str:
    parts = [f"{count:,} for {PARTS[part]}" for part, count in facts.pictures.items() if count]
    lines = [f"{code(facts.source)} ({facts.format}), pictures: {', '.join(parts)}."]
    return " ".join(lines + troubles(facts))


def _numbers(facts: GeneratorCard) -> str:
    parts = [part for part in (TEST, VAL) if part in facts.reports]
    shown = [name for name in _WORDS if any(facts.reports[p].numbers.get(name) is not None for p in parts)]
    rows = [[_WORDS[name], *(in_digits(facts.reports[part].numbers.get(name)) for part in parts)] for name in shown]
    rows.append(["made pictures", *(f"{facts.reports[part].made:,}" for part in parts)])
    rows.append(["real pictures", *(f"{facts.reports[part].real:,}" for part in parts)])
    return "\n\n".join(
        [
            f"By features of {plain_text(facts.judge)}. The distance is 0 where both have the same mean and "
            "covariance; it hangs on whose features they are and on how many pictures there were, and is not FID. "
            "Precision is the share of made pictures among real ones, recall that of real ones among made ones "
            "(Kynkäänniemi and others, 2019, 3 neighbours).",
            table(["", *(f"{PARTS[part]} part" for part in parts)], rows),
            *_doubts(facts),
        ]
    )


def _doubts(facts: GeneratorCard) -> list[str]:
    """What few real pictures do to the numbers, where there were few."""
    fewest = min(report.real for report in facts.reports.values())
    if fewest >= FEW_REAL:
        return []
    return [
        f"**{fewest:,} real pictures are few for such numbers.** Their surroundings reach far, so that precision is "
        "high even of pictures that show nothing, and the distance is larger than of more. Look at `samples/`."
    ]


def _copying(facts: GeneratorCard) -> str:
    if facts.copying is None:
        return ""
    return (
        f"Made pictures are {facts.copying:.2f} times as far from the nearest picture that was learned from as "
        "validation pictures are, by their pixels, in the median; far below 1 they would be copies. `nearest.png` "
        "shows them beside each other."
    )
