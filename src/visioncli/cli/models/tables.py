"""Rows of text: a table on a terminal, tab-separated values in a pipe."""

import shutil
import sys
from collections.abc import Sequence

from visioncli.cli.streams import encodes, printable


def write_table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    right: Sequence[int] = (),
    dispensable: Sequence[int] = (),
) -> None:
    """Prints the rows; the columns numbered in `right` are aligned to the right on a terminal.

    On a terminal that is too narrow, the `dispensable` columns are left out, the first of them first.
    """
    rows = [[printable(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        sys.stdout.writelines("\t".join(row) + "\n" for row in (head, *rows))
        return
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    kept = list(range(len(head)))
    for column in dispensable:
        if sum(widths[n] + 2 for n in kept) - 2 > shutil.get_terminal_size().columns:
            kept.remove(column)
    lines = []
    for row in (head, *rows):
        cells = [row[n].rjust(widths[n]) if n in right else row[n].ljust(widths[n]) for n in kept]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, ("─" if encodes(sys.stdout, "─") else "-") * (sum(widths[n] + 2 for n in kept) - 2))
    sys.stdout.write("\n".join(lines) + "\n")


def count(number: float) -> str:
    """A large number as people say it: 25.6 M."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number:g}"


def mib(size: float) -> str:
    """A file's size."""
    return f"{size:.1f} MiB" if size else "-"
