"""A zip as a tree: read in place, by any number of threads."""

import os
from pathlib import Path

from visioncli.datasets.file_bytes import unreadable
from visioncli.errors import InputError
from visioncli.inputs import zips
from visioncli.inputs.item import INSIDE, is_hidden
from visioncli.inputs.limits import MOST_MEMBER
from visioncli.labelled.interface import Content, SetError
from visioncli.labelled.trees import MOST_TEXT, folders_of


class Zip:
    """The members of a zip. Nothing is unpacked to the disk, so that a name with `..` is only a name."""

    def __init__(self, path: str) -> None:
        self.source = path
        self.warnings: tuple[str, ...] = ()
        try:
            members = [e for e in zips.entries(path) if not e.is_folder and not is_hidden(e.name)]
        except zips.DamagedZip as problem:
            raise SetError(f"{path}: this zip is damaged ({problem}). Copy or download it again.") from None
        except (OSError, MemoryError) as problem:
            raise SetError(str(unreadable(Path(path), problem)), "read_failed") from None
        total, size = sum(entry.size for entry in members), os.path.getsize(path)
        if total > zips.most_of(size):
            raise SetError(
                f"{path}: what is in this archive would be {total / 2**30:,.1f} GiB, {total // max(size, 1):,} times "
                "its own size. Such an archive is not read; unpack it if you trust it.",
                "too_large",
            )
        self._members = {entry.name: entry for entry in members}
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
        if (entry := self._members.get(name)) is None:
            raise InputError("not_found", "There is no such file in this archive.")
        return zips.read(self.source, entry, most)


class Member:
    """Gives the bytes of one member."""

    __slots__ = ("_archive", "_name")

    def __init__(self, archive: Zip, name: str) -> None:
        self._archive, self._name = archive, name

    def __call__(self) -> bytes:
        return self._archive.member(self._name)
