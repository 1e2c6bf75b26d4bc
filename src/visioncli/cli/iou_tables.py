"""The report of `vision iou` as text: rich tables on a terminal, plain columns elsewhere."""

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TextIO

from visioncli.cli.iou_output import show
from visioncli.cli.streams import printable
from visioncli.datasets.interface import F64
from visioncli.metrics.intervals import Intervals
from visioncli.metrics.report import AnyReport, ConfusionTable, LabelMapReport, Report

MOST_CONFUSIONS = 10
LONGEST_LABEL = 80
"""Longer labels are cut in tables."""
TOTAL = "all classes"
GAP = 3
"""What rich puts between two columns."""
VOC_NAMES = {"voc_ap11": "voc_ap11 (11 points)", "voc_ap": "voc_ap (all points)"}


@dataclass(frozen=True, slots=True)
class Block:
    """One table: a title, the names of its columns, and its rows as text; the first column holds words."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def shortened(label: str) -> str:
    """A label as a table shows it: without control characters, and not as wide as a page."""
    text = printable(label)
    return text if len(text) <= LONGEST_LABEL else text[: LONGEST_LABEL - 1] + "…"


def cell(value: float) -> str:
    """A number in a table: counts as they are, shares with four places, a dash where undefined."""
    if isinstance(value, int):
        return str(value)
    return "-" if math.isnan(value) else f"{value:.4f}"


def cell_between(value: float, ends: F64 | None) -> str:
    """A number in a table with the ends of its interval, (2,), where it has one: `0.8123 [0.7800 0.8410]`."""
    if ends is None or math.isnan(ends[0]):
        return cell(value)
    low, high = (str(round(end)) if isinstance(value, int) else cell(end) for end in ends.tolist())
    return f"{cell(value)} [{low} {high}]"


def _numbers(numbers: dict[str, float], intervals: Intervals | None) -> tuple[tuple[str, ...], ...]:
    return tuple((name, text) for name, text in zip(numbers, total_cells(numbers, intervals), strict=True))


def total_cells(numbers: dict[str, float], intervals: Intervals | None) -> list[str]:
    """Numbers of the whole as a table shows them."""
    ends = {} if intervals is None else intervals.totals
    return [cell_between(value, ends.get(name)) for name, value in numbers.items()]


def class_cells(numbers: dict[str, float], intervals: Intervals | None, place: int) -> list[str]:
    """Numbers of one class as a table shows them; `place` is that of the class in the intervals."""
    if intervals is None or not intervals.has_classes:
        return [cell(value) for value in numbers.values()]
    ends = intervals.classes
    return [cell_between(v, ends[name][:, place] if name in ends else None) for name, v in numbers.items()]


def what_brackets_say(intervals: Intervals | None) -> str:
    """The end of a title, where there are intervals."""
    return "" if intervals is None else f"; in brackets 95 % intervals, by {intervals.resamples} resamples"


def _confusions(table: ConfusionTable, what: str) -> Block:
    """The most frequent confusions between classes, in words."""
    last = len(table.labels)
    found = [
        (int(table.counts[t, p]), table.labels[t], table.labels[p])
        for t, p in zip(*table.counts[:last, :last].nonzero(), strict=True)
        if t != p
    ]
    top = sorted(found, key=lambda f: -f[0])[:MOST_CONFUSIONS]
    rows = tuple((shortened(truth), shortened(predicted), str(count)) for count, truth, predicted in top)
    return Block("Most frequent confusions", ("truth", "predicted", what), rows)


def blocks(report: AnyReport) -> list[Block]:
    """The tables of a report, in reading order."""
    if isinstance(report, Report):
        return _of_objects(report)
    assert isinstance(report, LabelMapReport)
    return _of_label_maps(report)


def _of_objects(report: Report) -> list[Block]:
    names = ("truth", "matched", "missed", "spurious", "mean_iou", "precision", "recall", "f1")
    precisions = ("AP", "AP50", *(("voc_ap",) if report.voc else ()))
    chosen = (*names, *precisions)
    ends = report.intervals
    rows = [
        (shortened(c.label), *class_cells({n: c.numbers()[n] for n in chosen}, ends, place))
        for place, c in enumerate(report.classes)
    ]
    totals = report.numbers()
    total = (TOTAL, *total_cells({n: totals[n] for n in chosen}, ends))
    what = "OKS" if report.kind == "keypoints" else "IoU"
    pixels = ", last pixels included" if report.inclusive else ""
    above = f", score at least {report.score:g}" if report.score > 0 else ""
    return [
        Block(
            f"{report.kind} of {report.pictures} pictures, matched at {what} {report.iou:g}{above}{pixels}"
            + what_brackets_say(ends),
            ("class", *chosen),
            (*rows, total),
        ),
        Block(f"Official COCO numbers, by {report.engine}", ("number", "value"), _numbers(report.official, ends)),
        Block(
            f"Pascal VOC average precision at {what} {report.iou:g}",
            ("number", "value"),
            tuple((VOC_NAMES[name], text) for name, text in _numbers(report.voc, ends)),
        ),
        _confusions(report.confusion, "objects"),
    ]


def _of_label_maps(report: LabelMapReport) -> list[Block]:
    names = ("truth", "predicted", "iou", "dice", "precision", "recall")
    ends = report.intervals
    rows = tuple(
        (shortened(c.label), *class_cells({n: c.numbers()[n] for n in names}, ends, place))
        for place, c in enumerate(report.classes)
    )
    totals = {k: v for k, v in report.numbers().items() if k != "mean_iou"}
    return [
        Block(
            f"{report.pictures} label maps, {report.pixels} pixels" + what_brackets_say(ends),
            ("class", *names),
            rows,
        ),
        Block("Over all classes", ("number", "value"), _numbers(totals, ends)),
        _confusions(report.confusion, "pixels"),
    ]


def print_report(report: AnyReport, stream: TextIO | None = None) -> None:
    """Write the tables to a stream, standard output by default."""
    print_blocks(blocks(report), stream)


def print_blocks(found: Sequence[Block], stream: TextIO | None = None) -> None:
    """Write those of the tables that have rows."""
    out = stream or sys.stdout
    shown = [b for b in found if b.rows]
    if out.isatty():
        _print_rich(shown, out)
        return
    show("\n\n".join(plain_text(b) for b in shown), out)


def plain_text(block: Block) -> str:
    """A block as aligned columns."""
    rows: list[Sequence[str]] = [block.columns, *block.rows]
    widths = [max(len(row[k]) for row in rows) for k in range(len(block.columns))]
    count = _words(block)
    lines = [
        "  ".join(
            text.ljust(width) if k < count else text.rjust(width)
            for k, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join([block.title, *lines])


def _print_rich(shown: list[Block], out: TextIO) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(file=out)
    for block in shown:
        console.print(block.title, style="bold", markup=False, highlight=False)
        count = _words(block)
        for chosen in column_groups(block, console.width):
            table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
            for k in chosen:
                name = block.columns[k]
                table.add_column(name, justify="left" if k < count else "right", no_wrap=True, overflow="ellipsis")
            for row in block.rows:
                table.add_row(*(escape(row[k]) for k in chosen), style="bold" if row[0] == TOTAL else None)
            console.print(table)
            console.print()


def column_groups(block: Block, width: int) -> list[list[int]]:
    """The columns of a block in as many tables as the terminal's width asks for, each with the words at the left."""
    first = list(range(_words(block)))
    widths = [max(len(row[k]) for row in (block.columns, *block.rows)) + GAP for k in range(len(block.columns))]
    room = width - sum(widths[k] for k in first)
    groups: list[list[int]] = [[]]
    used = 0
    for k in range(len(first), len(widths)):
        if groups[-1] and used + widths[k] > room:
            groups.append([])
            used = 0
        groups[-1].append(k)
        used += widths[k]
    return [first + group for group in groups]


def _words(block: Block) -> int:
    """How many columns at the left hold words."""
    return 2 if block.columns[:2] == ("truth", "predicted") else 1
