"""Class names for formats that write numbers only."""

import re
from pathlib import Path

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
    text = read_text(path)
    if path.suffix.lower() in (".yaml", ".yml"):
        return _from_yaml(text, path)
    return tuple(line.strip() for line in text.rstrip().splitlines())


def _from_yaml(text: str, path: Path) -> tuple[str, ...]:
    """`names: [a, b]`, or below `names:` lines `- a` or `0: a`; more of YAML is not needed here."""
    lines = iter(text.splitlines())
    for line in lines:
        match = re.match(r"names\s*:\s*(.*)$", line)
        if not match:
            continue
        inline = match[1].split(" #")[0].strip()
        if inline.startswith("[") and inline.endswith("]"):
            return tuple(_bare(part) for part in inline[1:-1].split(",") if part.strip())
        found: dict[int, str] = {}
        for entry in lines:
            item = re.match(r"\s*-\s+(.+)$", entry) or re.match(r"\s+([0-9]+)\s*:\s*(.+)$", entry)
            if not item:
                if entry.strip() and not entry.strip().startswith("#"):
                    break
                continue
            number = whole_number(item[1]) if item.lastindex == 2 else len(found)
            if number is None or number >= MOST:
                raise DatasetError(f"{path}: class {item[1][:40]} is numbered too high; classes are 0 to {MOST - 1}.")
            found[number] = _bare(item[item.lastindex or 1])
        if found:
            return tuple(found.get(i, str(i)) for i in range(max(found) + 1))
    raise DatasetError(f"{path}: no class names were found; give them with --names FILE, one name a line.")


def _bare(text: str) -> str:
    return text.split(" #", maxsplit=1)[0].strip().strip("'\"")
