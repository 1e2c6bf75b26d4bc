"""The output folder: who may write to it, what each input's files are called, and what may be replaced in it."""

import fcntl
import functools
import itertools
import os
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import IO

from visioncli.earlier_results import EVERYTHING, PREDICTIONS, holds_records
from visioncli.errors import InputError, OutputError, UsageError
from visioncli.files import explain, irregular, refuse_irregular, shortened
from visioncli.inputs.addresses import is_url
from visioncli.inputs.sources import Item
from visioncli.sinks.own_files import OwnFiles

PREVIOUS = "predictions.previous.jsonl"
RECORDS = (PREDICTIONS, PREVIOUS)
PARTIAL = ".vision-partial"
LOCK = "lock"
LEFTOVER = re.compile(r"(journal|earlier)\.[a-z]+\.jsonl")
ATTEMPTS = 100
"""So often a run may find that another one has just taken the lock away, before it gives up."""


class OutputFolder:
    """A folder that one run at a time writes to, and in which it replaces only what vision wrote.

    Unfinished files live in its hidden subfolder `.vision-partial`, on the same file system, so that each file
    appears by a rename, and what a killed run leaves behind is cleared by the next one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.partial = path / PARTIAL
        self._claims: dict[str, str] = {}
        self._stems: dict[str, str] = {}
        self._taken_stems: set[str] = set()
        self._apart: set[tuple[str, str]] = set()
        self._sound_folders: set[str] = {""}
        self._inputs: set[str] = set()
        self._written: set[str] = set()
        self._results: set[str] = set()
        self._picture = threading.local()
        self._real_folder = functools.lru_cache(maxsize=1024)(os.path.realpath)
        try:
            self._lock = self._take_lock()
            try:
                self._clear()
                self._root = os.path.realpath(path)
                self._own = OwnFiles(path)
                if not self._own.exists and any(holds_records(str(path / name)) for name in RECORDS):
                    self._own.add(EVERYTHING)
            except BaseException:
                self._lock.close()
                raise
        except OSError as problem:
            raise explain(problem, path) from problem

    def _take_lock(self) -> IO[bytes]:
        # The partial folder's own lock file: it goes when the folder goes, so nothing visible remains.
        path = self.partial / LOCK
        for _ in range(ATTEMPTS):
            self.path.mkdir(parents=True, exist_ok=True)
            try:
                with suppress(FileExistsError):
                    self.partial.mkdir()
                if irregular(self.partial) not in ("a folder", None):
                    refuse_irregular(self.partial)
                refuse_irregular(path)
                # Emptying a file is not needed, so one that is planted here stays as it is.
                flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
                lock = os.fdopen(os.open(path, flags, 0o666), "rb+", buffering=0)
            except FileNotFoundError:  # the run before has just removed the folder
                continue
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.close()
                break
            except OSError:
                pass  # Some network file systems have no locks; results are still written whole.
            if _is_open_at(lock, path):
                return lock
            lock.close()  # The run before has removed it since: whoever comes next would lock another file.
        raise OutputError(
            f"Another run is writing to {self.path}. Wait until it ends, or choose another folder with -o."
        )

    def _clear(self) -> None:
        """Removes unfinished files of a killed run; its journal of finished records stays."""
        for entry in self.partial.iterdir():
            if entry.name.startswith(".vision-"):
                entry.unlink(missing_ok=True)

    def claim(self, item: Item) -> str:
        """The input's name below this folder, `/` between folders, shared with no other input of the run.

        Where two inputs would collide, the second goes into a folder named after where it came from. What is too long
        for the disk, with the endings of results, is shortened.
        """
        root = item.root or "input"
        for n in range(1, 1_000_000):
            prefix = "" if n == 1 else f"{root}/" if n == 2 else f"{root}-{n - 1}/"
            name = shortened(prefix + item.relative)
            if name.partition("/")[0].casefold() == PARTIAL:  # which goes when the run ends
                continue
            # Some file systems do not tell upper from lower case: neither do claims.
            holder = self._claims.setdefault(name.casefold(), item.path)
            if holder == item.path:
                self._claim_stem(name)
                return name
        raise UsageError(f"Too many inputs are called {item.relative}.")

    def reserve(self, name: str, path: str) -> None:
        """Gives `name` to the input `path`, as an earlier run did."""
        self._claims.setdefault(name.casefold(), path)
        self._claim_stem(name)

    def _claim_stem(self, name: str) -> None:
        if name in self._stems:
            return
        bare = name.removesuffix(PurePosixPath(name).suffix)
        more = (f"{name}-{n}" for n in itertools.count(2))
        for stem in itertools.chain((bare, name), more):
            if stem.casefold() not in self._taken_stems:
                break
        self._taken_stems.add(stem.casefold())
        self._stems[name] = stem

    def stem(self, name: str) -> str:
        """A claimed name without its extension, or with it where another input has the same stem."""
        return self._stems[name]

    def file(self, name: str) -> Path:
        """Where a file called `name` belongs, which may now be written.

        Raises OutputError where that would replace an input of this run or something that vision did not write, or
        where a link leads out of this folder.
        """
        target = self.check(name)
        self.note(name)
        return target

    def check(self, name: str) -> Path:
        """As `file`, for one that appears later: `note` it then."""
        target = self.path / name
        self._check_folders(name.rpartition("/")[0])
        key = name.casefold()
        self._written.add(key)  # before the inputs are looked at: `protect` does the reverse
        if key in self._inputs:
            self._written.discard(key)
            raise OutputError(f"Cannot write {target}: it is an input of this run. Choose another folder with -o.")
        try:
            there = target.lstat()
        except OSError:
            if (new := getattr(self._picture, "new", None)) is not None:
                new.append(target)
            return target
        refuse_irregular(target)
        # A file without content is what a power cut may leave of one of ours.
        if there.st_size and name not in self._own and not (name in RECORDS and holds_records(str(target))):
            raise OutputError(
                f"Cannot write {target}: a file stands there that vision did not write. "
                "Move it away, or choose another folder with -o."
            )
        return target

    def note(self, name: str) -> None:
        """Puts a file that is about to appear on the list of those that vision wrote. Raises OutputError."""
        self._own.add(name)

    def owns(self, name: str) -> bool:
        """Whether a file of vision's stands there that is no input of this run."""
        target = self.path / name
        if irregular(target) or not target.exists() or name.casefold() in self._inputs:
            return False
        return name in self._own or (name in RECORDS and holds_records(str(target)))

    def move(self, old: str, new: str) -> None:
        """Renames a file of vision's in this folder, in place of another one of its. Raises OutputError."""
        target = self.check(new)
        self.note(new)
        try:
            os.replace(self.path / old, target)
        except OSError as problem:
            raise explain(problem, target) from problem

    def remove(self, name: str) -> None:
        """Removes a file where vision wrote it. Raises OutputError."""
        if self.owns(name):
            try:
                os.unlink(self.path / name)
            except OSError as problem:
                raise explain(problem, self.path / name) from problem

    def has_written(self, folder: str) -> bool:
        """Whether files that vision wrote lie in `folder` or below it."""
        return any((self.path / name).exists() for name in self._own.below(folder))

    def remove_unwritten(self, folder: str) -> int:
        """Removes the files of earlier runs in `folder` and below that this run did not write; returns how many."""
        gone = []
        for name in self._own.below(folder):
            parent = name.rpartition("/")[0]
            if name.casefold() not in self._written and self._is_real(parent) and self.owns(name):
                self.remove(name)
                gone.append(name)
                with suppress(OSError):
                    os.removedirs((self.path / name).parent)  # those that are empty now
        if gone:
            self._own.remove(gone)
        return len(gone)

    def remove_own(self, folder: str, like: re.Pattern[str]) -> None:
        """Removes the files that vision wrote directly into `folder` and whose names match. Raises OutputError."""
        self._check_folders(folder)
        try:
            with os.scandir(self.path / folder) as entries:
                names = [e.name for e in entries if like.fullmatch(e.name) and e.is_file(follow_symlinks=False)]
        except OSError:
            return
        for name in (f"{folder}/{n}" for n in names):
            if name in self._own and name.casefold() not in self._inputs:
                with suppress(OSError):
                    os.unlink(self.path / name)
        with suppress(OSError):
            os.rmdir(self.path / folder)

    @contextmanager
    def undone_on_error(self) -> Iterator[None]:
        """Removes the files that this thread has written for the first time in the block, where it raises."""
        self._picture.new = []
        try:
            yield
        except BaseException:
            for path in self._picture.new:
                with suppress(OSError):
                    path.unlink()
                if path.parent != self.path:
                    with suppress(OSError):
                        path.parent.rmdir()  # only where nothing else is in it
            raise
        finally:
            del self._picture.new

    def _check_folders(self, folder: str) -> None:
        """Raises OutputError where a link within this folder would lead the results elsewhere."""
        if folder in self._sound_folders:
            return
        self._check_folders(folder.rpartition("/")[0])
        path = self.path / folder
        if irregular(path) == "a link":
            raise OutputError(
                f"Cannot write into {path}: it is a link, and results stay in the output folder. "
                "Remove it, or choose another folder with -o."
            )
        self._sound_folders.add(folder)

    def _is_real(self, folder: str) -> bool:
        """Whether no link leads to the folder."""
        try:
            self._check_folders(folder)
        except OutputError:
            return False
        return True

    @property
    def has_own(self) -> bool:
        """Whether there may be something in this folder that vision would replace."""
        return len(self._own) > 0

    def protect(self, path: str) -> None:
        """Sees to it that no result of this run replaces the input `path`."""
        if is_url(path) or "\0" in path:
            return
        folder, _, name = path.rpartition("/")
        real = os.path.join(self._real_folder(folder or ("/" if path.startswith("/") else ".")), name)
        if os.path.islink(real):
            real = os.path.realpath(real)
        if not real.startswith(os.path.join(self._root, "")):
            return
        below = real[len(os.path.join(self._root, "")) :].casefold()
        self._inputs.add(below)
        if below in self._written:
            self._results.add(path)

    def protected(self, items: Iterable[Item]) -> Iterator[Item]:
        """The same items, each protected as it comes by."""
        for item in items:
            if item.file is not None:
                self.protect(item.file)
            yield item

    def check_apart(self, item: Item, name: str) -> None:
        """Raises InputError where the input's results would lie beside the input itself, or it is itself a result."""
        if item.file is None:
            return
        if item.file in self._results:
            raise InputError(
                "output_not_written",
                "It is itself a result of this run, which came before it. Choose another folder with -o.",
            )
        folders = name.rpartition("/")[0], os.path.dirname(item.path)
        if folders in self._apart:
            return
        target, source = self.path / folders[0], Path(folders[1])
        with suppress(OSError):
            if target.exists() and source.exists() and target.samefile(source):
                raise InputError(
                    "output_not_written",
                    f"Its results would be written into its own folder {source}, where the next run would take them "
                    "for inputs. Choose another folder with -o.",
                )
        self._apart.add(folders)

    def abandon(self) -> None:
        """Gives the folder free after an error; finished records stay for `--resume`."""
        with suppress(OSError):
            self._clear()
            if not any(f.name != LOCK and f.lstat().st_size for f in self.partial.iterdir()):
                self.close()
        self._own.close()
        self._lock.close()

    def close(self) -> None:
        """Gives the folder free for other runs and removes the hidden subfolder."""
        self._own.close()
        with suppress(OSError):
            self._clear()
            # The lock goes last: who comes now is told to wait, or finds that it is gone.
            for name in (*filter(LEFTOVER.fullmatch, os.listdir(self.partial)), LOCK):
                path = self.partial / name
                if not irregular(path) and (name == LOCK or not path.lstat().st_size):
                    path.unlink(missing_ok=True)
            self.partial.rmdir()  # only where nothing is in it that --resume or somebody else wants
        self._lock.close()
        with suppress(OSError):
            os.rmdir(self.path)  # only where nothing was written


def _is_open_at(file: IO[bytes], path: Path) -> bool:
    """Whether the open file is still the one at `path`."""
    try:
        there, ours = path.lstat(), os.fstat(file.fileno())
    except OSError:
        return False
    return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)
