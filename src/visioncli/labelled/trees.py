"""Where the files of a set lie: a folder or an archive, listed once, read piece by piece."""

import os
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Protocol

from visioncli.datasets.file_bytes import read_bytes, unreadable
from visioncli.datasets.interface import DatasetError
from visioncli.datasets.picture_names import PICTURE_SUFFIXES
from visioncli.earlier_results import Results, is_trained, results_in
from visioncli.inputs.item import mirrored
from visioncli.inputs.sources import is_folder_entry
from visioncli.labelled.interface import Content, Example, SetError
from visioncli.predictions import Box
from visioncli.sounds.kinds import is_named_as_sound

MOST_TEXT = 1 << 30
"""Bytes of a table or another text that are read as a whole."""


class Tree(Protocol):
    """Files below one place. Names are relative, sorted, with `/` between folders; hidden entries are none."""

    @property
    def source(self) -> str:
        """What the user named."""

    @property
    def files(self) -> tuple[str, ...]:
        """The names of all files."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences about what was left out."""

    def path(self, name: str) -> str:
        """What people and records call the file."""

    def has(self, path: str) -> bool:
        """Whether there is something at such a path, as `path` gives it."""

    def folders(self) -> tuple[str, ...]:
        """The folders at the root."""

    def content(self, name: str) -> Content | None:
        """Gives its bytes where it is no file of its own; thread-safe."""

    def read(self, name: str, most: int = MOST_TEXT) -> bytes:
        """The bytes of a file. Raises SetError, also where there are more than `most`."""


class Folder:
    """A folder, walked when its files are asked for. Results of earlier runs and the folders of trained networks
    are left out."""

    def __init__(self, path: str) -> None:
        self.source = path
        self._warnings: list[str] = []
        self._unlisted: list[str] = []
        self._empty: list[str] = []
        self._skipped: dict[str, None] = {}

    @cached_property
    def files(self) -> tuple[str, ...]:
        """The names of all files."""
        found = tuple(self._walk(self.source, "", (), ()))
        if self._skipped:
            shown = ", ".join(list(self._skipped)[:3]) + (" …" if len(self._skipped) > 3 else "")
            self._warnings.append(f"Results of earlier runs are left out: {shown}")
        if self._empty:
            shown = ", ".join(self._empty[:3]) + (" …" if len(self._empty) > 3 else "")
            self._warnings.append(f"Empty folders are no classes: {shown}")
        if self._unlisted:
            count = f"{self._unlisted[0]} and {len(self._unlisted) - 1:,} more folders"
            what = self._unlisted[0] if len(self._unlisted) == 1 else count
            self._warnings.append(f"{what} cannot be listed, so that nothing in there counts.")
        return found

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences about what was left out."""
        return tuple(self._warnings)

    def path(self, name: str) -> str:
        """The file's path, beginning as the user named the folder."""
        return os.path.join(self.source, name)

    def has(self, path: str) -> bool:
        """Whether there is something at such a path."""
        return os.path.exists(path)

    def folders(self) -> tuple[str, ...]:
        """The folders at the root, not those within them."""
        try:
            with os.scandir(self.source) as entries:
                return tuple(sorted(e.name for e in entries if not e.name.startswith(".") and is_folder_entry(e)))
        except OSError:
            return ()

    def content(self, name: str) -> Content | None:
        """None: each is a file of its own."""
        return None

    def read(self, name: str, most: int = MOST_TEXT) -> bytes:
        """The bytes of a file. Raises SetError."""
        try:
            return read_bytes(Path(self.path(name)), most, text=False)
        except DatasetError as problem:
            raise SetError(str(problem), problem.kind) from None

    def _walk(
        self, folder: str, prefix: str, above: tuple[tuple[int, int], ...], results: tuple[Results, ...]
    ) -> Iterator[str]:
        try:
            facts = os.stat(folder)
            here = (facts.st_dev, facts.st_ino)
            if here in above:
                return  # a link back to a folder above would never end
            with os.scandir(folder) as entries:
                every = sorted((e.name, is_folder_entry(e)) for e in entries if not e.name.startswith("."))
                names = [name for name, is_folder in every if not is_folder]
        except (OSError, ValueError) as problem:
            if not prefix:
                raise SetError(str(unreadable(Path(folder), problem)), "read_failed") from None
            self._unlisted.append(folder)
            return
        if not every:
            self._empty.append(folder)
            return
        if prefix and is_trained(folder, names):
            self._skipped[folder] = None
            return
        if found := results_in(folder, os.listdir(folder), named=not prefix):
            results = (*results, found)
        for name, is_folder in every:
            path = os.path.join(folder, name)
            if is_folder:
                if name != "__MACOSX":
                    yield from self._walk(path, f"{prefix}{name}/", (*above, here), results)
            elif not any(path in earlier for earlier in results):
                yield f"{prefix}{name}"
            else:
                self._skipped.setdefault(folder)


def is_picture(name: str) -> bool:
    """Whether a name ends like a picture's."""
    return os.path.splitext(name)[1].lower() in PICTURE_SUFFIXES


def wanted_of(names: Iterable[str]) -> Callable[[str], bool]:
    """`is_picture`, or the same for recordings where more of the names are of those."""
    sounds, pictures = 0, 0
    for name in names:
        sounds += is_named_as_sound(name)
        pictures += is_picture(name)
    return is_named_as_sound if sounds > pictures else is_picture


def legible(name: str) -> str:
    """A name as text, also where a disk holds bytes that are none; letters with accents are one character each.

    Some systems store `é` as two characters, so that the same class had two names in two splits.
    """
    try:
        name.encode()
    except UnicodeEncodeError:
        name = os.fsencode(name).decode("utf-8", "backslashreplace")
    return unicodedata.normalize("NFC", name)


def example(
    tree: Tree,
    name: str,
    labels: tuple[int, ...],
    split: str = "",
    *,
    box: Box | None = None,
    relative: str | None = None,
    columns: dict[str, str] | None = None,
) -> Example:
    """The file `name` of a tree with its answer."""
    root = os.path.basename(os.path.normpath(tree.source))
    relative = mirrored(name if relative is None else relative)
    if columns is None:
        return Example(tree.path(name), relative, root, labels, split, box, tree.content(name))
    return Example(tree.path(name), relative, root, labels, split, box, tree.content(name), columns)


class Below:
    """A folder of a tree as a tree of its own."""

    def __init__(self, tree: Tree, folder: str) -> None:
        self._tree, self._prefix = tree, f"{folder.rstrip('/')}/"
        cut = len(self._prefix)
        self.source = tree.source
        self.files = tuple(name[cut:] for name in tree.files if name.startswith(self._prefix))
        self.warnings = tree.warnings

    def path(self, name: str) -> str:
        """As the whole tree calls it."""
        return self._tree.path(self._prefix + name)

    def has(self, path: str) -> bool:
        """As the whole tree says it."""
        return self._tree.has(path)

    def folders(self) -> tuple[str, ...]:
        """The folders at its root."""
        return tuple(folder for folder in folders_of(self.files) if folder)

    def content(self, name: str) -> Content | None:
        """As the whole tree gives it."""
        return self._tree.content(self._prefix + name)

    def read(self, name: str, most: int = MOST_TEXT) -> bytes:
        """As the whole tree reads it."""
        return self._tree.read(self._prefix + name, most)


def folders_of(names: Iterable[str]) -> dict[str, list[str]]:
    """Names by their first folder, in their order; "" has those that lie in none."""
    found: dict[str, list[str]] = {}
    for name in names:
        first, slash, _ = name.partition("/")
        found.setdefault(first if slash else "", []).append(name)
    return found
