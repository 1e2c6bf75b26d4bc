"""What the model cards of networks that learned boxes or masks have in common."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from visioncli.labelled.interface import TEST, TRAIN, VAL
from visioncli.metrics.report import LabelMapReport, Report
from visioncli.training.model_card import code, command_line, duration, plain_text, table

PARTS = {TRAIN: "training", VAL: "validation", TEST: "test"}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ObjectCard:
    """What such a card says. `base` is empty where all began with random numbers, `pictures` are those of each part,
    `reports` those of the parts that were measured."""

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
    reports: Mapping[str, Report] | Mapping[str, LabelMapReport]
    augmentation: str
    seed: int
    unreadable: int
    leaks: int
    seconds: float
    weights_sha256: str


def written(facts: ObjectCard, *, does: str, answers: str, beyond: str, learned: str, numbers: Sequence[str]) -> str:
    """The card as Markdown: what the network `does`, what its `answers` are called, what it does with what lies
    `beyond` its classes, which layers `learned`, and how good it is."""
    after = f", after {code(facts.base)}" if facts.base else ", from random numbers"
    sections = [
        f"# {plain_text(facts.name)}",
        f"A network ({code(facts.architecture)}{after}) that {does}",
        "## What it learned from",
        _data(facts, answers),
        "## How good it is",
        *numbers,
        "## What it is not for",
        "- Pictures from elsewhere: other cameras, scales, places or seasons. The numbers above hold for pictures of "
        "the same source only.\n"
        f"- {beyond}\n"
        "- Decisions about people, their health, safety or rights, or any other decision that nobody checks: it was "
        "not examined for them.",
        "## Licence",
        _licence(facts),
        "## How it was made",
        f"```sh\n{command_line(facts.command)}\n```",
        f"visioncli {facts.version}, seed {facts.seed}. {learned}Augmentation: {facts.augmentation}. It took "
        f"{duration(facts.seconds)}. `model.safetensors` has the SHA-256 {facts.weights_sha256}.",
        "`split.csv` says which picture was in which part, `log.jsonl` and `curves.png` how training went, "
        "`model.json` how pictures become input.",
    ]
    return "\n\n".join(sections) + "\n"


def measured(
    facts: ObjectCard,
    words: Mapping[str, str],
    value: Callable[[str, str], float],
    of_class: Sequence[str],
    amounts: tuple[str, Sequence[str]],
    more: Sequence[str] = (),
) -> list[str]:
    """The section of numbers: those of `words` by part, as `value` has them by part and name, then `more`, then each
    class with the numbers `of_class`, and how much it had to learn from: the head of a column, and its cells."""
    parts = [part for part in (TEST, VAL) if part in facts.reports]
    said = "The validation part also chose the epoch: on new pictures expect a little less."
    if TEST not in parts:
        said += " No test part was measured."
    rows = [
        [shown, *(_with_ends(facts.reports[part], name, value(part, name)) for part in parts)]
        for name, shown in words.items()
    ]
    classes = facts.reports[parts[0]].class_numbers()
    by_class = []
    for name, amount in zip(facts.classes, amounts[1], strict=True):
        numbers = classes.get(name, {})
        cells = [f"{numbers[k]:.3f}" if numbers.get(k, float("nan")) >= 0 else "not measured" for k in of_class]
        by_class.append([plain_text(name), amount, *cells])
    header = ["class", amounts[0], *(f"{k}, {PARTS[parts[0]]}" for k in of_class)]
    return [
        said,
        table(["", *(f"{PARTS[part]} part" for part in parts)], rows),
        "In brackets: 95 % intervals.",
        *more,
        table(header, by_class),
    ]


def _data(facts: ObjectCard, answers: str) -> str:
    parts = [f"{count:,} for {PARTS[part]}" for part, count in facts.pictures.items() if count]
    lines = [f"{code(facts.source)} ({facts.format}), pictures: {', '.join(parts)}."]
    if facts.unreadable:
        lines.append(
            f"Pictures that could not be used with their {answers}: {facts.unreadable:,}; `files.jsonl` says why."
        )
    if facts.leaks:
        lines.append(f"**Pictures in two parts at once: {facts.leaks:,}. The numbers below are too good.**")
    return " ".join(lines)


def _with_ends(report: Report | LabelMapReport, name: str, value: float) -> str:
    if math.isnan(value):
        return "not measured"
    ends = None if report.intervals is None else report.intervals.to_json().get(name)
    return f"{value:.3f}" + (f" [{ends[0]:.3f}, {ends[1]:.3f}]" if ends else "")


def _licence(facts: ObjectCard) -> str:
    lines = []
    if facts.base:
        licence = (
            f"is under {plain_text(facts.base_license)}" if facts.base_license else "has no licence that is known"
        )
        lines.append(f"What {code(facts.base)} begins with {licence}; what holds for it holds here.")
    lines.append("Whether the pictures allow passing on what was learned from them, only their owner can say.")
    return " ".join(lines)
