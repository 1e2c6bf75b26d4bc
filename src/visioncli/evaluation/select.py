"""Which pictures of a set count: its split, those that were not trained on, those whose class the networks know."""

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from visioncli.datasets.csv_boxes import DEFUSED
from visioncli.errors import UsageError
from visioncli.labelled.interface import TEST, TRAIN, VAL, Example, PictureSet, SetError

ALL = "all"
SPLITS = (VAL, TEST, TRAIN, ALL)
_WORDS = {TRAIN: "training", VAL: "validation", TEST: "test"}
_CHUNK = 1 << 20


def part(pictures: PictureSet, split: str | None) -> tuple[str, tuple[Example, ...]]:
    """The pictures of a split and which it is: `split`, or else the test part, else the validation part, else all.

    Raises UsageError for a split that is not there, and SetError where nothing is left.
    """
    count = Counter(example.split for example in pictures.examples)
    if not pictures.examples:
        raise SetError(f"{pictures.source}: there are no pictures in it.")
    if split is None:
        split = next((name for name in (TEST, VAL) if count[name]), ALL)
    if split == ALL:
        return ALL, pictures.examples
    if not count[split]:
        known = [name for name in (TRAIN, VAL, TEST) if count[name]]
        has = f"It has {', '.join(known)}" if known else "It has no splits"
        raise UsageError(f"{pictures.source} has no {_WORDS[split]} part. {has}; --split all takes all pictures.")
    return split, tuple(e for e in pictures.examples if e.split == split)


def sentence_of_part(pictures: PictureSet, split: str, examples: Sequence[Example]) -> str:
    """What was taken of a set, for people."""
    if split == ALL:
        return f"{pictures.source} ({pictures.format}): all {_counted(len(examples))}."
    word = _WORDS[split]
    return f"{pictures.source} ({pictures.format}): the {word} part, {len(examples)} of {_counted(len(pictures))}."


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


def content_hash(example: Example) -> str:
    """SHA-256 of what a picture is made of: the bytes of its file, or its pixels; empty where it cannot be read."""
    digest = hashlib.sha256()
    try:
        if example.content is not None:
            content = example.content()
            digest.update(content if isinstance(content, bytes) else np.ascontiguousarray(content))
        elif example.is_url:
            return ""
        else:
            with open(example.path, "rb") as file:
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
    except Exception:  # noqa: BLE001 - reading it for the network gives the record that says what is wrong
        return ""
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Leaks:
    """Places of pictures that were trained on, and of those that decided how; and what to say of them."""

    train: tuple[int, ...]
    val: tuple[int, ...]
    warnings: tuple[str, ...]


def leaks(examples: Sequence[Example], runs: Iterable[Trained], *, allow: bool) -> Leaks:
    """Which of the pictures the RUNs were trained on, by content."""
    known = list(runs)
    if not any(run.train or run.val for run in known):
        return Leaks((), (), ())
    hashes = [content_hash(example) for example in examples]
    total = len(examples)
    warnings, train, val = [], set[int](), set[int]()
    for run in known:
        seen = [i for i, sha in enumerate(hashes) if sha in run.train]
        chosen = [i for i, sha in enumerate(hashes) if sha in run.val]
        train.update(seen)
        val.update(chosen)
        if seen:
            what = "numbers flatter" if allow else "they are left out; --allow-leaks counts them too"
            warnings.append(f"{run.run} was trained on {len(seen):,} of these {_counted(total)}: {what}.")
        if chosen:
            warnings.append(
                f"{run.run} was chosen by {len(chosen):,} of these {_counted(total)} (its validation part): "
                "numbers flatter a little."
            )
    return Leaks(tuple(sorted(train)), tuple(sorted(val)), tuple(warnings))
