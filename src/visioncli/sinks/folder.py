"""The output folder: who may write to it, what each input's files are called, and what earlier runs left."""

import fcntl
import itertools
import os
import shutil
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import IO

from visioncli.errors import InputError, OutputError, UsageError
from visioncli.files import explain
from visioncli.sources import Item

PREDICTIONS = "predictions.jsonl"
PARTIAL = ".vision-partial"


class OutputFolder:
    """A folder that one run at a time writes to.

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
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._lock = self._take_lock(path)
            try:
                self._clear()
            except OSError:
                self._lock.close()
                raise
        except OSError as problem:
            raise explain(problem, path) from problem

    @staticmethod
    def _take_lock(path: Path) -> IO[bytes]:
        # The partial folder's own lock file: it goes when the folder goes, so nothing visible remains.
        (path / PARTIAL).mkdir(exist_ok=True)
        lock = (path / PARTIAL / "lock").open("wb")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise OutputError(
                f"Another run is writing to {path}. Wait until it ends, or choose another folder with -o."
            ) from None
        except OSError:
            pass  # Some network file systems have no locks; results are still written whole.
        return lock

    def _clear(self) -> None:
        """Removes unfinished files of a killed run; its journal of finished records stays."""
        for entry in self.partial.iterdir():
            if entry.name.startswith(".vision-"):
                entry.unlink(missing_ok=True)

    def claim(self, item: Item) -> str:
        """The input's name below this folder, `/` between folders, shared with no other input of the run.

        Where two inputs would collide, the second goes into a folder named after where it came from.
        """
        root = item.root or "input"
        for n in range(1, 1_000_000):
            prefix = "" if n == 1 else f"{root}/" if n == 2 else f"{root}-{n - 1}/"
            name = prefix + item.relative
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
        """Where a file called `name` belongs."""
        return self.path / name

    def check_apart(self, item: Item, name: str) -> None:
        """Raises InputError where the input's results would lie beside the input itself."""
        if item.is_url:
            return
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
            if not any(f.name != "lock" and f.stat().st_size for f in self.partial.iterdir()):
                self.close()
        self._lock.close()

    def close(self) -> None:
        """Gives the folder free for other runs and removes the hidden subfolder."""
        shutil.rmtree(self.partial, ignore_errors=True)
        self._lock.close()
        with suppress(OSError):
            os.rmdir(self.path)  # only where nothing was written
