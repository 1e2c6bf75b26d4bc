"""Class names for formats that write numbers only."""

import re
from pathlib import Path
from typing import Any

from visioncli.datasets import yaml_text
from visioncli.datasets.file_bytes import exists
from visioncli.datasets.interface import DatasetError
from visioncli.datasets.text import read_text, whole_number

FILES = (
    "classes.txt",
    "names.txt",
    "obj.names",
    "classes.names",
    "_darknet.labels",
    "data.yaml",
    "dataset.yaml",
)
"""Where class names stand beside YOLO labels, in the order of preference."""
MOST = 100_000
"""Classes numbered higher than this in a YAML file are taken for a mistake."""


def find(folder: Path) -> Path | None:
    """The file of class names in the folder or in the two above it."""
    above = folder.resolve()
    for place in (folder, above.parent, above.parent.parent):
        for name in FILES:
            if exists(place / name) and (place / name).is_file():
                return place / name
    return None


def read(path: Path) -> tuple[str, ...]:
    """Class names, first class first: one a line, or the `names` of a YOLO data.yaml. Raises DatasetError."""
    if path.suffix.lower() not in yaml_text.SUFFIXES:
        return tuple(line.strip() for line in read_text(path).rstrip().splitlines())
    text = yaml_text.read(path)
    body = yaml_text.parse(text, path)
    found = _plain_names(text, path) if body is None else body.get("names")
    if not found:
        raise DatasetError(f"{path}: no class names were found; give them with --names FILE, one name a line.")
    return _in_order(found, path)


def _in_order(found: Any, path: Path) -> tuple[str, ...]:
    """The names of a list or of a mapping of numbers; numbers that have none are called by their number."""
    if not isinstance(found, list | dict):
        raise DatasetError(
            f"{path}: names must be a list or a mapping of numbers to names, not the text {found:.40}."
        )
    if len(found) > MOST:
        raise DatasetError(f"{path}: there are {len(found):,} class names, and at most {MOST:,} can be read.")
    names: dict[int, str] = {}
    for key, name in found.items() if isinstance(found, dict) else enumerate(found):
        number = key if isinstance(key, int) else whole_number(key) if isinstance(key, str) else None
        if number is None:
            raise DatasetError(f"{path}: names: {str(key)[:40]!r} is no class number; numbers go from 0.")
        if number >= MOST:
            raise DatasetError(f"{path}: class {str(key)[:40]} is numbered too high; classes are 0 to {MOST - 1}.")
        if not isinstance(name, str):
            raise DatasetError(f"{path}: the name of class {number} must be a text.")
        names[number] = name.strip()
    return tuple(names.get(i, str(i)) for i in range(max(names) + 1))


PLAIN = r"""[^\s\[\]{},:#&*!|>'"%@`?<-][^\[\]{},:#"\n]{0,200}|'[^'\n]{0,200}'|"[^"\\\n]{0,200}\""""
"""A scalar that means the same with and without a YAML library: a few plain words, or a simple text in quotes."""
_ENTRY = re.compile(rf"\s*(?:-\s+|([0-9]+)\s*:\s+)({PLAIN})\s{{0,50}}(?:\s#.*)?$")
_IN_FLOW = re.compile(rf"\s*(?:([0-9]+)\s*:\s+)?({PLAIN})\s{{0,50}}(?:,|$)")


def _plain_names(text: str, path: Path) -> dict[int, str]:
    """What stands under `names:` in the plain shapes that need no YAML library: `[a, b]` or `{0: a, 1: b}` on one
    line, or lines `- a` or `0: a`. Raises DatasetError that names the library for all others."""
    wanted = DatasetError(
        f"{path}: reading this needs a YAML library: pip install 'visioncli[yaml]' (or give the class names with "
        "--names FILE, one name a line)."
    )
    lines = iter(text.splitlines())
    for line in lines:
        match = re.match(r"(?:names|'names'|\"names\")\s*:(?:\s+(.*))?$", line)
        if not match:
            if re.match(r"<<|\s*\{", line):
                raise wanted
            continue
        inline = re.split(r"(?:^|\s)#", match[1] or "", maxsplit=1)[0].strip()
        if inline:
            if (inline[0], inline[-1]) not in (("[", "]"), ("{", "}")):
                raise wanted
            entries, at, inside = [], 0, inline[1:-1].strip()
            while at < len(inside):
                part = _IN_FLOW.match(inside, at)
                if not part or (part[1] is None) != (inline[0] == "["):
                    raise wanted
                entries.append((part[1], part[2]))
                at = part.end()
            return _numbered(entries, path)
        entries = []
        for entry in lines:
            if not entry.strip() or entry.lstrip().startswith("#"):
                continue
            part = _ENTRY.match(entry.rstrip())
            if not part:
                if entry[0].isspace() or entry.startswith("-"):
                    raise wanted
                break
            if part[1] is not None and not entry[0].isspace():
                break
            entries.append((part[1], part[2]))
        return _numbered(entries, path)
    return {}


def _numbered(entries: list[tuple[str | None, str]], path: Path) -> dict[int, str]:
    names: dict[int, str] = {}
    for number, scalar in entries:
        key = len(names) if number is None else whole_number(number)
        if key is None or key >= MOST:
            raise DatasetError(f"{path}: class {str(number)[:40]} is numbered too high; classes are 0 to {MOST - 1}.")
        names[key] = scalar[1:-1] if scalar[0] in "'\"" else scalar.strip()
    return names
