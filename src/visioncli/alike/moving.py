"""Moves or links duplicates, and undoes it: every step is in a journal, on the disk, before it is taken.

Nothing is ever replaced and nothing is lost: a file gets its new name before it loses the old one, and what is copied
to another disk is compared before the original goes. A program that is killed leaves at most one file with both names
and a journal that knows it.
"""

import errno
import hashlib
import itertools
import json
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Literal

from visioncli.errors import UsageError
from visioncli.files import explain, shortened

JOURNAL = "vision-dedupe.jsonl"
_MARK = "vision-dedupe/1"
_UNDOING = ".vision-undo"
_NO_HARD_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EXDEV, errno.EMLINK, errno.ENOSYS, errno.EACCES}

How = Literal["move", "link"]


@dataclass(frozen=True, slots=True)
class Step:
    """A file that goes from one absolute path to another, or a link to it that appears there.

    `sha256`, `bytes` and `changed` (ns) say what the file was when it was looked at; `partial` is what a copy to
    another disk is called until it is whole.
    """

    do: How
    source: str
    target: str
    sha256: str
    bytes: int
    changed: int
    partial: str = ""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be done with one picture: its path, its name below the folder, and what it was."""

    path: str
    name: str
    sha256: str
    bytes: int
    changed: int
    kept: str = ""
    """The picture that makes this one a duplicate; "" where it need not be there."""


@dataclass(frozen=True, slots=True)
class Done:
    """What became of wishes, or of steps that were undone: how many, and sentences about the others, by path."""

    count: int
    refused: list[tuple[str, str]]
    journal: Path


def carry_out(how: How, wishes: Iterable[Wish], folder: Path) -> Done:
    """Moves the pictures into `folder`, or links to them there.

    Raises OutputError where the journal or the folder cannot be written, or the disk is full: what was done until
    then is in the journal.
    """
    folder = Path(os.path.abspath(folder))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        opened, path = _new_journal(folder)
    except OSError as problem:
        raise explain(problem, folder) from problem
    refused: list[tuple[str, str]] = []
    count = 0
    with opened as journal:
        _write(journal, {"journal": _MARK, "folder": str(folder)}, path)
        for wish in wishes:
            if reason := _changed(wish, how):
                refused.append((wish.path, reason))
                continue
            step = _planned(how, wish, folder)
            _write(journal, asdict(step), path)
            try:
                _take(step)
            except OSError as problem:
                if problem.errno in (errno.ENOSPC, errno.EDQUOT):
                    raise explain(problem, Path(step.target)) from problem
                refused.append((wish.path, f"It stays where it is: {problem.strerror or problem}."))
            else:
                count += 1
    return Done(count, refused, path)


def _new_journal(folder: Path) -> tuple[IO[bytes], Path]:
    """One for each run: that of an earlier one still undoes it."""
    stem, _, ending = JOURNAL.partition(".")
    for n in itertools.count(1):
        path = folder / (JOURNAL if n == 1 else f"{stem}-{n}.{ending}")
        with suppress(FileExistsError):
            return path.open("xb"), path
    raise AssertionError


def _write(journal: IO[bytes], body: dict[str, object], path: Path) -> None:
    """A line that is on the disk when this returns. Raises OutputError."""
    try:
        # Names that are no UTF-8 come back as they were, by way of their escapes.
        journal.write(json.dumps(body).encode("ascii") + b"\n")
        journal.flush()
        os.fsync(journal.fileno())
    except OSError as problem:
        raise explain(problem, path) from problem


def _changed(wish: Wish, how: How) -> str | None:
    """Why the picture is left alone, in a sentence; None where it is still what was looked at."""
    try:
        facts = os.lstat(wish.path)
        if os.path.islink(wish.path):
            return None if how == "link" else "It is a link, and stays where it is: elsewhere it might lead nowhere."
        if (facts.st_size, facts.st_mtime_ns) != (wish.bytes, wish.changed):
            return "It has changed since it was looked at, and stays where it is. Run vision dedupe again."
    except OSError as problem:
        return f"It is no longer there: {problem.strerror or problem}."
    if wish.kept and not os.path.isfile(wish.kept):
        return f"It stays where it is, for {wish.kept}, which was to be kept, is gone. Run vision dedupe again."
    return None


def _planned(how: How, wish: Wish, folder: Path) -> Step:
    """The step to a name in the folder that nothing has yet."""
    target = folder / shortened(wish.name)
    for n in itertools.count(2):
        if not os.path.lexists(target):
            break
        plain = Path(shortened(wish.name))
        target = folder / plain.with_name(f"{plain.stem}~{n}{plain.suffix}")
    partial = target.with_name(f".vision-{secrets.token_hex(8)}{target.suffix}")
    source = os.path.abspath(wish.path)
    return Step(
        how, source, str(target), wish.sha256, wish.bytes, wish.changed, str(partial) if how == "move" else ""
    )


def _take(step: Step) -> None:
    """Raises OSError: the file then has its old name, and maybe the new one too, of which `_undo` frees it."""
    Path(step.target).parent.mkdir(parents=True, exist_ok=True)
    if step.do == "link":
        os.symlink(step.source, step.target)
    else:
        _rename(step.source, step.target, step.partial, step.sha256)


def _rename(source: str, target: str, partial: str, sha256: str) -> None:
    """Gives the file another name, on whatever disk, where nothing stands. Raises OSError."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as problem:
        if problem.errno not in _NO_HARD_LINKS:
            raise
        _copy(source, target, partial, sha256)
    _flush_folder(target)
    try:
        os.unlink(source)
    except OSError:
        os.unlink(target)  # a file whose old name cannot go keeps that one alone
        raise


def _copy(source: str, target: str, partial: str, sha256: str) -> None:
    try:
        shutil.copy2(source, partial, follow_symlinks=False)
        with open(partial, "rb") as file:
            os.fsync(file.fileno())
            if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                raise OSError(errno.EIO, "the copy is not what was to be moved")
        try:
            os.link(partial, target)
        except OSError as problem:
            if problem.errno not in _NO_HARD_LINKS:
                raise
            # A disk without hard links: the name is taken first, so that nothing of others is replaced.
            os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            os.replace(partial, target)
    finally:
        with suppress(OSError):
            os.unlink(partial)


def _flush_folder(path: str) -> None:
    """Sees to it that a new name outlives a power cut, before the old one goes."""
    with suppress(OSError):  # some systems cannot open folders
        folder = os.open(os.path.dirname(path), os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def undo(path: Path) -> Done:
    """Takes back all steps of a journal, the last one first. When nothing is left of them, so is the journal.

    May be killed and done again. Raises UsageError for what is no such journal, OutputError where a disk is full.
    """
    steps, folder = _read(path)
    refused: list[tuple[str, str]] = []
    count = 0
    for step in reversed(steps):
        try:
            if reason := _take_back(step):
                refused.append((step.target, reason))
            else:
                count += 1
        except OSError as problem:
            if problem.errno in (errno.ENOSPC, errno.EDQUOT):
                raise explain(problem, Path(step.source)) from problem
            refused.append((step.target, f"It stays where it is: {problem.strerror or problem}."))
    if not refused:
        with suppress(OSError):
            path.unlink()
        for parent in _folders(steps, folder):
            with suppress(OSError):
                os.rmdir(parent)  # only those that are empty
    return Done(count, refused, path)


def _take_back(step: Step) -> str | None:
    """Undoes one step. Returns a sentence where it must not be; None where it is undone, or never was done."""
    if step.partial:
        for unfinished in (step.partial, step.source + _UNDOING):
            with suppress(FileNotFoundError):
                os.unlink(unfinished)
    here, there = os.path.lexists(step.source), os.path.lexists(step.target)
    if step.do == "link":
        if there and not (os.path.islink(step.target) and os.readlink(step.target) == step.source):
            return "It is no longer the link that was made, and stays."
        if there:
            os.unlink(step.target)
        return None
    if not there:
        return None if here else f"It is gone, and so is {step.source}."
    if not here and _sha256(step.target) != step.sha256:
        return f"It has changed since it was moved, and stays. It came from {step.source}."
    if not here:
        Path(step.source).parent.mkdir(parents=True, exist_ok=True)
        _rename(step.target, step.source, step.source + _UNDOING, step.sha256)
        return None
    if os.path.samefile(step.source, step.target) or _sha256(step.source) == _sha256(step.target) == step.sha256:
        os.unlink(step.target)  # a step that was cut short: the file has both names
        return None
    # An empty file stands for a name that was taken before its copy came, on a disk without hard links.
    if not os.path.getsize(step.target) and step.bytes and _sha256(step.source) == step.sha256:
        os.unlink(step.target)
        return None
    return f"It stays, for something else stands at {step.source} now."


def _sha256(path: str) -> str:
    if os.path.islink(path):
        return ""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(path: Path) -> tuple[list[Step], Path]:
    """The steps of a journal; a line that a kill cut off was not followed by its step."""
    try:
        lines = path.read_bytes().split(b"\n")
        head = json.loads(lines[0])
        if not isinstance(head, dict) or head.get("journal") != _MARK:
            raise ValueError
        steps = [Step(**json.loads(line)) for line in lines[1:-1]]
        folder = Path(head["folder"])
    except OSError as problem:
        raise UsageError(f"The journal {path} cannot be read: {problem.strerror or problem}.") from problem
    except (ValueError, TypeError, KeyError):
        raise UsageError(
            f"{path} is no journal of vision dedupe. Give the file that --move or --link named."
        ) from None
    if not all(os.path.isabs(p) for step in steps for p in (step.source, step.target)):
        raise UsageError(f"{path} is no journal of vision dedupe: it names relative paths.")
    return steps, folder


def _folders(steps: Iterable[Step], folder: Path) -> Iterator[Path]:
    """The folders that the steps may have made, the deepest first, `folder` last."""
    found: set[Path] = {folder}
    for step in steps:
        for parent in Path(step.target).parents:
            if folder not in parent.parents:
                break
            found.add(parent)
    return iter(sorted(found, key=lambda p: len(p.parts), reverse=True))
