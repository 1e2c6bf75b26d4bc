"""`OUT/.visionfiles`: the names of the files that vision wrote into an output folder, since it replaces no others."""

import os
import threading
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO

from visioncli.earlier_results import END, EVERYTHING, LIST, names_in
from visioncli.files import explain, refuse_irregular, write_whole


class OwnFiles:
    """Names below `folder`, `/` between folders, each on the list before its file appears; a killed run's count too.

    In the file each ends with NUL, since names may hold line ends.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / LIST
        self._file: BinaryIO | None = None
        self._guard = threading.Lock()
        refuse_irregular(self._path)
        try:
            self._before = self._path.read_bytes()
        except FileNotFoundError:
            self.exists, self._before = False, b""
        except OSError as problem:
            raise explain(problem, self._path) from problem
        else:
            self.exists = True
        self._names = names_in(self._before)

    def __contains__(self, name: str) -> bool:
        return name in self._names or EVERYTHING in self._names

    def __len__(self) -> int:
        return len(self._names)

    def add(self, name: str) -> None:
        """Puts a name on the list. Raises OutputError."""
        with self._guard:
            if name in self._names:
                return
            try:
                self._file = self._file or self._open()
                self._file.write(os.fsencode(name) + END)
            except OSError as problem:
                raise explain(problem, self._path) from problem
            self._names.add(name)

    def below(self, folder: str) -> list[str]:
        """The names on the list that lie in `folder` or in one below it."""
        return sorted(name for name in self._names if name.startswith(f"{folder}/"))

    def remove(self, names: Collection[str]) -> None:
        """Takes names of files that are gone off the list. Raises OutputError."""
        with self._guard:
            self._names.difference_update(names)
            self.close()
            self._file, self._before = None, b"".join(os.fsencode(name) + END for name in sorted(self._names))
            write_whole(self._path, self._before)

    def _open(self) -> BinaryIO:
        # Another user's, in a folder that several share; or one that shares its content with a file elsewhere.
        if self.exists and (self._path.stat().st_nlink > 1 or not os.access(self._path, os.W_OK)):
            write_whole(self._path, self._before)
        file = self._path.open("ab", buffering=0)
        if self._before and not self._before.endswith(END):  # a full disk took half a name
            file.write(END)
        self._before = b""
        return file

    def close(self) -> None:
        """The list is complete."""
        if self._file is not None:
            self._file.close()
