"""An output folder on an object store: written on this machine first, each finished file uploaded as a whole.

While a run lasts the store's folder is mirrored by a local one. Documents are fetched; of all other files only sizes
are known, so that `--resume` and the rule that vision replaces its own files alone hold as they do on a disk. What is
uploaded takes no room here any more: an empty file of the same size stands in its place.
"""

import os
import re
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from visioncli.earlier_results import END, LIST, PREDICTIONS
from visioncli.errors import OutputError
from visioncli.inputs.addresses import without_credentials
from visioncli.inputs.stores import in_words
from visioncli.results import Record
from visioncli.sinks.folder import PARTIAL
from visioncli.sinks.interface import RecordSink
from visioncli.sinks.journal import EARLIER, JOURNAL
from visioncli.sinks.stores import open_store

WHOLE = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "hf", "memory", "oss", "oci", "r2")
"""Schemes of stores in which an object appears when all of it is there; elsewhere files are renamed at the end."""
THREADS = 8
WAITING = 64
"""Files that may wait for being uploaded, before the run waits for them."""
CHECKPOINT_SECONDS = 60.0
"""So often the records so far are uploaded: a killed run goes on from there."""
PATIENCE = 20
"""So many times as long as that takes passes at least before the next time: records of long runs are large."""
CLOCKS = 60.0
"""Seconds by which the times of two uploads may mislead."""
_DOCUMENT = re.compile(r"predictions\.[^/]+|\.visionfiles")
_LEFTOVER = re.compile(rf"{re.escape(PARTIAL)}/(journal|earlier)\.[a-z]+\.jsonl")


@dataclass(slots=True)
class Trouble:
    """What could not be uploaded: names, and the first reason."""

    names: list[str]
    reason: str


class RemoteFolder:
    """The folder at `address`, mirrored in `local`.

    Raises UsageError and ModelUnavailable where no driver opens the address.
    """

    def __init__(self, address: str, local: Path) -> None:
        self._system, self._root = open_store(address)
        self._scheme = address.partition("://")[0].lower()
        self.shown = without_credentials(address).rstrip("/")
        self.local = local
        self._there: dict[str, int] = {}
        self._known: dict[str, tuple[int, int]] = {}
        self._failed: dict[str, str] = {}
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="upload")
        self._places = threading.BoundedSemaphore(WAITING)
        self._next = 0.0

    def fetch(self, contents: tuple[str, ...] = ()) -> None:
        """Mirrors what is there: documents as they are, and files whose names end in one of `contents`; of the others
        the sizes. Raises OutputError where the store does not answer."""
        try:
            self.local.mkdir(mode=0o700, parents=True)
            for name, size in self._listed():
                target = self.local / name
                target.parent.mkdir(parents=True, exist_ok=True)
                if _DOCUMENT.fullmatch(name) or _LEFTOVER.fullmatch(name) or name.endswith(contents or ("\0",)):
                    self._system.get_file(self._at(name), str(target))
                    if name.endswith(".jsonl"):
                        self._reworded(target, to_store=False)
                elif not name.startswith(f"{PARTIAL}/"):
                    _placeholder(target, size)
                self._there[name] = size
                self._remember(name)
            self._claim_unlisted()
        except Exception as problem:
            shutil.rmtree(self.local, ignore_errors=True)
            raise OutputError(f"Cannot read {self.shown}: {in_words(problem)}") from problem

    def _listed(self) -> Iterator[tuple[str, int]]:
        """Names below the folder, and their sizes."""
        self._system.invalidate_cache()
        prefix = self._root.rstrip("/") + "/"
        try:
            found = self._system.find(self._root, detail=True)
        except FileNotFoundError:
            return
        for path, facts in found.items():
            if str(path).startswith(prefix) and ".." not in str(path).split("/"):
                yield str(path)[len(prefix) :], int(facts.get("size") or 0)

    def _claim_unlisted(self) -> None:
        """What a killed run uploaded after it last uploaded the list of its files is vision's too."""
        if not any(_LEFTOVER.fullmatch(name) for name in self._there):
            return
        path = self.local / LIST
        listed = set(path.read_bytes().split(END)) if path.exists() else set()
        since = self._modified(LIST)
        names = [
            name
            for name in self._there
            if os.fsencode(name) not in listed and not name.startswith(f"{PARTIAL}/") and name != LIST
        ]
        if since is not None and names:
            new = [n for n in names if (at := self._modified(n)) is not None and at >= since - CLOCKS]
            with path.open("ab") as file:
                file.writelines(os.fsencode(name) + END for name in new)

    def _modified(self, name: str) -> float | None:
        with suppress(Exception):  # not every store knows
            at: datetime = self._system.modified(self._at(name))
            return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
        return None

    def begin(self, task: str) -> None:
        """Says in the store that a run is at work there, so that what it leaves when it is killed is known as its."""
        self._journal = self.local / PARTIAL / JOURNAL.format(task)
        self.checkpoint(task, now=True)

    def checkpoint(self, task: str, *, now: bool = False) -> None:
        """Uploads the records so far where the last time was long ago."""
        begun = time.monotonic()
        if not now and begun < self._next:
            return
        self._upload(LIST, self.local / LIST)
        for kind in (JOURNAL, EARLIER):
            name = f"{PARTIAL}/{kind.format(task)}"
            self._upload(name, self.local / name)
        ended = time.monotonic()
        self._next = ended + max(CHECKPOINT_SECONDS, PATIENCE * (ended - begun))

    def send(self, record: Record) -> None:
        """Uploads the files of a record while the run goes on; waits where too many are waiting already."""
        for path in record.files.values():
            for file in _files(Path(path)):
                if self._known.get(name := self._name(file)) == _stamp(file):
                    continue  # it was taken over from an earlier run
                self._places.acquire()
                self._pool.submit(self._send, name, file)

    def _send(self, name: str, file: Path) -> None:
        try:
            if self._upload(name, file):
                self._there[name] = file.stat().st_size
                _placeholder(file, self._there[name])
                self._remember(name)
        finally:
            self._places.release()

    def address_of(self, path: str) -> str:
        """What the store calls a file of the local folder; other paths as they are."""
        inside = path.startswith(f"{self.local}/")
        return f"{self.shown}/{path[len(str(self.local)) + 1 :]}" if inside else path

    def told(self, sentence: str) -> str:
        """A sentence with the store's names in place of local ones."""
        return sentence.replace(str(self.local), self.shown)

    def finish(self) -> Trouble | None:
        """Uploads the rest, records last, and removes the local folder; what could not be uploaded stays there."""
        self._pool.shutdown(wait=True)
        self._failed.clear()  # each is tried once more
        rest = sorted((self._name(f) for f in _files(self.local)), key=lambda n: (n == PREDICTIONS, n != LIST, n))
        for name in rest:
            file = self.local / name
            changed = not name.startswith(f"{PARTIAL}/") and self._known.get(name) != _stamp(file)
            if changed and self._upload(name, file):
                self._remember(name)
        if self._failed:
            self._drop_known()
            return Trouble(sorted(self._failed), next(iter(self._failed.values())))
        for name in self._there:
            gone = not (self.local / name).exists()
            if gone:
                with suppress(Exception):  # what is left over does no harm
                    self._system.rm_file(self._at(name))
        if not (self.local / PARTIAL).exists():
            self._forget_run()
        shutil.rmtree(self.local, ignore_errors=True)
        return None

    def abandon(self) -> bool:
        """Ends a run that went wrong; whether something is left in the local folder that the store does not have."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._drop_known()
        if any(self._name(file) != LIST for file in _files(self.local)):
            return True
        if not any(_LEFTOVER.fullmatch(name) for name in self._there):
            self._forget_run()
        shutil.rmtree(self.local, ignore_errors=True)
        return False

    def _drop_known(self) -> None:
        """Removes what the store has, so that only the rest lies in the local folder."""
        for name, stamp in self._known.items():
            if _stamp(self.local / name) == stamp:
                (self.local / name).unlink()

    def _forget_run(self) -> None:
        with suppress(Exception):
            for name, _ in list(self._listed()):
                if _LEFTOVER.fullmatch(name):
                    self._system.rm_file(self._at(name))

    def _upload(self, name: str, file: Path) -> bool:
        """Whether the whole file is in the store now."""
        source, copy = file, None
        try:
            if not file.exists():
                return False
            if name.endswith(".jsonl"):
                source = copy = file.with_name(f".vision-{secrets.token_hex(8)}")
                shutil.copyfile(file, copy)
                self._reworded(copy, to_store=True)
            target = self._at(name)
            if self._scheme in WHOLE:
                self._system.put_file(str(source), target)
            else:
                folder, _, last = target.rpartition("/")
                self._system.makedirs(folder, exist_ok=True)
                temporary = f"{folder}/.vision-{secrets.token_hex(8)}-{last[-32:]}"
                self._system.put_file(str(source), temporary)
                self._system.mv(temporary, target)
        except Exception as problem:  # noqa: BLE001 - each driver raises what it likes
            self._failed[name] = in_words(problem)
            return False
        finally:
            if copy is not None:
                copy.unlink(missing_ok=True)
        return True

    def _reworded(self, file: Path, *, to_store: bool) -> None:
        """Puts the store's names of files into records, or local ones."""
        words = [f'"{self.local}/'.encode(), f'"{self.shown}/'.encode("utf-8", "surrogateescape")]
        old, new = words if to_store else words[::-1]
        other = file.with_name(f".vision-{secrets.token_hex(8)}")
        with file.open("rb") as lines, other.open("wb") as out:
            out.writelines(line.replace(old, new) for line in lines)
        os.replace(other, file)

    def _at(self, name: str) -> str:
        return f"{self._root.rstrip('/')}/{name}"

    def _name(self, file: Path) -> str:
        return str(file)[len(str(self.local)) + 1 :]

    def _remember(self, name: str) -> None:
        with suppress(OSError):
            self._known[name] = _stamp(self.local / name)


class UploadSink(RecordSink):
    """Uploads the files of each record behind the sinks that need them here."""

    def __init__(self, remote: RemoteFolder, task: str) -> None:
        self._remote, self._task = remote, task
        remote.begin(task)

    def write(self, record: Record) -> None:
        self._remote.send(record)
        self._remote.checkpoint(self._task)

    def close(self) -> None:
        """`RemoteFolder.finish` uploads the rest when all documents have their names."""


class StoreNames(RecordSink):
    """What `sink` takes, with files called as they are in the store."""

    def __init__(self, sink: RecordSink, address_of: Callable[[str], str]) -> None:
        self._sink, self._address_of = sink, address_of

    def write(self, record: Record) -> None:
        files = {kind: self._address_of(path) for kind, path in record.files.items()}
        self._sink.write(replace(record, files=files))

    def close(self) -> None:
        self._sink.close()


def _files(path: Path) -> Iterator[Path]:
    """A file itself, or the files below a folder."""
    if not path.is_dir():
        yield path
        return
    for folder, _, names in os.walk(path):
        yield from (Path(folder) / name for name in names)


def _stamp(path: Path) -> tuple[int, int]:
    """What changes when a file is written again; -1, -1 where there is none."""
    try:
        facts: Any = path.stat()
    except OSError:
        return -1, -1
    return facts.st_mtime_ns, facts.st_size


def _placeholder(path: Path, size: int) -> None:
    """A file that has a size and takes no room."""
    with path.open("wb") as file:
        file.truncate(size)
