"""`MODEL_CARD.md` of a network that learned boxes, from facts alone."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from visioncli.labelled.interface import TEST, TRAIN, VAL
from visioncli.metrics.report import Report
from visioncli.training.model_card import code, command_line, duration, plain_text, table

_PARTS = {TRAIN: "training", VAL: "validation", TEST: "test"}
_WORDS = {"AP": "AP", "AP50": "AP50", "AP75": "AP75", "AR100": "AR, 100 a picture"}


@dataclass(frozen=True, slots=True, eq=False)
class BoxCard:
    """What the card says. `objects` are those of the training part by class, `parts` the AP of masks or keypoints in
    the validation part, `base` is empty where all began with random numbers."""

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
    objects: Sequence[int]
    reports: Mapping[str, Report]
    parts: Mapping[str, float]
    unfreeze: str
    augmentation: str
    seed: int
    unreadable: int
    leaks: int
    seconds: float
    weights_sha256: str


def box_card(facts: BoxCard) -> str:
    """The card as Markdown."""
    after = f", after {code(facts.base)}" if facts.base else ", from random numbers"
    sections = [
        f"# {plain_text(facts.name)}",
        f"A network ({code(facts.architecture)}{after}) that finds objects of {_counted(len(facts.classes))} and "
        "puts a box around each. Objects should be about as large, as a part of the picture, as in those that it "
        "learned from.",
        "## What it learned from",
        _data(facts),
        "## How good it is",
        *_numbers(facts),
        "## What it is not for",
        "- Pictures from elsewhere: other cameras, scales, places or seasons. The numbers above hold for pictures of "
        "the same source only.\n"
        "- Objects of other classes: it knows only its own, and calls some others by their names.\n"
        "- Decisions about people, their health, safety or rights, or any other decision that nobody checks: it was "
        "not examined for them.",
        "## Licence",
        _licence(facts),
        "## How it was made",
        f"```sh\n{command_line(facts.command)}\n```",
        f"visioncli {facts.version}, seed {facts.seed}. Layers that learned: {facts.unfreeze}. Augmentation: "
        f"{facts.augmentation}. It took "
        f"{duration(facts.seconds)}. `model.safetensors` has the SHA-256 {facts.weights_sha256}.",
        "`split.csv` says which picture was in which part, `log.jsonl` and `curves.png` how training went, "
        "`model.json` how pictures become input.",
    ]
    return "\n\n".join(sections) + "\n"


def _data(facts: BoxCard) -> str:
    parts = [f"{count:,} for {_PARTS[part]}" for part, count in facts.pictures.items() if count]
    lines = [f"{code(facts.source)} ({facts.format}), pictures: {', '.join(parts)}."]
    if facts.unreadable:
        lines.append(
            f"Pictures that could not be used with their boxes: {facts.unreadable:,}; `files.jsonl` says why."
        )
    if facts.leaks:
        lines.append(f"**Pictures in two parts at once: {facts.leaks:,}. The numbers below are too good.**")
    return " ".join(lines)


def _numbers(facts: BoxCard) -> list[str]:
    measured = [part for part in (TEST, VAL) if part in facts.reports]
    words = "The validation part also chose the epoch: on new pictures expect a little less."
    if TEST not in measured:
        words += " No test part was measured."
    rows = []
    for name, said in _WORDS.items():
        rows.append([said, *(_with_ends(facts.reports[part], name) for part in measured)])
    first = facts.reports[measured[0]]
    classes = first.class_numbers()
    by_class = []
    for name, objects in zip(facts.classes, facts.objects, strict=True):
        numbers = classes.get(name, {})
        shown = [f"{numbers[k]:.3f}" if numbers.get(k, float("nan")) >= 0 else "not measured" for k in _OF_CLASS]
        by_class.append([plain_text(name), f"{objects:,}", *shown])
    header = ["class", "objects learned from", *(f"{k}, {_PARTS[measured[0]]}" for k in _OF_CLASS)]
    return [
        words,
        table(["", *(f"{_PARTS[part]} part" for part in measured)], rows),
        "In brackets: 95 % intervals.",
        *([_of_parts(facts.parts)] if facts.parts else []),
        table(header, by_class),
    ]


_OF_CLASS = ("AP", "AP50", "AP75")


def _of_parts(parts: Mapping[str, float]) -> str:
    """The sentence about masks or keypoints."""
    what = "Masks" if any(name.startswith("mask") for name in parts) else "Keypoints, by OKS"
    numbers = ", ".join(f"{name.rpartition('_')[2]} {value:.3f}" for name, value in parts.items())
    return f"{what}, validation part: {numbers}."


def _with_ends(report: Report, name: str) -> str:
    value = report.official[name]
    ends = None if report.intervals is None else report.intervals.to_json().get(name)
    if math.isnan(value):
        return "not measured"
    return f"{value:.3f}" + (f" [{ends[0]:.3f}, {ends[1]:.3f}]" if ends else "")


def _counted(classes: int) -> str:
    return "1 class" if classes == 1 else f"{classes:,} classes"


def _licence(facts: BoxCard) -> str:
    lines = []
    if facts.base:
        licence = (
            f"is under {plain_text(facts.base_license)}" if facts.base_license else "has no licence that is known"
        )
        lines.append(f"What {code(facts.base)} begins with {licence}; what holds for it holds here.")
    lines.append("Whether the pictures allow passing on what was learned from them, only their owner can say.")
    return " ".join(lines)
