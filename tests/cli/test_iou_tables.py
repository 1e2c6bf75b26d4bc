import io
import re

import numpy as np
import pytest

from visioncli.cli.iou_tables import (
    TOTAL,
    Block,
    cell,
    column_groups,
    plain_text,
    print_report,
    shortened,
)
from visioncli.metrics.report import ClassReport, ConfusionTable, Counts, Report

BLOCK = Block("title", ("class", "truth", "mean_iou"), (("a [b] class", "3", "0.5000"), (TOTAL, "3", "-")))


def report():
    counts = Counts(truth=2, matched=1, missed=1, spurious=0, mean_iou=0.75)
    numbers = {"AP": 0.5, "AP50": 1.0, "voc_ap": float("nan")}
    classes = tuple(ClassReport(f"class {k} [bold]", k, counts, numbers) for k in range(3))
    table = ConfusionTable(tuple(c.label for c in classes), np.array([[1, 7, 0, 0], [0] * 4, [2, 0, 0, 0], [0] * 4]))
    total = Counts(6, 3, 3, 0, 0.75)
    return Report(
        "boxes", "t", "p", 5, 0.5, 0.25, "numpy", total, {"AP": 0.5, "AP50": 1.0}, {"voc_ap": 0.5}, classes, table
    )


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_numbers_are_counts_shares_or_a_dash():
    assert [cell(v) for v in (3, 0.5, 1.0, float("nan"))] == ["3", "0.5000", "1.0000", "-"]


def test_plain_columns_are_aligned():
    assert plain_text(BLOCK).splitlines() == [
        "title",
        "class        truth  mean_iou",
        "a [b] class      3    0.5000",
        "all classes      3         -",
    ]


def test_a_narrow_terminal_gets_several_tables():
    assert column_groups(BLOCK, 80) == [[0, 1, 2]]
    assert column_groups(BLOCK, 30) == [[0, 1, 2]] or column_groups(BLOCK, 30) == [[0, 1], [0, 2]]
    assert column_groups(BLOCK, 5) == [[0, 1], [0, 2]]


@pytest.mark.parametrize("width", [50, 80, 140])
def test_no_number_is_broken_on_any_terminal(monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    out = Terminal()
    print_report(report(), out)
    text = re.sub(r"\x1b\[\d+m", "", out.getvalue())
    for number in ("0.7500", "0.6667", "1.0000", "class 2 [bold]", "Most frequent confusions"):
        assert number in text
    assert max(map(len, text.splitlines())) <= width


def test_the_most_frequent_confusions_come_first():
    out = io.StringIO()
    print_report(report(), out)
    lines = out.getvalue().splitlines()
    at = lines.index("Most frequent confusions")
    assert [line.split()[-1] for line in lines[at + 2 :]] == ["7", "2"]
    assert "score at least 0.25" in lines[0]


def test_labels_are_shown_in_one_line_and_not_as_wide_as_a_page():
    assert shortened("a\x1b[2J\r\n") == r"a\x1b[2J\r\n"
    assert shortened("x" * 200) == "x" * 79 + "…"
