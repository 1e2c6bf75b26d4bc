"""Whole commands with `--on ray`, on two nodes."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cluster.conftest import workers_of
from conftest import Ended

Start = Callable[..., subprocess.Popen[bytes]]
Make = Callable[..., list[Path]]
Vision = Callable[..., Ended]
COUNT = 240


def records(out: Path) -> list[dict[str, Any]]:
    """Those of a run, without times and the folder's own name."""
    text = (out / "predictions.jsonl").read_text().replace(f'"{out.name}/', '"OUT/')
    found = [json.loads(line) for line in text.splitlines()]
    return [{name: value for name, value in record.items() if name != "ms"} for record in found]


def files(out: Path) -> dict[str, bytes]:
    return {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*") if p.is_file() and p.suffix == ".jpg"}


def wait_for(what: Callable[[], bool], process: subprocess.Popen[bytes], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert process.poll() is None, process.communicate()[1].decode()
        assert time.monotonic() < end
        time.sleep(0.02)


def pieces(out: Path) -> int:
    """How many pieces have their records."""
    return len(list((out / ".vision-partial" / "ray").glob("piece-*/predictions.jsonl")))


@pytest.fixture
def photos(pictures: Make, tmp_path: Path) -> Path:
    pictures(COUNT)
    (tmp_path / "photos" / "005.jpg").write_text("This is no picture.")
    return tmp_path / "photos"


def test_a_worker_that_is_killed_loses_nothing_and_doubles_nothing(
    on_cluster: Any, photos: Path, start_vision: Start, vision_process: Vision, tmp_path: Path
) -> None:
    plain = vision_process("classify", "photos", "-o", "plain", "-f", "csv,json")
    process = start_vision("classify", "photos", "-o", "out", "-f", "csv,json", "--on", "ray", "--actors", "2")
    wait_for(lambda: pieces(tmp_path / "out") >= 2, process)
    victim = workers_of(on_cluster)[0]
    os.kill(victim, signal.SIGKILL)
    out, err = process.communicate(timeout=60)
    assert process.returncode == plain.status == 1, err.decode()
    assert b"An actor was lost" in err
    assert f"{COUNT} of {COUNT + 1} succeeded, 1 failed" in err.decode()
    assert records(tmp_path / "out") == records(tmp_path / "plain")
    assert [r["input"] for r in map(json.loads, out.splitlines())] == [r["input"] for r in plain.records]
    assert files(tmp_path / "out") == files(tmp_path / "plain")
    assert (tmp_path / "out" / "predictions.csv").read_text() == (tmp_path / "plain" / "predictions.csv").read_text()
    assert not (tmp_path / "out" / ".vision-partial").exists()


def test_an_interrupt_keeps_what_was_finished_and_resume_goes_on(
    on_cluster: Any, photos: Path, start_vision: Start, vision_process: Vision, tmp_path: Path
) -> None:
    command = ("classify", "photos", "-o", "out", "--on", "ray", "--annotated", "none")
    process = start_vision(*command)
    wait_for(lambda: pieces(tmp_path / "out") >= 2, process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err.decode()
    assert b"interrupted" in err
    assert b"Traceback" not in err
    done = records(tmp_path / "out")
    assert COUNT // 20 < len(done) < COUNT
    assert len({r["input"] for r in done}) == len(done)

    ended = vision_process(*command, "--resume")
    assert ended.status == 1, ended.err
    assert f"{sum(r['error'] is None for r in done)} taken from an earlier run" in ended.err
    vision_process("classify", "photos", "-o", "plain", "--annotated", "none")
    assert records(tmp_path / "out") == records(tmp_path / "plain")


def test_after_the_run_itself_was_killed_resume_takes_over_what_was_finished(
    on_cluster: Any, photos: Path, start_vision: Start, vision_process: Vision, tmp_path: Path
) -> None:
    command = ("classify", "photos", "-o", "out", "--on", "ray")
    process = start_vision(*command)
    wait_for(lambda: pieces(tmp_path / "out") >= 4, process)
    process.kill()
    process.wait()
    ended = vision_process(*command, "--resume")
    assert ended.status == 1, ended.err
    taken = int(ended.err.partition(" taken from an earlier run")[0].rpartition(" ")[2])
    assert 4 * COUNT // 20 <= taken < COUNT
    vision_process("classify", "photos", "-o", "plain")
    assert records(tmp_path / "out") == records(tmp_path / "plain")
    assert files(tmp_path / "out") == files(tmp_path / "plain")


def test_a_cluster_that_is_not_there_ends_the_run_with_a_sentence(
    vision: Vision, pictures: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pictures(1)
    monkeypatch.setenv("RAY_ADDRESS", "no port at all")
    ended = vision("classify", "photos", "-o", "out", "--on", "ray")
    assert ended.status == 3
    assert "The Ray cluster no port at all cannot be reached" in ended.err
    assert not (tmp_path / "out" / ".vision-partial").exists()


def test_what_cannot_go_together_is_wrong_usage(vision: Vision, pictures: Make) -> None:
    pictures(1)
    for arguments, words in (
        (["--on", "ray", "-o", "-"], "all machines of the cluster see"),
        (["--on", "ray", "--shard", "1/2"], "both split the work"),
        (["--actors", "2"], "goes with --on ray"),
        (["--on", "spark"], "--on takes ray"),
    ):
        ended = vision("classify", "photos", *arguments)
        assert ended.status == 2
        assert words in ended.err
