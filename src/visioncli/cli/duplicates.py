"""A run of `vision dedupe`: pictures -> groups -> records, and what is then done with the files."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from visioncli.alike import moving
from visioncli.alike.groups import Group, groups
from visioncli.alike.pairs import Likeness
from visioncli.alike.sight import Look as LookTask
from visioncli.alike.sight import Sight
from visioncli.cli.interrupts import program as interrupts
from visioncli.cli.options import FrameOptions
from visioncli.cli.request import Request
from visioncli.cli.session import load_task
from visioncli.cli.terminal import Console, TableSink
from visioncli.cli.together import Together
from visioncli.errors import OutputError, UsageError
from visioncli.inputs.sources import fixed_part
from visioncli.predictions import Duplicate
from visioncli.results import Record
from visioncli.runner import Outcome
from visioncli.sinks.formats import SinkOptions
from visioncli.sinks.interface import RecordSink
from visioncli.sinks.lines import StdoutDuplicates, StdoutPaths
from visioncli.status import Status
from visioncli.tasks.embed.task import Embed

if TYPE_CHECKING:
    from visioncli.sinks.sheets import Shown

KEPT = "kept"
MOST_NAMED = 10


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for: near duplicates by a network too, `mirrored` ones, and `how` they go into the folder
    `to`."""

    near: bool
    mirrored: bool
    how: moving.How
    to: Path | None


def find(frame: FrameOptions, wish: Wish, console: Console) -> Status:
    """Finds the duplicates among the inputs, writes about them, and moves or links them where that is wished."""
    request = Request.of("dedupe", frame, {}, None, SinkOptions())
    embed: Embed | None = None
    if wish.near:
        reading = {"exact_decode": frame.exact_decode, "allow_truncated": frame.allow_truncated}
        task = load_task("embed", frame, {"cache": True, **reading}, console)
        assert isinstance(task, Embed)
        embed = task
    found = _Found(mirrored=wish.mirrored)

    def printed(sink: RecordSink) -> RecordSink:
        if isinstance(sink, TableSink):
            return _OnlyDuplicates(sink)
        if isinstance(sink, StdoutPaths):
            return StdoutDuplicates(b"\0" if frame.null else b"\n")
        return sink

    together = Together(
        request, LookTask(embed), lambda look: found.answers(look(request.items())), found.shown, printed
    )
    status, whole = together.run(console)
    if found.outcomes:
        console.note(found.in_words())
    if wish.to is None or not found.groups or not whole:
        return status
    carried_out = _carry_out(wish.how, found.wishes(wish.how), wish.to, console)
    return status or carried_out


class _Found:
    """What was found, for records, contact sheets and steps."""

    def __init__(self, *, mirrored: bool) -> None:
        self._mirrored = mirrored
        self.outcomes: list[Outcome] = []
        self.groups: list[Group] = []
        self._sights: list[Sight] = []
        self._outcome_of: list[Outcome] = []

    def answers(self, outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
        """An outcome for each input, with the group that it belongs to."""
        first: dict[str, str] = {}
        places: dict[int, int] = {}
        again: dict[int, str] = {}
        for n, outcome in enumerate(outcomes):
            self.outcomes.append(replace(outcome, picture=None, arrays={}))
            if not outcome.record.ok:
                continue
            real = os.path.realpath(outcome.item.path)
            if real in first:
                again[n] = first[real]  # one file under two names, or named twice, is no duplicate of itself
                continue
            first[real] = outcome.record.input
            places[n] = len(self._sights)
            self._sights.append(_sight(outcome))
            self._outcome_of.append(self.outcomes[-1])
        self.groups = groups(self._sights, mirrored=self._mirrored)
        told: dict[int, Duplicate] = {}
        for number, group in enumerate(self.groups, start=1):
            kept = Likeness(KEPT, 1.0)
            for place, likeness in {group.kept: kept, **group.others}.items():
                of, size = self._name(group.kept), self._sights[place].bytes
                told[place] = Duplicate(number, of, likeness.kind, min(likeness.score, 1.0), group.why, size)
        for n, outcome in enumerate(self.outcomes):
            if not outcome.record.ok:
                yield outcome
                continue
            extra = {"same_file": again[n]} if n in again else {}
            about = told.get(places.get(n, -1))
            predictions = () if about is None else (about,)
            yield replace(outcome, record=replace(outcome.record, predictions=predictions, extra=extra, key=None))

    def _name(self, place: int) -> str:
        return self._outcome_of[place].record.input

    def shown(self, outcome: Outcome) -> "list[Shown]":
        """The group of a picture that is kept."""
        for about in outcome.record.predictions or ():
            if about.kind == KEPT:
                group = self.groups[about.group - 1]
                others = [(self._sights[p].path, _about(like, self._sights[p])) for p, like in group.others.items()]
                return [(self._sights[group.kept].path, f"kept: {group.why.partition(':')[0]}"), *others]
        return []

    def wishes(self, how: moving.How) -> Iterator[moving.Wish]:
        """What is to go where: duplicates as they lie in their tree, or links to all of each group side by side."""
        for number, group in enumerate(self.groups, start=1):
            members = [group.kept, *group.others] if how == "link" else [*group.others]
            for place in members:
                sight = self._sights[place]
                name = self._outcome_of[place].item.relative
                if how == "link":
                    kept = "kept-" if place == group.kept else ""
                    name = f"{number:05d}/{kept}{os.path.basename(name)}"
                kept_path = "" if how == "link" else self._sights[group.kept].path
                yield moving.Wish(sight.path, name, sight.content, sight.bytes, sight.changed, kept_path)

    def in_words(self) -> str:
        """How many there are, and how much room they take."""
        count = sum(len(group.others) for group in self.groups)
        if not count:
            return "No duplicates were found."
        room = sum(self._sights[place].bytes for group in self.groups for place in group.others)
        kinds: dict[str, int] = {}
        for group in self.groups:
            for likeness in group.others.values():
                kinds[likeness.kind] = kinds.get(likeness.kind, 0) + 1
        listed = ", ".join(f"{number:,} {kind}" for kind, number in kinds.items())
        what = "1 duplicate" if count == 1 else f"{count:,} duplicates"
        in_groups = "1 group" if len(self.groups) == 1 else f"{len(self.groups):,} groups"
        return f"{what} in {in_groups} ({listed}), {room / 2**20:,.1f} MiB."


def _sight(outcome: Outcome) -> Sight:
    record, facts = outcome.record, outcome.record.extra
    return Sight(
        outcome.item.path,
        facts["content"],
        facts["bytes"],
        facts["changed"],
        record.width or 0,
        record.height or 0,
        outcome.arrays["thumbnail"],
        outcome.arrays["features"],
    )


def _about(likeness: Likeness, sight: Sight) -> str:
    return f"{likeness.kind}, {sight.width} x {sight.height}"


class _OnlyDuplicates(RecordSink):
    """A table of thousands of pictures that are there once would hide the others."""

    def __init__(self, sink: RecordSink) -> None:
        self._sink = sink

    def write(self, record: Record) -> None:
        if record.error or record.predictions:
            self._sink.write(record)

    def close(self) -> None:
        self._sink.close()


def check_apart(folder: Path, inputs: list[str]) -> None:
    """Raises UsageError where the folder lies in an input: the next run would take what is in it for pictures."""
    there = os.path.realpath(folder)
    for text in inputs:
        given = text if os.path.lexists(text) else fixed_part(text)
        if os.path.isdir(given) and (there + os.sep).startswith(os.path.realpath(given).rstrip(os.sep) + os.sep):
            raise UsageError(
                f"{folder} lies in the input {text}, so the next run would find the duplicates again. Name a folder "
                "beside it."
            )


def _carry_out(how: moving.How, wishes: Iterator[moving.Wish], folder: Path, console: Console) -> Status:
    try:
        with interrupts.armed():
            done = moving.carry_out(how, wishes, folder)
    except KeyboardInterrupt:
        console.note(
            f"interrupted. What was done is in the newest journal in {folder}: vision dedupe --undo takes it back."
        )
        raise
    except OutputError as problem:
        raise OutputError(
            f"{problem} What was done until then is in the journal in {folder}; vision dedupe --undo takes it back."
        ) from problem
    _say_refused(done, console)
    words = "moved to" if how == "move" else "linked in"
    console.note(f"{_pictures(done.count)} {words} {folder}. To take it back: vision dedupe --undo {done.journal}")
    return Status.SOME_FAILED if done.refused else Status.OK


def take_back(journal: Path, console: Console) -> Status:
    """Undoes what a journal holds. Raises UsageError and OutputError."""
    interrupts.begin()
    try:
        with interrupts.armed():
            done = moving.undo(journal)
    except KeyboardInterrupt:
        console.note("interrupted. Do it again to go on.")
        raise
    _say_refused(done, console)
    left = f" The others are still in {journal}." if done.refused else ""
    console.note(f"{_pictures(done.count)} as before.{left}")
    return Status.SOME_FAILED if done.refused else Status.OK


def _say_refused(done: moving.Done, console: Console) -> None:
    for path, reason in done.refused[:MOST_NAMED]:
        console.failure(path, reason)
    if len(done.refused) > MOST_NAMED:
        console.warning(f"{len(done.refused) - MOST_NAMED:,} more pictures stay where they are.")


def _pictures(count: int) -> str:
    return "1 picture" if count == 1 else f"{count:,} pictures"
