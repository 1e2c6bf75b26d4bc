"""Near matches for names that people mistype."""

import difflib
from collections.abc import Iterable

LONGEST = 200
"""Longer names are no mistyped ones."""


def near_matches(name: str, known: Iterable[str], most: int = 4) -> list[str]:
    """The known names closest to `name`, best first: names that contain it, then similar spellings."""
    # Comparing letter by letter takes minutes where a name is a page long.
    names = [n for n in dict.fromkeys(known) if len(n) <= LONGEST]
    wanted = name.casefold()
    if len(wanted) > LONGEST:
        return []
    inside = sorted((n for n in names if wanted and wanted in n.casefold()), key=len)
    by_fold = {n.casefold(): n for n in names}
    alike = [by_fold[m] for m in difflib.get_close_matches(wanted, by_fold, n=most, cutoff=0.6)]
    return list(dict.fromkeys(inside + alike))[:most]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A sentence that names near matches, with a leading blank; empty when nothing is near."""
    found = near_matches(name, known)
    return f" Did you mean {' or '.join(found)}?" if found else ""
