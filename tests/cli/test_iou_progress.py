import io

from visioncli.cli import iou_progress
from visioncli.cli.iou_progress import LineProgress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def told(monkeypatch, stream, seconds, *, quiet=False):
    now = [100.0]
    monkeypatch.setattr(iou_progress.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(iou_progress.sys, "stderr", stream)
    progress = LineProgress(quiet=quiet)
    for passed in seconds:
        now[0] = 100 + passed
        progress("reading a.csv", int(passed), 40)
    progress.clear()
    return stream.getvalue()


def test_short_work_and_quiet_work_say_nothing(monkeypatch):
    assert told(monkeypatch, io.StringIO(), [0, 5, 9.9]) == ""
    assert told(monkeypatch, Terminal(), [0, 0.5, 0.9]) == ""
    assert told(monkeypatch, Terminal(), [1, 20, 30], quiet=True) == ""


def test_a_log_gets_a_line_every_few_seconds(monkeypatch):
    text = told(monkeypatch, io.StringIO(), [1, 10, 11, 19, 21])
    assert text == "vision: reading a.csv: 25 %\nvision: reading a.csv: 52 %\n"


def test_a_terminal_gets_one_line_that_changes_and_goes_away(monkeypatch):
    text = told(monkeypatch, Terminal(), [1, 1.1, 2])
    assert text == "\r\x1b[Kvision: reading a.csv: 2 %\r\x1b[Kvision: reading a.csv: 5 %\r\x1b[K"


def test_without_a_total_megabytes_are_told(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(iou_progress, "FIRST_SECONDS", -1)
    monkeypatch.setattr(iou_progress.sys, "stderr", stream)
    LineProgress(quiet=False)("reading standard input", 3 << 30, None)
    assert stream.getvalue() == "vision: reading standard input: 3,072 MiB\n"
