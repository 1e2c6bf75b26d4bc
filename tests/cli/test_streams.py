"""Full disks, closed pipes, old encodings and control characters, with every command."""

import io
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Ended
from visioncli.cli import streams
from visioncli.cli.streams import printable, worded_warnings
from visioncli.cli.terminal import Console, TableSink
from visioncli.results import Failure, Record

Vision = Callable[..., Ended]
Make = Callable[..., list[Path]]

FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="this system has no device that is always full")

LINES = [
    ["--help"],
    ["--version"],
    ["schema"],
    ["classify", "--help"],
    ["iou", "0,0,5,5", "1,1,5,5"],
    ["iou", "0,0,5,5", "1,1,5,5", "--json"],
    ["models"],
    ["models", "--json"],
    ["models", "info", "resnet18"],
    ["models", "layers", "resnet18"],
    ["models", "path"],
    ["models", "arithmetic", "-i", "5", "-k", "3"],
]
RUNS = [
    ["classify", "photos", "-o", "-"],
    ["classify", "photos", "-o", "out"],
    ["classify", "photos", "-o", "-", "--format", "csv"],
    ["classify", "photos", "-o", "-", "--format", "json"],
]


def test_a_warning_of_the_package_is_a_sentence_and_one_of_a_library_is_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    others: list[str] = []
    monkeypatch.setattr(warnings, "showwarning", lambda message, *_: others.append(str(message)))
    worded_warnings()
    own = str(Path(streams.__file__).parents[1] / "weights" / "places.py")
    warnings.showwarning(UserWarning("It is\tdamaged."), UserWarning, own, 1)
    warnings.showwarning(DeprecationWarning("Old."), DeprecationWarning, own, 1)
    warnings.showwarning(UserWarning("Slow."), UserWarning, "/lib/other/places.py", 1)
    assert capsys.readouterr().err == "vision: warning: It is\\tdamaged.\n"
    assert others == ["Old.", "Slow."]


def test_a_command_that_collects_no_warnings_says_them_in_words(vision_process: Vision, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    cache = {"VISION_CACHE_DIR": str(tmp_path / "file" / "cache")}
    ended = vision_process("export", "efficientnet_lite0", "-o", "x.onnx", env=cache)
    assert ended.status == 0
    assert "vision: warning: Converted weights could not be kept, so each start is slower." in ended.err
    assert "UserWarning" not in ended.err


@needs_full
@pytest.mark.parametrize("args", LINES + RUNS, ids=" ".join)
def test_a_full_standard_output_is_a_sentence_and_status_3(
    args: list[str], vision_process: Vision, pictures: Make
) -> None:
    pictures(1)
    with FULL.open("wb") as full:
        ended = vision_process(*args, stdout=full)
    assert ended.status == 3
    assert ended.err.startswith("vision: ") or "multiply-adds" in ended.err
    assert "Cannot write to standard output: no space left on device." in ended.err
    assert "Traceback" not in ended.err


@needs_full
@pytest.mark.parametrize("args", [["--help"], RUNS[0], ["classify", "missing.png", "-o", "-"], ["classify"]], ids=str)
def test_a_full_standard_error_changes_no_status(args: list[str], vision_process: Vision, pictures: Make) -> None:
    pictures(1)
    with FULL.open("wb") as full:
        silent = vision_process(*args, stderr=full)
    heard = vision_process(*args)
    assert (silent.status, silent.out.count(b"\n")) == (heard.status, heard.out.count(b"\n"))


@pytest.mark.parametrize("args", [["--help"], ["detect", "--help"], ["models"], *RUNS[:2]], ids=" ".join)
def test_an_encoding_that_lacks_characters_is_no_traceback(
    args: list[str], vision_process: Vision, pictures: Make, tmp_path: Path
) -> None:
    (path,) = pictures(1)
    path.rename(path.with_name("größe 猫.png"))
    (tmp_path / "photos" / "no picture ü.png").write_text("text")
    ended = vision_process(*args, env={"PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "0"})
    assert ended.status == (1 if "photos" in args else 0)
    assert "Traceback" not in ended.err
    assert ended.out.isascii()


def test_control_characters_of_a_picture_or_a_network_do_not_reach_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    console = Console(quiet=False)
    console.failure("a\x1b[31m.png", "The server answered 500 \x1b]0;title\x07.")
    console.warning("The class c\ru\x9bp is new.")
    table = TableSink(console)
    table.write(Record("classify", "b\x1b[2J.png", error=Failure("not\x1b[1m_found", "")))
    out, err = capsys.readouterr()
    assert not {c for c in out + err if not c.isprintable()} - {"\n"}
    assert "\\x1b[31m" in err
    assert "\\x1b[2J" in out


def test_a_sentence_stays_one_line() -> None:
    assert printable("a\nb\tc\x1b\x85\u2028é") == "a\\nb\\tc\\x1b\\x85\\u2028é"


def test_arguments_are_shown_without_their_control_characters(vision_process: Vision) -> None:
    for args in (["--no\x1b[31m"], ["classify", "x.png", "--model", "\x1b[31mnet"], ["\x1b[31m"]):
        ended = vision_process(*args)
        assert ended.status == 2
        assert ended.err.startswith("vision: ")
        assert "\x1b" not in ended.err


def test_wrong_usage_is_one_sentence_that_names_the_help(vision: Vision) -> None:
    ended = vision("classify", "x.png", "--worker", "2")
    assert ended.status == 2
    assert ended.err.startswith("vision: There is no option --worker. Did you mean --workers?")
    assert ended.err.endswith("See vision classify --help.\n")
    assert ended.err.count("\n") == 1


def test_a_pipe_that_nobody_reads_ends_a_table_quietly(tmp_path: Path) -> None:
    command = f'"{sys.executable}" -m visioncli models --json; echo $? >&2'
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as pipe:
        done = subprocess.run(["sh", "-c", command], stdout=pipe, stderr=subprocess.PIPE, cwd=tmp_path, check=False)
    assert done.stderr == b"141\n"


def test_what_a_table_is_drawn_with_follows_the_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    for encoding, rule in (("ascii", "-"), ("utf-8", "─")):
        memory = io.BytesIO()
        stream = io.TextIOWrapper(memory, encoding)
        monkeypatch.setattr(sys, "stdout", stream)
        TableSink(Console(quiet=True)).write(Record("classify", "b.png", error=Failure("not_found", "")))
        monkeypatch.undo()
        assert rule * 20 in memory.getvalue().decode()
