"""Which pictures of a set count: its split, those that were not trained on, those whose class the networks know."""

import csv
import json
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from visioncli.datasets.csv_boxes import DEFUSED
from visioncli.errors import UsageError
from visioncli.labelled import content
from visioncli.labelled.interface import TEST, TRAIN, VAL, Example, PictureSet, SetError

ALL = "all"
SPLITS = (VAL, TEST, TRAIN, ALL)
_WORDS = {TRAIN: "training", VAL: "validation", TEST: "test"}


@dataclass(frozen=True, slots=True)
class Selection:
    """The pictures that count, in the order of the set, and what became of the others.

    `split` is TRAIN, VAL, TEST or ALL. `notes` and `warnings` are sentences for people.
    """

    split: str
    examples: tuple[Example, ...]
    trained_on: int = 0
    unknown_class: int = 0
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def part(pictures: PictureSet, split: str | None) -> Selection:
    """The pictures of a split: `split`, or else the test part, else the validation part, else all.

    Raises UsageError for a split that is not there, and SetError where there is no picture.
    """
    count = Counter(example.split for example in pictures.examples)
    if not pictures.examples:
        raise SetError(f"{pictures.source}: there are no pictures in it.")
    if split is None:
        split = next((name for name in (TEST, VAL) if count[name]), ALL)
    if split == ALL:
        note = f"{pictures.source} ({pictures.format}): all {_counted(len(pictures))}."
        return Selection(ALL, pictures.examples, notes=(note,))
    if not count[split]:
        known = [name for name in (TRAIN, VAL, TEST) if count[name]]
        has = f"It has {', '.join(known)}" if known else "It has no splits"
        raise UsageError(f"{pictures.source} has no {_WORDS[split]} part. {has}; --split all takes all pictures.")
    examples = tuple(e for e in pictures.examples if e.split == split)
    whole = f"{len(examples):,} of {_counted(len(pictures))}"
    note = f"{pictures.source} ({pictures.format}): the {_WORDS[split]} part, {whole}."
    return Selection(split, examples, notes=(note,))


def without(chosen: Selection, places: Collection[int]) -> tuple[Example, ...]:
    """The pictures but for those at these places."""
    gone = set(places)
    return tuple(e for i, e in enumerate(chosen.examples) if i not in gone)


def of_known_classes(chosen: Selection, pictures: PictureSet, unknown: Collection[int]) -> Selection:
    """The selection without the pictures of classes that a network does not have; `unknown` are their places.

    Of pictures that may have several classes, only those with no other are left out. Raises UsageError where nothing
    is left.
    """
    if not unknown:
        return chosen
    gone = [i for i, e in enumerate(chosen.examples) if e.labels and all(k in unknown for k in e.labels)]
    rest = without(chosen, gone)
    if not rest:
        raise UsageError(f"{pictures.source} has no picture of a class that the networks know.")
    names = ", ".join(pictures.classes[k] for k in sorted(unknown)[:5]) + (", …" if len(unknown) > 5 else "")
    word = "class" if len(unknown) == 1 else "classes"
    note = f"Left out {_counted(len(gone))} of {len(unknown)} {word} that a network does not know: {names}."
    return replace(chosen, examples=rest, unknown_class=len(gone), notes=(*chosen.notes, note))


def _counted(count: int) -> str:
    return f"{count:,} picture" if count == 1 else f"{count:,} pictures"


@dataclass(frozen=True, slots=True)
class Trained:
    """What a RUN was trained on: the SHA-256 of the contents of its pictures, by what they served for."""

    run: str
    train: frozenset[str]
    val: frozenset[str]


def trained_on(run: Path) -> Trained | None:
    """What the RUN folder says of its pictures in `split.csv` or `files.jsonl`; None where it has neither."""
    split_of: dict[str, str] = {}
    try:
        if (run / "split.csv").is_file():
            with (run / "split.csv").open(encoding="utf-8", errors="surrogateescape", newline="") as table:
                for row in csv.DictReader(table):
                    split_of[DEFUSED.sub("", row["sha256"])] = DEFUSED.sub("", row["split"])
        elif (run / "files.jsonl").is_file():
            with (run / "files.jsonl").open(encoding="utf-8", errors="surrogateescape") as lines:
                for line in lines:
                    body = json.loads(line)
                    if body.get("sha256"):
                        split_of[str(body["sha256"])] = str(body["split"])
        else:
            return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, csv.Error) as problem:
        raise UsageError(
            f"{run}: what it was trained on cannot be read ({problem}). --allow-leaks does without."
        ) from None
    split_of.pop("", None)
    return Trained(
        str(run),
        frozenset(sha for sha, split in split_of.items() if split == TRAIN),
        frozenset(sha for sha, split in split_of.items() if split == VAL),
    )


def unseen(chosen: Selection, runs: Iterable[Trained], *, allow_leaks: bool) -> Selection:
    """The selection without the pictures that a RUN was trained on, by content; with them where leaks are allowed.

    Warns of both, and of pictures by which a RUN was chosen. Raises UsageError where nothing is left.
    """
    known = [run for run in runs if run.train or run.val]
    if not known:
        return chosen
    hashes = [content.known_sha256(example) for example in chosen.examples]
    total = _counted(len(hashes))
    warnings, gone = [], set[int]()
    for run in known:
        seen = [i for i, sha in enumerate(hashes) if sha in run.train]
        val = sum(sha in run.val for sha in hashes)
        gone.update(seen)
        if seen:
            what = "numbers flatter" if allow_leaks else "they are left out (--allow-leaks counts them)"
            warnings.append(f"{run.run} was trained on {len(seen):,} of these {total}: {what}.")
        if val:
            warnings.append(
                f"{run.run} was chosen by {val:,} of these {total}, its validation part: numbers flatter a little."
            )
    if allow_leaks:
        return replace(chosen, warnings=(*chosen.warnings, *warnings))
    if len(gone) == len(hashes):
        raise UsageError(
            f"The networks were trained on all of these {total}, so that nothing honest can be measured on them. "
            "Give other pictures, another --split, or --allow-leaks."
        )
    return replace(
        chosen, examples=without(chosen, gone), trained_on=len(gone), warnings=(*chosen.warnings, *warnings)
    )
