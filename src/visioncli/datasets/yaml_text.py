"""YAML files that describe a data set, as nested texts, lists and mappings: every scalar stays as it is written.

So a class that is called `no` or `007` keeps its name, and nothing in the file can make objects, numbers of thousands
of digits, or (since aliases are shared and never copied) more than it holds.
"""

from pathlib import Path
from typing import Any

from visioncli.datasets.file_bytes import read_bytes
from visioncli.datasets.interface import DatasetError
from visioncli.datasets.text import decoded

SUFFIXES = frozenset({".yaml", ".yml"})
MOST_BYTES = 4 << 20
"""More than any table of classes needs."""
MOST_LEVELS = 32
MOST_MERGES = 100


def read(path: Path) -> str:
    """The text of the file. Raises DatasetError as `read_text` does, and where it is longer than any of its kind."""
    return decoded(read_bytes(path, MOST_BYTES), path)


def parse(text: str, path: Path) -> dict[str, Any] | None:
    """The mapping at the top of a YAML text of `path`, or None where no YAML library is installed.

    Raises DatasetError with line and column where it is malformed, and where it is no mapping.
    """
    try:
        import yaml
    except ImportError:
        return None
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        # Nothing here recurses, as the loader does; it would end the process where levels are ten thousands.
        level = 0
        for event in yaml.parse(text, loader):
            level += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if level > MOST_LEVELS:
                raise DatasetError(f"{path}: the YAML is nested too deeply to describe a data set.")
        body = yaml.load(text, loader)
    except yaml.YAMLError as problem:
        raise DatasetError(f"{path}: malformed YAML{_where(problem)}.") from None
    if not isinstance(body, dict):
        raise DatasetError(f"{path}: this YAML file is no mapping (`key: value` lines), so it describes no data set.")
    return _merged(body)


def _merged(body: dict[str, Any]) -> dict[str, Any]:
    """A mapping with what its `<<` takes in from others; its own keys win, then those of the first."""
    out: dict[str, Any] = {}
    waiting, taken = [body], 0
    while waiting and taken < MOST_MERGES:
        part, taken = waiting.pop(0), taken + 1
        if isinstance(part, dict):
            out = {**part, **out}
            others = part.get("<<")
            waiting = [*(others if isinstance(others, list) else [others]), *waiting]
    return out


def _where(problem: Any) -> str:
    mark, words = getattr(problem, "problem_mark", None), getattr(problem, "problem", None)
    if mark is None:  # characters that YAML does not have
        return f" (character {problem.position + 1} is not allowed)" if hasattr(problem, "position") else ""
    return f" at line {mark.line + 1}, column {mark.column + 1}" + (f": {words}" if words else "")
