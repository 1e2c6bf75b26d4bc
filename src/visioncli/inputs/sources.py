"""Inputs as people type them -> a stream of items, in a stable order, nothing dropped."""

import glob
import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from visioncli.earlier_results import LIST, MARKS, Results, results_in
from visioncli.errors import UsageError
from visioncli.inputs.addresses import is_url, path_of, split_credentials
from visioncli.inputs.item import INSIDE, Item

if TYPE_CHECKING:
    from visioncli.inputs.pages import Paging

__all__ = ["DEFAULT_EXCLUDE", "Expansion", "Item", "fixed_part", "is_folder_entry"]
DEFAULT_EXCLUDE = ("*.md",)
"""Notes that people keep beside their pictures: credits, read-me files, model cards."""
BESIDE_PICTURES = (
    *(".tfw", ".jgw", ".pgw", ".bpw", ".gfw", ".tifw", ".tiffw", ".jpgw", ".jpegw", ".pngw", ".wld"),
    *(".prj", ".aux.xml"),
)
"""What places pictures in the world: it lies beside them, and is no picture itself."""
_PICTURE_STARTS = (b"\x89PNG\r\n", b"\xff\xd8\xff")
"""No path begins like this; pictures of other types betray themselves by a zero byte."""
_LONGEST_LINE = 1 << 16
_RANGE = re.compile(r"\{(?:(?P<first>[0-9]{1,9})\.\.(?P<last>[0-9]{1,9})|(?P<choices>[^{}]*,[^{}]*))\}")
_MOST_BLANKS = 1 << 20
"""More blank lines than this, one after the other, come from something endless."""


@dataclass(frozen=True, slots=True)
class Expansion:
    """Which files count as inputs when a folder is walked or a glob is matched; named files always count.

    Hidden entries, world files, the output folder `out`, and names or relative paths that match a pattern of
    `exclude` do not. Nor do results of earlier runs, whose folders are then in `skipped`; of a folder that is named,
    pictures do. Of an archive those members count that are called as pictures are, that end in one of `endings`, or
    that have no ending. `paging` says which pages of a file count, by default the first one; `column` is that of
    tables whose rows name or hold pictures, None where tables are not taken for lists.
    """

    out: str | None = None
    exclude: tuple[str, ...] = DEFAULT_EXCLUDE
    null_separated: bool = False
    endings: tuple[str, ...] = ()
    paging: "Paging | None" = None
    column: str | None = None
    skipped: dict[str, None] = field(default_factory=dict, compare=False)

    def items(self, inputs: Iterable[str], *, inside: bool = True) -> Iterator[Item]:
        """Files, folders, quoted globs, URLs and `-` (standard input) as items, in the order given.

        Folders are walked recursively in sorted order. A path that does not exist is an item too: it fails later,
        with a record of its own. Of archives the members are the items, unless only what is outside is wanted, not
        what is `inside`.
        """
        for text in inputs:
            if text == "-":
                if sys.stdin is None:
                    raise UsageError("There is no standard input to read paths from. Give the paths as arguments.")
                for line in _lines(sys.stdin.fileno(), b"\0" if self.null_separated else b"\n"):
                    for item in self._expand(line, listed=True):
                        yield from self.within(item) if inside else (item,)
            else:
                for one in _braces(text):
                    for item in self._expand(one, listed=False):
                        yield from self.within(item) if inside else (item,)

    def _expand(self, text: str, *, listed: bool) -> Iterator[Item]:
        text = path_of(text)
        if is_url(text):
            yield Item(text, _url_name(text))
        elif "://" in text and _is_in_store(text):
            yield _stored(text, listed=listed)
        elif os.path.isdir(text):
            yield from self._walk(text, "", text, (), named=True)
        elif listed:
            yield Item(text, _listed_name(text))
        elif INSIDE in text and not os.path.lexists(text):
            outer = text.partition(INSIDE)[0]
            yield Item(text, os.path.basename(outer) or "unnamed", root=_parent_name(outer))
        elif not os.path.lexists(text) and glob.has_magic(text):
            yield from self._glob(text)
        else:
            yield Item(text, os.path.basename(text) or "unnamed", root=_parent_name(text))

    def within(self, item: Item, *, lists: bool = True) -> Iterator[Item]:
        """The item itself, or what is in it; a list that a list names is only a file."""
        if item.is_url:
            return iter((item,))
        from visioncli.inputs.pages import Paging
        from visioncli.inputs.within import Inside, expand

        column = self.column if lists else None
        return expand(item, Inside(self._counts, self._is_excluded, self.paging or Paging(), column, self._of_list))

    def _of_list(self, path: str) -> Iterator[Item]:
        for item in self._expand(path, listed=True):
            yield from self.within(item, lists=False)

    def _counts(self, name: str) -> bool:
        """Whether a member of an archive is an input."""
        from visioncli.inputs.archives import ENDINGS

        ending = os.path.splitext(name)[1].lower()
        return (not ending or ending in ENDINGS or ending in self.endings) and not self._is_excluded(name)

    def _glob(self, pattern: str) -> Iterator[Item]:
        root = fixed_part(pattern)
        found = sorted(glob.glob(pattern, recursive=True))
        if not found:
            yield Item(pattern, "unmatched")
        folders: dict[str, tuple[Results, ...]] = {os.path.dirname(root): ()}
        for name in found:
            relative = _listed_name(name[len(root) :])
            if not os.path.isdir(name):
                if (
                    not self._is_output(name)
                    and not self._is_excluded(relative)
                    and os.path.basename(name) != LIST
                    and not self._is_result(name, _results_above(name, folders))
                ):
                    yield Item(name, relative, root=_parent_name(root))
            elif "**" not in pattern:  # such a pattern lists what lies in a folder as well
                yield from self._walk(name, f"{relative}/", name, (), _results_above(name, folders))

    def _walk(
        self,
        folder: str,
        prefix: str,
        root: str,
        above: tuple[str, ...],
        results: tuple[Results, ...] = (),
        *,
        named: bool = False,
    ) -> Iterator[Item]:
        real = os.path.realpath(folder)
        if real in above or (self.out is not None and real == os.path.realpath(self.out)):
            return  # a link back to a folder above would never end
        try:
            with os.scandir(folder) as entries:
                every = sorted((e.name, is_folder_entry(e)) for e in entries)
        except OSError:
            # Reading this folder as a file later gives the record that says what is wrong with it.
            yield Item(folder, prefix.rstrip("/") or "unnamed", root=_parent_name(root))
            return
        if here := results_in(folder, (name for name, is_folder in every if not is_folder), named=named):
            results = (*results, here)
        for name, is_folder in every:
            path, relative = os.path.join(folder, name), f"{prefix}{name}"
            if name.startswith("."):
                continue
            if is_folder:
                yield from self._walk(path, f"{relative}/", root, (*above, real), results)
            elif not self._is_excluded(relative) and not self._is_result(path, results):
                yield Item(path, relative, root=os.path.basename(os.path.normpath(root)))

    def below(self, folder: str, relative: str) -> Iterator[Item]:
        """The input at `relative` below a folder that is named, or all inputs of the folder there, as `items` gives
        them; none where it does not count as one."""
        parts = relative.split("/")
        path = os.path.join(folder, relative)
        if any(part.startswith(".") for part in parts) or self._is_output(path):
            return
        is_folder = os.path.isdir(path)
        names = [os.path.join(folder, *parts[:n]) for n in range(len(parts))]
        results = tuple(
            here
            for n, name in enumerate(names)
            if (here := results_in(name, _marks_in(name), named=n == 0)) is not None
        )
        if is_folder:
            yield from self._walk(path, f"{relative}/", folder, tuple(map(os.path.realpath, names)), results)
        elif os.path.exists(path) and not self._is_excluded(relative) and not self._is_result(path, results):
            yield Item(path, relative, root=os.path.basename(os.path.normpath(folder)))

    def _is_output(self, path: str) -> bool:
        if self.out is None:
            return False
        real, out = os.path.realpath(path), os.path.realpath(self.out)
        return real == out or real.startswith(out + os.sep)

    def _is_result(self, path: str, results: tuple[Results, ...]) -> bool:
        for earlier in results:
            if path in earlier:
                if not earlier.named:
                    self.skipped[earlier.folder] = None
                return True
        return False

    def _is_excluded(self, relative: str) -> bool:
        name = relative.rsplit("/", 1)[-1]
        if name.lower().endswith(BESIDE_PICTURES):
            return True
        return any(fnmatchcase(name, p) or fnmatchcase(relative, p) for p in self.exclude)


def _is_in_store(text: str) -> bool:
    from visioncli.inputs.stores import is_address

    return is_address(text) and not os.path.lexists(text)


def _stored(text: str, *, listed: bool) -> Item:
    from visioncli.inputs import stores

    return Item(text, stores.named(text) if listed else stores.base_name(text), root="" if listed else "store")


def _braces(text: str) -> Iterator[str]:
    """What a shell makes of `{00..12}` and `{a,b}` where it was not let: each name in turn."""
    found = _RANGE.search(text) if "{" in text and not is_url(text) and not os.path.lexists(text) else None
    if found is None:
        yield text
        return
    if found["choices"] is not None:
        names: Iterable[str] = found["choices"].split(",")
    else:
        first, last = found["first"], found["last"]
        wide = max(len(first), len(last)) if "0" in (first[0], last[0]) else 0
        step = 1 if int(first) <= int(last) else -1
        names = (f"{n:0{wide}d}" for n in range(int(first), int(last) + step, step))
    for name in names:
        yield from _braces(text[: found.start()] + name + text[found.end() :])


def fixed_part(pattern: str) -> str:
    """The folders of a pattern before its first wildcard, up to their slash; a text without any is whole."""
    fixed = re.split(r"[*?\[]", pattern, maxsplit=1)[0]
    return fixed if fixed == pattern else fixed[: fixed.rfind("/") + 1]


def _results_above(path: str, folders: dict[str, tuple[Results, ...]]) -> tuple[Results, ...]:
    """The results of earlier runs in the folders above `path`, up to those that `folders` knows; it learns them."""
    folder = os.path.dirname(path)
    if folder not in folders:
        above = _results_above(folder, folders) if folder not in ("", "/") else ()
        try:
            here = results_in(folder, os.listdir(folder or "."))
        except OSError:
            here = None
        folders[folder] = (*above, here) if here else above
    return folders[folder]


def _marks_in(folder: str) -> list[str]:
    """The files in a folder by which results are known, without listing all of it."""
    return [name for name in MARKS if os.path.lexists(os.path.join(folder, name))]


def is_folder_entry(entry: "os.DirEntry[str]") -> bool:
    """Whether an entry is a folder, or a link to one."""
    try:
        return entry.is_dir()
    except OSError:  # a link to itself, for one; reading it as a file gives the record that says so
        return False


def _lines(descriptor: int, separator: bytes) -> Iterator[str]:
    """Names from a pipe, each as soon as it is complete. Raises UsageError where it holds a picture."""
    # os.read rather than sys.stdin: a thread blocked in the buffered reader would stop the program from ending.
    rest = b""
    first, blanks = True, 0
    while chunk := os.read(descriptor, 1 << 16):
        if first and (chunk.startswith(_PICTURE_STARTS) or (separator == b"\n" and b"\0" in chunk)):
            raise UsageError(
                "Standard input holds binary data, not paths one a line. Give the picture as a file, "
                "or use -0 if the paths are separated by NUL (find -print0)."
            )
        first = False
        *complete, rest = (rest + chunk).split(separator)
        for name in map(_trim(separator), complete):
            blanks = 0 if name else blanks + 1
            if len(name) > _LONGEST_LINE or blanks > _MOST_BLANKS:
                break
            if name:
                yield os.fsdecode(name)
        if max(map(len, (rest, *complete))) > _LONGEST_LINE or blanks > _MOST_BLANKS:
            raise UsageError(
                f"Standard input is no list of paths: a line is longer than {_LONGEST_LINE:,} bytes, or there are "
                f"{_MOST_BLANKS:,} blank ones in a row. Give one path a line, or use -0 if they are separated by NUL."
            )
    if last := _trim(separator)(rest):
        yield os.fsdecode(last)


def _trim(separator: bytes):  # type: ignore[no-untyped-def]
    return (lambda name: name.rstrip(b"\r")) if separator == b"\n" else (lambda name: name)


def _parent_name(path: str) -> str:
    return os.path.basename(os.path.dirname(os.path.abspath(path)))


def _listed_name(path: str) -> str:
    """Listed files keep their folders, so that two of them rarely share a name."""
    parts = [p for p in path.split("/") if p not in ("", ".", "..")]
    return "/".join(parts) or "unnamed"


def _url_name(url: str) -> str:
    try:
        # A user and password before the host do not belong into file names.
        parts = urlsplit(split_credentials(url)[1])
    except ValueError:  # fetching it will say what is wrong
        return "url"
    names = [p for p in [parts.netloc, *unquote(parts.path).split("/")] if p not in ("", ".", "..")]
    safe = [re.sub(r"[^\w.\- ()]", "_", p)[:60] for p in names or ["url"]]
    if parts.query:
        safe[-1] += "_" + re.sub(r"[^\w.\-]", "_", parts.query)[:60]
    return "/".join(safe)
