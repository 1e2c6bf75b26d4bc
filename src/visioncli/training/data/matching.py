"""A regular expression of the user's, searched in many names within a limited time.

Some expressions try a number of ways that grows exponentially with the length of a name, and nothing within Python
can stop one that was begun. So they are searched for in a process of their own, which can be ended.
"""

import json
import re
import subprocess
import sys
from collections.abc import Sequence

SECONDS, NAMES_A_SECOND = 10.0, 20_000
"""An ordinary expression goes through a million names a second; no more than this is waited for."""

_PROGRAM = """
import json, re, sys
expression, flags, names = json.load(sys.stdin)
pattern = re.compile(expression, flags)
found = [pattern.search(name) for name in names]
group = 1 if pattern.groups else 0
json.dump([None if match is None else match[group] or "" for match in found], sys.stdout)
"""


def patience(names: int) -> float:
    """For how many seconds an expression is searched in so many names."""
    return SECONDS + names / NAMES_A_SECOND


def first_matches(pattern: "re.Pattern[str]", names: Sequence[str]) -> list[str | None] | None:
    """What the first group of `pattern`, or all of it, finds in each name: "" where that group has no part in it,
    None where nothing is found. None for all where it takes longer than `patience`."""
    # Escapes alone are written, so that names that are not UTF-8 pass through any pipe.
    asked = json.dumps([pattern.pattern, pattern.flags, list(names)]).encode("ascii")
    command = [sys.executable, "-I", "-S", "-c", _PROGRAM]
    try:
        done = subprocess.run(command, input=asked, capture_output=True, check=True, timeout=patience(len(names)))
    except subprocess.TimeoutExpired:
        return None
    found: list[str | None] = json.loads(done.stdout)
    return found
