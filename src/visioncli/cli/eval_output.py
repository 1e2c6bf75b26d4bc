"""The report of `vision eval` as text: tables for people, single numbers for scripts."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from visioncli.cli.iou_output import json_text, show
from visioncli.cli.iou_tables import Block, cell, print_blocks, shortened
from visioncli.cli.iou_tables import blocks as report_blocks
from visioncli.cli.streams import printable
from visioncli.evaluation.contest import Evaluation
from visioncli.evaluation.difference import ObjectDifference
from visioncli.evaluation.report import Whole
from visioncli.evaluation.score import Scored
from visioncli.metrics.gates import look_up
from visioncli.metrics.intervals import Intervals
from visioncli.metrics.report import AnyReport, ConfusionTable, plain

MOST_CLASSES = 30
"""Of more classes than this the worst are printed."""
MOST_CONFUSIONS = 10
INTERVAL = "95 % interval"
Ends = Sequence[float] | np.ndarray


def print_evaluation(whole: Whole, wanted: Sequence[str], *, as_json: bool) -> None:
    """Everything, or the numbers of the given names alone, to standard output. Raises UsageError for unknown ones."""
    run = whole.evaluation
    if wanted:
        reports = [(name, scored.report) for name, scored in zip(run.names, run.scored, strict=True)]
        print_numbers(reports, wanted, as_json=as_json)
    elif as_json:
        show(json_text(whole.to_json()))
    else:
        print_blocks(blocks(whole))
        if whole.how.resamples:
            _say([one.sentence() for one in run.comparisons])


def print_numbers(reports: Sequence[tuple[str, AnyReport]], wanted: Sequence[str], *, as_json: bool) -> None:
    """The numbers of the given names of each network. Raises UsageError for unknown ones."""
    found = {name: {number: look_up(report, number, "--only") for number in wanted} for name, report in reports}
    if as_json:
        bodies = {name: {k: plain(v) for k, v in numbers.items()} for name, numbers in found.items()}
        show(json_text(bodies if len(bodies) > 1 else next(iter(bodies.values()))))
        return
    for name, numbers in found.items():
        for number, value in numbers.items():
            words = [*([name] if len(found) > 1 else []), *([number] if len(wanted) > 1 else [])]
            show("\t".join([*map(printable, words), f"{value:.10g}"]))


def print_objects(
    reports: Sequence[tuple[str, AnyReport]],
    body: dict[str, Any],
    wanted: Sequence[str],
    differences: Sequence[ObjectDifference],
    *,
    as_json: bool,
) -> None:
    """The same of reports of objects or label maps; `body` is all of them as JSON."""
    if wanted:
        print_numbers(reports, wanted, as_json=as_json)
    elif as_json:
        show(json_text(body))
    else:
        several = len(reports) > 1
        found = [
            replace(block, title=f"{name}: {block.title}") if several else block
            for name, report in reports
            for block in report_blocks(report)
        ]
        for one in differences:
            title = f"{shortened(one.first)} less {shortened(one.second)}"
            found.append(Block(title, ("number", "difference", INTERVAL), tuple(_lost(one.totals, one.intervals))))
        print_blocks(found)
        _say([one.sentence() for one in differences])


def _say(sentences: Sequence[str]) -> None:
    """What the differences mean, below the tables."""
    for sentence in sentences:
        show(f"\n{printable(sentence)}")


def _lost(totals: dict[str, float], found: Intervals) -> Iterator[tuple[str, ...]]:
    for name, value in totals.items():
        yield name, _signed(value), _signed_interval(found.totals[name])


def blocks(whole: Whole) -> list[Block]:
    """The tables, in reading order."""
    run = whole.evaluation
    found = [_totals(run), *_differences(run)]
    for name, scored in zip(run.names, run.scored, strict=True):
        of = f" of {name}" if len(run.names) > 1 else ""
        found.append(_classes(scored, of))
        if isinstance(scored.report.confusion, ConfusionTable):
            found.append(_confusions(scored.report.confusion, of))
    return [*found, *_slices(run), *_stress(run)]


def interval(ends: Ends | None) -> str:
    """`0.8712 to 0.9401`."""
    return "-" if ends is None or np.isnan(ends[0]) else f"{cell(float(ends[0]))} to {cell(float(ends[1]))}"


def _ends(scored: Scored, name: str) -> Ends | None:
    found = scored.report.intervals
    return None if found is None else found.totals[name]


def _counted(count: int) -> str:
    return f"{count} picture" if count == 1 else f"{count} pictures"


def _totals(run: Evaluation) -> Block:
    title = f"{_counted(len(run.rows))}, {run.failed} failed" if run.failed else _counted(len(run.rows))
    columns = ["number"]
    for name in run.names:
        columns += [shortened(name), INTERVAL]
    rows = []
    for number in run.scored[0].report.totals:
        row = [number]
        for scored in run.scored:
            row += [cell(scored.report.totals[number]), interval(_ends(scored, number))]
        rows.append(tuple(row))
    return Block(title, tuple(columns), tuple(rows))


def _differences(run: Evaluation) -> list[Block]:
    found = []
    for one in run.comparisons:
        rows = list(_lost(one.totals, one.intervals))
        title = f"{shortened(one.first)} less {shortened(one.second)}"
        exact = one.exact
        rows.append((f"right only by {shortened(one.first)}", str(exact.only_first), ""))
        rows.append((f"right only by {shortened(one.second)}", str(exact.only_second), ""))
        rows.append(("p (McNemar, mid-p)", f"{exact.p:.4g}", ""))
        found.append(Block(title, ("number", "difference", INTERVAL), tuple(rows)))
    return found


def _signed(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:+.4f}"


def _signed_interval(ends: Ends) -> str:
    return "-" if np.isnan(ends[0]) else f"{_signed(float(ends[0]))} to {_signed(float(ends[1]))}"


def _classes(scored: Scored, of: str) -> Block:
    report = scored.report
    names = list(report.by_class)
    first = "ap" if "ap" in names else "f1"
    every = [k for k, count in enumerate(report.by_class["support"]) if count]
    order = sorted(every, key=lambda k: (np.nan_to_num(report.by_class[first][k], nan=-1.0), k))
    chosen = every if len(every) <= MOST_CLASSES else order[:MOST_CLASSES]
    title = f"Classes{of}"
    if len(every) > MOST_CLASSES:
        title = f"The {MOST_CLASSES} worst of {len(every)} classes{of}, by {first}"
    ends = None if report.intervals is None else report.intervals.classes.get("recall")
    rows = []
    for k in chosen:
        row = [shortened(report.labels[k]), str(int(report.by_class["support"][k]))]
        for name in names:
            if name != "support":
                row.append(cell(float(report.by_class[name][k])))
        row.append(interval(None if ends is None else ends[:, k]))
        rows.append(tuple(row))
    numbers = [name for name in names if name != "support"]
    return Block(title, ("class", "pictures", *numbers, f"recall, {INTERVAL}"), tuple(rows))


def _confusions(table: ConfusionTable, of: str) -> Block:
    found = [
        (-int(table.counts[t, p]), table.labels[t], table.labels[p])
        for t, p in zip(*np.nonzero(table.counts), strict=True)
        if t != p
    ]
    rows = tuple((shortened(t), shortened(p), str(-count)) for count, t, p in sorted(found)[:MOST_CONFUSIONS])
    return Block(f"Most frequent confusions{of}", ("truth", "predicted", "pictures"), rows)


def _slices(run: Evaluation) -> list[Block]:
    if not run.slices:
        return []
    headline = run.scored[0].headline
    several = len(run.names) > 1
    rows = []
    for one in run.slices:
        report = one.scored.report
        value = f"{shortened(one.value)}, {one.model}" if several else shortened(one.value)
        others = [name for name in report.totals if name != headline]
        first = (value, str(report.pictures), cell(report.totals[headline]), interval(_ends(one.scored, headline)))
        rows.append((*first, *(cell(report.totals[name]) for name in others)))
    others = [name for name in run.scored[0].report.totals if name != headline]
    title = f"By {run.slices[0].column}, the worst first"
    return [Block(title, (run.slices[0].column, "pictures", headline, INTERVAL, *others), tuple(rows))]


def _stress(run: Evaluation) -> list[Block]:
    found = []
    for name in dict.fromkeys(row.model for row in run.stress):
        of = f" of {name}" if len(run.names) > 1 else ""
        rows = tuple(
            (
                f"{row.kind} {row.level}",
                cell(row.number),
                interval(row.ends),
                _signed(row.difference),
                _signed_interval(row.difference_ends),
            )
            for row in run.stress
            if row.model == name
        )
        headline = run.stress[0].headline
        columns = ("made worse by", headline, INTERVAL, "difference", f"its {INTERVAL}")
        found.append(Block(f"Pictures made worse{of}, {headline} and what it lost", columns, rows))
    return found
