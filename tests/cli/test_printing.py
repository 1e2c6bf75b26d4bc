import csv
import io
import os
import pty
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from conftest import Ended

Vision = Callable[..., Ended]
Make = Callable[..., list[Path]]


def test_paths_are_of_annotated_pictures_or_else_of_inputs(vision: Vision, pictures: Make) -> None:
    pictures(2)
    drawn = vision("classify", "photos", "missing.png", "-o", "out", "--print", "paths")
    assert drawn.status == 1
    assert drawn.out == b"out/000.png.classify.jpg\nout/001.png.classify.jpg\n"
    assert vision("classify", "photos", "-o", "-", "--print", "paths").out == b"photos/000.png\nphotos/001.png\n"
    plain = vision("classify", "photos", "-o", "out", "--annotated", "none", "--print", "paths")
    assert plain.out == b"photos/000.png\nphotos/001.png\n"


def test_paths_may_end_with_nul_and_hold_any_bytes(vision: Vision, pictures: Make) -> None:
    (path,) = pictures(1)
    odd = os.fsencode(path.parent) + b"/a\n\xff.png"
    os.rename(path, odd)
    assert vision("classify", "photos", "-o", "-", "--print", "paths", "-0").out == b"photos/a\n\xff.png\0"


def test_none_prints_nothing_and_says_all_the_rest(vision: Vision, pictures: Make) -> None:
    pictures(1)
    ended = vision("classify", "photos", "--print", "none")
    assert (ended.status, ended.out) == (0, b"")
    assert "1 of 1 succeeded" in ended.err


def test_a_table_is_printed_where_there_is_no_terminal_too(vision: Vision, pictures: Make) -> None:
    pictures(1)
    assert (
        vision("classify", "photos", "-o", "-", "--print", "table").out.splitlines()[2].startswith(b"photos/000.png ")
    )


def test_json_is_short_for_jsonl(vision: Vision, pictures: Make) -> None:
    pictures(1)
    for args in (["--json"], ["--print", "jsonl"], ["--json", "--print", "jsonl"], ["--print", "auto"]):
        assert len(vision("classify", "photos", "-o", "-", *args).records) == 1


@pytest.mark.parametrize("kind", ["paths", "jsonl"])
def test_on_a_terminal_the_progress_bar_stands_aside_for_each_line(
    kind: str, start_vision: Callable[..., subprocess.Popen[bytes]], pictures: Make
) -> None:
    pictures(3)
    ours, theirs = pty.openpty()
    process = start_vision("classify", "photos", "-o", "-", "--print", kind, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # Linux says so when the last writer has gone
        while data := os.read(ours, 1 << 16):
            shown += data
    os.close(ours)
    assert process.wait(60) == 0
    starts = [line.rpartition(b"\x1b[2K")[2].rpartition(b"\x1b[?25l")[2] for line in shown.split(b"\r\n")]
    assert sum(line.startswith((b"photos/", b'{"schema"')) for line in starts) == 3


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--json", "--print", "table"], "--print table contradicts"),
        (["--json", "--print", "none"], "--print none contradicts"),
        (["-o", "-", "-f", "csv", "--print", "paths"], "is the document of --format csv"),
        (["-o", "-", "-f", "csv", "--json"], "is the document of --format csv"),
        (["--print", "xml"], "--print"),
    ],
)
def test_contradictions_are_wrong_usage(args: list[str], words: str, vision: Vision, pictures: Make) -> None:
    pictures(1)
    ended = vision("classify", "photos", *args)
    assert (ended.status, ended.out) == (2, b"")
    assert words in ended.err


def test_a_document_on_standard_output_stands_alone(vision: Vision, pictures: Make) -> None:
    pictures(1)
    for args in ([], ["--print", "none"]):
        ended = vision("classify", "photos", "-o", "-", "-f", "csv", *args)
        assert {row["input"] for row in csv.DictReader(io.StringIO(ended.out.decode()))} == {"photos/000.png"}


def test_what_is_printed_changes_no_result(vision: Vision, pictures: Make) -> None:
    pictures(1)
    vision("classify", "photos", "-o", "out", "--print", "none")
    assert (
        "1 taken from an earlier run" in vision("classify", "photos", "-o", "out", "--resume", "--print", "paths").err
    )
