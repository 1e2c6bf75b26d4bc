"""`MODEL_CARD.md`: what a trained network is, how good it is, and what it is not for, from facts alone."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from visioncli.labelled.interface import TEST, TRAIN, VAL
from visioncli.training.data.look import FEW, SPLITS

MOST_CLASSES = 50
"""Classes in the table of the card; confusion.csv has all."""
_PARTS = {TRAIN: "training", VAL: "validation", TEST: "test"}
_STAGES = {
    "none": "Only a new last layer was trained, on features that the base network gives.",
    "last": "A new last layer and the last blocks of the base network were trained.",
    "all": "All layers of the base network were trained further.",
    "scratch": "All layers were trained from random numbers, without a base network.",
}


@dataclass(frozen=True, slots=True)
class Measured:
    """A number with the ends of its 95 % interval, which are None where none was computed."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class ClassFacts:
    """One class: its pictures in the training, validation and test part.

    `recall` is the share of them that was found, in the test part where that was measured, else in validation.
    """

    label: str
    pictures: tuple[int, int, int]
    recall: Measured | None = None


@dataclass(frozen=True, slots=True)
class CardFacts:
    """What the card says. Parts that are empty or None were not measured, and the card says that.

    `base` is the row that was trained further, empty with `unfreeze` "scratch". `numbers` are those of each part
    that was measured ("val", "test"), by name (`accuracy`, `macro_f1` …). `calibration_error` is that of the
    validation part before and after the `temperature`; `thresholds` are those of a set with several labels.
    """

    name: str
    command: Sequence[str]
    version: str
    architecture: str
    source: str
    format: str
    classes: Sequence[ClassFacts]
    unfreeze: str
    seed: int
    base: str = ""
    base_license: str = ""
    base_data: str = ""
    input_size: tuple[int, int] | None = None
    multi_label: bool = False
    numbers: Mapping[str, Mapping[str, Measured]] = field(default_factory=dict)
    temperature: float | None = None
    calibration_error: tuple[float, float] | None = None
    thresholds: Mapping[str, float] = field(default_factory=dict)
    unreadable: int = 0
    leaks: int = 0
    suspects: int | None = None
    augmentation: str = ""
    seconds: float | None = None
    weights_sha256: str = ""
    hears: str = ""
    """Of a network of recordings, what of them it hears."""
    noun: str = "picture"
    remarks: Sequence[str] = ()


def model_card(facts: CardFacts) -> str:
    """The card as Markdown."""
    sections = [
        f"# {plain_text(facts.name)}",
        _what(facts),
        "## What it learned from",
        _data(facts),
        "## How good it is",
        _numbers(facts),
        _class_table(facts),
        "## Its probabilities",
        _calibration(facts),
        "## What it is not for",
        _limits(facts),
        "## Licence",
        _license(facts),
        "## How it was made",
        _made(facts),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _what(facts: CardFacts) -> str:
    base = f", after {code(facts.base)}" if facts.base else ""
    count = len(facts.classes)
    does = f"tells which of {count} classes a {facts.noun} has, any number of them" if facts.multi_label else ""
    does = does or f"tells the class of a {facts.noun}, of {count}"
    words = f"A network ({code(facts.architecture)}{base}) that {does}."
    if facts.hears:
        words += f" It hears {facts.hears}."
    elif facts.input_size:
        words += f" It sees {facts.input_size[0]} x {facts.input_size[1]} pixels."
    return f"{words} {_STAGES.get(facts.unfreeze, '')}".strip()


def _data(facts: CardFacts) -> str:
    totals = [sum(c.pictures[k] for c in facts.classes) for k in range(3)]
    unit = f"labels of {facts.noun}s" if facts.multi_label else f"{facts.noun}s"
    parts = [f"{total:,} for {_PARTS[split]}" for split, total in zip(SPLITS, totals, strict=True) if total]
    lines = [f"{code(facts.source)} ({facts.format}), {unit}: {', '.join(parts) or 'none'}."]
    if facts.unreadable:
        lines.append(
            f"{facts.noun.capitalize()}s that could not be read: {facts.unreadable:,}; `files.jsonl` says why."
        )
    if facts.leaks:
        lines.append(
            f"**{facts.noun.capitalize()}s in two parts at once, or nearly equal to one in another part: "
            f"{facts.leaks:,}. The numbers below are too good.**"
        )
    few = [c.label for c in facts.classes if c.pictures[0] < FEW]
    if few:
        lines.append(
            f"Fewer than {FEW} {facts.noun}s for training: {', '.join(map(plain_text, few[:10]))}{_more(few, 10)}."
        )
    if facts.suspects:
        lines.append(
            f"{facts.noun.capitalize()}s that may have a wrong label: {facts.suspects:,} (`suspects.csv`). "
            "They were learned, and counted, as they are labelled."
        )
    return " ".join([*lines, *map(plain_text, facts.remarks)])


def _numbers(facts: CardFacts) -> str:
    measured = [part for part in (TEST, VAL) if facts.numbers.get(part)]
    if not measured:
        return f"This was not measured: no {facts.noun} was kept apart for it."
    words = []
    if VAL in measured:
        words.append(
            "The validation part also chose the regularisation, the epoch and the temperature: "
            f"on new {facts.noun}s expect a little less."
        )
    if TEST not in measured:
        words.append(
            f"No test part was measured. `vision eval` measures on {facts.noun}s that this network never met."
        )
    header = ["", *(f"{_PARTS[part]} part" for part in measured)]
    names = list(dict.fromkeys(name for part in measured for name in facts.numbers[part]))
    rows = [
        [plain_text(name.replace("_", " ")), *(_interval(facts.numbers[p].get(name)) for p in measured)]
        for name in names
    ]
    return "\n\n".join([" ".join(words), table(header, rows), "In brackets: 95 % intervals."]).strip()


def _class_table(facts: CardFacts) -> str:
    shown = list(facts.classes)
    note = ""
    if len(shown) > MOST_CLASSES:
        shown = sorted(shown, key=lambda c: (c.recall is None, c.recall.value if c.recall else 0.0))[:MOST_CLASSES]
        note = (
            f"The {MOST_CLASSES} classes that are found worst, of {len(facts.classes)}; `confusion.csv` has all.\n\n"
        )
    part = next((_PARTS[p] for p in (TEST, VAL) if facts.numbers.get(p)), "")
    header = ["class", *(_PARTS[s] for s in SPLITS), f"found in {part}" if part else "found"]
    rows = [[plain_text(c.label), *(f"{n:,}" for n in c.pictures), _interval(c.recall)] for c in shown]
    return note + table(header, rows)


def _calibration(facts: CardFacts) -> str:
    lines = []
    if facts.temperature is not None:
        lines.append(
            f"Its outputs are divided by a temperature of {facts.temperature:.3g}, fitted on the validation part."
        )
    if facts.calibration_error is not None:
        before, after = facts.calibration_error
        lines.append(
            f"That changed the calibration error there from {before:.3f} to {after:.3f}; "
            "what it was fitted on flatters it."
        )
    if facts.thresholds:
        chosen = ", ".join(f"{plain_text(name)} {value:.2f}" for name, value in list(facts.thresholds.items())[:20])
        lines.append(
            f"A class counts as present from its own threshold on: {chosen}{_more(list(facts.thresholds), 20)}."
        )
    return " ".join(lines) or "They were not calibrated: a score of 0.9 does not mean that nine in ten are right."


def _limits(facts: CardFacts) -> str:
    elsewhere = {
        "picture": "- Pictures from elsewhere: other cameras, places, seasons or ways of cropping",
        "recording": "- Recordings from elsewhere: other voices, microphones, rooms or noise",
    }
    lines = [
        elsewhere[facts.noun] + " than those it learned from. "
        f"The numbers above hold for {facts.noun}s of the same source only.",
    ]
    if not facts.multi_label:
        lines.append(
            f"- {facts.noun.capitalize()}s of anything else: it knows only its classes and names one of them for "
            f"every {facts.noun}, "
            "often with a high score."
        )
    lines.append(
        "- Decisions about people, their health, safety or rights, or any other decision that nobody checks: "
        "it was not examined for them."
    )
    weak = [c.label for c in facts.classes if c.recall is not None and c.recall.value < 0.5]
    if weak:
        lines.append(
            f"- Finding {', '.join(map(plain_text, weak[:10]))}{_more(weak, 10)}: it misses more than half of these."
        )
    unmeasured = [c.label for c in facts.classes if c.recall is None]
    if unmeasured and len(unmeasured) < len(facts.classes):
        lines.append(
            f"- Relying on {', '.join(map(plain_text, unmeasured[:10]))}{_more(unmeasured, 10)}: "
            f"no {facts.noun} of these was kept apart to measure on."
        )
    return "\n".join(lines)


def _license(facts: CardFacts) -> str:
    lines = []
    if facts.base:
        license_ = (
            f"is under {plain_text(facts.base_license)}"
            if facts.base_license
            else "has a licence that is not known here"
        )
        learned = f" and learned from {plain_text(facts.base_data)}" if facts.base_data else ""
        lines.append(f"The base network {code(facts.base)} {license_}{learned}; what holds for it holds here.")
    lines.append(f"Whether the {facts.noun}s allow passing on what was learned from them, only their owner can say.")
    return " ".join(lines)


def _made(facts: CardFacts) -> str:
    lines = [f"```sh\n{command_line(facts.command)}\n```", f"visioncli {facts.version}, seed {facts.seed}."]
    if facts.augmentation:
        lines[-1] += f" Augmentation: {plain_text(facts.augmentation)}."
    if facts.seconds is not None:
        lines[-1] += f" It took {duration(facts.seconds)}."
    if facts.weights_sha256:
        lines.append(f"`model.safetensors` has the SHA-256 {facts.weights_sha256}.")
    lines.append(
        f"`split.csv` says which {facts.noun} was in which part, {_log(facts)} how training went, "
        f"`model.json` how {facts.noun}s become input."
    )
    return "\n\n".join(lines)


def _interval(number: Measured | None) -> str:
    if number is None or number.value != number.value:
        return "not measured"
    if number.low is None or number.high is None:
        return f"{number.value:.3f}"
    return f"{number.value:.3f} [{number.low:.3f}, {number.high:.3f}]"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown; all columns but the first are numbers."""
    ruler = ["---", *("---:" for _ in header[1:])]
    return "\n".join("| " + " | ".join(row) + " |" for row in (header, ruler, *rows))


def plain_text(words: str) -> str:
    """A name that Markdown shows as it is, in one line: names of classes may be anything."""
    line = " ".join("".join(c if c.isprintable() else " " for c in words).split())
    return re.sub(r"([\\`*_\[\]<>|#&~])", r"\\\1", line)


def code(words: str) -> str:
    """Words in the type of programs, in one line."""
    line = " ".join("".join(c if c.isprintable() else " " for c in words).split())
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    return f"{fence} {line} {fence}" if "`" in line else f"`{line}`"


def command_line(words: Sequence[str]) -> str:
    """A command as one would type it, safe inside a block of code."""
    line = shlex.join(words)
    return "".join(c if c.isprintable() else "?" for c in line).replace("```", "'''")


def _more(names: Sequence[str], most: int) -> str:
    return f" and {len(names) - most:,} more" if len(names) > most else ""


def duration(seconds: float) -> str:
    """In minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _log(facts: CardFacts) -> str:
    """The files that say how training went: a head alone has no curves."""
    return "`log.jsonl`" if facts.unfreeze == "none" else "`log.jsonl` and `curves.png`"
