import logging
import os
import pty
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from visioncli.cli.terminal import Console, TableSink, describe, printable
from visioncli.predictions import Classification, Painting
from visioncli.results import Failure, ModelInfo, Record


def success(name: str = "a.png") -> Record:
    predictions = (Classification("tabby", 281, 0.912), Classification("tiger cat", 282, 0.05))
    return Record("classify", name, 3, 2, ModelInfo("m", None), predictions)


def on_a_terminal(cwd: Path, *args: str) -> tuple[int, str]:
    """Exit status and what a user at a terminal sees."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "visioncli", *args]
    process = subprocess.Popen(command, cwd=cwd, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    seen = b""
    while True:
        try:
            chunk = os.read(ours, 1 << 16)
        except OSError:  # the last one has closed its end
            break
        if not chunk:
            break
        seen += chunk
    os.close(ours)
    return process.wait(), seen.decode()


def test_a_terminal_shows_a_table_and_the_summary(pictures: Callable[..., list[Path]], tmp_path: Path) -> None:
    pictures(3)
    status, seen = on_a_terminal(tmp_path, "classify", "photos", "missing.png")
    assert status == 1
    assert "photos/001.png" in seen
    assert "failed: not_found" in seen
    assert "3 of 4 succeeded, 1 failed" in seen
    assert '"schema"' not in seen
    assert "Traceback" not in seen


def test_json_is_shown_on_a_terminal_on_request(pictures: Callable[..., list[Path]], tmp_path: Path) -> None:
    pictures(1)
    status, seen = on_a_terminal(tmp_path, "classify", "photos", "--json", "-q", "-o", "-")
    assert status == 0
    assert seen.startswith('{"schema": "vision/1"')


def test_rows_are_cut_to_the_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    sink = TableSink(Console(quiet=False))
    sink.write(success("x" * 100))
    sink.write(Record("classify", "b\n\x1b[31m", error=Failure("not_found", "gone")))
    sink.close()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["input", "result"]
    assert all(len(line) <= 60 for line in lines)
    assert "…" in lines[2]
    assert "b\\n\\x1b[31m" in lines[3]


def test_a_record_in_a_few_words() -> None:
    assert describe(success().predictions or ()) == "tabby 0.91, tiger cat 0.05"
    assert describe(()) == "nothing found"


def test_printable_text_has_no_control_characters() -> None:
    assert printable("é 猫 a\tb\udcff\u202e") == "é 猫 a\\tb\\udcff\\u202e"


def test_quiet_drops_warnings_but_no_errors(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(quiet=True)
    console.warning("minor")
    console.error("major")
    console.failure("a.png", "broken")
    assert capsys.readouterr().err == "vision: major\nvision: a.png: broken\n"


def test_what_decoders_say_about_damaged_files_is_not_shown(capfd: pytest.CaptureFixture[str]) -> None:
    console = Console(quiet=False)
    with warnings.catch_warnings(), console.silent_decoders():
        os.write(2, b"libtiff: rubbish\n")
        logging.getLogger("PIL.TiffImagePlugin").error("More samples than can be decoded")
        warnings.warn_explicit("odd tag", UserWarning, "TiffImagePlugin.py", 1, module="PIL.TiffImagePlugin")
        console.error("ours")
    os.write(2, b"later\n")
    assert capfd.readouterr().err == "vision: ours\nlater\n"


def test_steps_are_a_row_below_the_bar_while_there_is_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    console = Console(quiet=False)
    console.steps(1, 10)  # without a bar nothing is said
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with console.progress(lambda: 1) as advance:
        bar = console._progress
        for done in (1, 4, 9):
            console.steps(done, 10)
        assert [(task.description, task.completed, task.total) for task in bar.tasks] == [
            ("vision", 0, 1),
            ("steps", 9, 10),
        ]
        console.steps(10, 10)
        advance()
        assert [task.description for task in bar.tasks] == ["vision"]
        console.steps(1, 5)  # of the next picture
        assert bar.tasks[-1].total == 5


def test_a_painting_is_told_by_its_style_and_size() -> None:
    assert describe((Painting("mosaic:0.7", "multistyle", 1.0, False, 640, 480, 1.0),)) == "mosaic:0.7, 640 x 480"
