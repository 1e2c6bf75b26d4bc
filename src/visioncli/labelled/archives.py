"""A zip as a tree: read in place, by any number of threads."""

import lzma
import os
import threading
import zipfile
import zlib
from pathlib import Path

from visioncli.datasets.file_bytes import unreadable
from visioncli.errors import InputError
from visioncli.labelled.interface import Content, SetError
from visioncli.labelled.trees import MOST_TEXT, folders_of

MOST_MEMBER = 256 << 20
"""Bytes of one picture, unpacked."""
MOST_RATIO = 200
MOST_TOTAL = 4 << 30
"""Bytes of all members that an archive may claim whatever its own size, beside `MOST_RATIO` times that."""
INSIDE = "!/"
"""Stands between an archive and what lies in it: `set.zip!/cat/1.jpg`."""
_DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, ValueError)


class Zip:
    """The members of a zip. Nothing is unpacked to the disk, so that a name with `..` is only a name."""

    def __init__(self, path: str) -> None:
        self.source = path
        self.warnings: tuple[str, ...] = ()
        self._lock = threading.Lock()
        self._open()
        members = [info for info in self._zip.infolist() if not info.is_dir() and not _is_hidden(info.filename)]
        total, size = sum(info.file_size for info in members), os.path.getsize(path)
        if total > max(MOST_TOTAL, MOST_RATIO * size):
            raise SetError(
                f"{path}: what is in this archive would be {total / 2**30:,.1f} GiB, {total // max(size, 1):,} times "
                "its own size. Such an archive is not read; unpack it if you trust it.",
                "too_large",
            )
        self._members = {info.filename.replace("\\", "/"): info for info in members}
        if len(self._members) < len(members):
            self.warnings = (f"{len(members) - len(self._members):,} names stand in the archive more than once.",)
        runs = {name.rpartition("/")[0] for name in self._members if name.endswith("/model.safetensors")}
        runs = {folder for folder in runs if f"{folder}/model.json" in self._members}
        self.files = tuple(
            sorted(n for n in self._members if not runs or not any(n.startswith(f"{run}/") for run in runs))
        )
        if runs:
            self.warnings += (f"Results of earlier runs are left out: {', '.join(sorted(runs)[:3])}",)

    def __reduce__(self) -> tuple[type["Zip"], tuple[str]]:
        return Zip, (self.source,)

    def _open(self) -> None:
        try:
            self._zip, self._process = zipfile.ZipFile(self.source), os.getpid()
        except _DAMAGE as problem:
            raise SetError(f"{self.source}: this zip is damaged ({problem}). Copy or download it again.") from None
        except (OSError, MemoryError, NotImplementedError) as problem:
            raise SetError(str(unreadable(Path(self.source), problem)), "read_failed") from None

    def path(self, name: str) -> str:
        """The archive, and what lies in it."""
        return f"{self.source}{INSIDE}{name}"

    def has(self, path: str) -> bool:
        """Whether there is such a member."""
        return path.removeprefix(self.path("")) in self._members

    def folders(self) -> tuple[str, ...]:
        """The folders at the root."""
        return tuple(folder for folder in folders_of(self.files) if folder)

    def content(self, name: str) -> Content:
        """Gives the bytes of a member; raises InputError where it is damaged, too large or not there."""
        return Member(self, name)

    def read(self, name: str, most: int = MOST_TEXT) -> bytes:
        """The bytes of a member. Raises SetError."""
        try:
            return self.member(name, most)
        except InputError as problem:
            raise SetError(f"{self.path(name)}: {problem}", problem.kind) from None

    def member(self, name: str, most: int = MOST_MEMBER) -> bytes:
        """The bytes of a member. Raises InputError, whose sentence does not name it."""
        info = self._members.get(name)
        if info is None:
            raise InputError("not_found", "There is no such file in this archive.")
        if info.file_size > most:
            raise InputError(
                "too_large", f"It is {info.file_size >> 20:,} MiB large; the limit is {most >> 20:,} MiB."
            )
        if info.flag_bits & 1:
            raise InputError("read_failed", "It is encrypted. Unpack the archive with its password.")
        try:
            # One after the other: unpacking is cheap beside decoding, and the members share one open file.
            with self._lock:
                if os.getpid() != self._process:
                    self._open()  # a process that was forked off would move the place at which this one reads
                return self._zip.read(info)
        except (*_DAMAGE, NotImplementedError, RuntimeError) as problem:
            raise InputError("read_failed", f"It is damaged inside the archive ({problem}).") from None
        except OSError as problem:
            raise InputError(
                "read_failed", f"The archive could not be read: {problem.strerror or problem}."
            ) from None


class Member:
    """Gives the bytes of one member."""

    __slots__ = ("_archive", "_name")

    def __init__(self, archive: Zip, name: str) -> None:
        self._archive, self._name = archive, name

    def __call__(self) -> bytes:
        return self._archive.member(self._name)


def _is_hidden(name: str) -> bool:
    """Whether a part of the name begins with a dot (`..` is only a name), or is what macOS adds."""
    parts = name.replace("\\", "/").split("/")
    return parts[0] == "__MACOSX" or any(p.startswith(".") and p not in (".", "..") for p in parts)
