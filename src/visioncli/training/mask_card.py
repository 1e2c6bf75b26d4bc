"""`MODEL_CARD.md` of a network that learned masks, from facts alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from visioncli.labelled.interface import TEST, TRAIN, VAL
from visioncli.metrics.report import LabelMapReport
from visioncli.training.model_card import code, command_line, duration, plain_text, table

_PARTS = {TRAIN: "training", VAL: "validation", TEST: "test"}
_WORDS = {"miou": "mean IoU", "dice": "mean Dice", "pixel_accuracy": "pixel accuracy"}


@dataclass(frozen=True, slots=True, eq=False)
class MaskCard:
    """What the card says. `pixels` are those of the training part by class, `base` is empty where all began with
    random numbers."""

    name: str
    command: Sequence[str]
    version: str
    architecture: str
    base: str
    base_license: str
    source: str
    format: str
    classes: Sequence[str]
    pictures: Mapping[str, int]
    pixels: Sequence[int]
    reports: Mapping[str, LabelMapReport]
    side: int
    augmentation: str
    seed: int
    unreadable: int
    leaks: int
    seconds: float
    weights_sha256: str


def mask_card(facts: MaskCard) -> str:
    """The card as Markdown."""
    after = f", after {code(facts.base)}" if facts.base else ", from random numbers"
    sections = [
        f"# {plain_text(facts.name)}",
        f"A network ({code(facts.architecture)}{after}) that tells the class of each pixel, of {len(facts.classes)}. "
        f"It takes pictures as large as they are, and learned from crops of {facts.side} x {facts.side} pixels: "
        "objects should be about as large, in pixels, as in the pictures that it learned from.",
        "## What it learned from",
        _data(facts),
        "## How good it is",
        *_numbers(facts),
        "## What it is not for",
        "- Pictures from elsewhere: other cameras, scales, places or seasons. The numbers above hold for pictures of "
        "the same source only.\n"
        "- Pixels of anything else: it knows only its classes and gives every pixel one of them.\n"
        "- Decisions about people, their health, safety or rights, or any other decision that nobody checks: it was "
        "not examined for them.",
        "## Licence",
        _licence(facts),
        "## How it was made",
        f"```sh\n{command_line(facts.command)}\n```",
        f"visioncli {facts.version}, seed {facts.seed}. Augmentation: {facts.augmentation}. It took "
        f"{duration(facts.seconds)}. `model.safetensors` has the SHA-256 {facts.weights_sha256}.",
        "`split.csv` says which picture was in which part, `log.jsonl` and `curves.png` how training went, "
        "`model.json` how pictures become input.",
    ]
    return "\n\n".join(sections) + "\n"


def _data(facts: MaskCard) -> str:
    parts = [f"{count:,} for {_PARTS[part]}" for part, count in facts.pictures.items() if count]
    lines = [f"{code(facts.source)} ({facts.format}), pictures: {', '.join(parts)}."]
    if facts.unreadable:
        lines.append(
            f"Pictures that could not be used with their masks: {facts.unreadable:,}; `files.jsonl` says why."
        )
    if facts.leaks:
        lines.append(f"**Pictures in two parts at once: {facts.leaks:,}. The numbers below are too good.**")
    return " ".join(lines)


def _numbers(facts: MaskCard) -> list[str]:
    measured = [part for part in (TEST, VAL) if part in facts.reports]
    words = "The validation part also chose the epoch: on new pictures expect a little less."
    if TEST not in measured:
        words += " No test part was measured."
    rows = []
    for name, said in _WORDS.items():
        rows.append([said, *(_with_ends(facts.reports[part], name) for part in measured)])
    first = facts.reports[measured[0]]
    classes = first.class_numbers()
    total = max(sum(facts.pixels), 1)
    by_class = []
    for name, pixels in zip(facts.classes, facts.pixels, strict=True):
        numbers = classes.get(name, {})
        shown = [f"{numbers[k]:.3f}" if numbers.get(k, float("nan")) >= 0 else "not measured" for k in _OF_CLASS]
        by_class.append([plain_text(name), f"{100 * pixels / total:.2f} %", *shown])
    header = ["class", "pixels learned from", *(f"{k}, {_PARTS[measured[0]]}" for k in _OF_CLASS)]
    return [
        words,
        table(["", *(f"{_PARTS[part]} part" for part in measured)], rows),
        "In brackets: 95 % intervals.",
        table(header, by_class),
    ]


_OF_CLASS = ("iou", "dice", "precision", "recall")


def _with_ends(report: LabelMapReport, name: str) -> str:
    value = report.numbers()[name]
    ends = None if report.intervals is None else report.intervals.to_json().get(name)
    return f"{value:.3f}" + (f" [{ends[0]:.3f}, {ends[1]:.3f}]" if ends else "")


def _licence(facts: MaskCard) -> str:
    lines = []
    if facts.base:
        licence = (
            f"is under {plain_text(facts.base_license)}" if facts.base_license else "has no licence that is known"
        )
        lines.append(f"What {code(facts.base)} begins with {licence}; what holds for it holds here.")
    lines.append("Whether the pictures allow passing on what was learned from them, only their owner can say.")
    return " ".join(lines)
