import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import Ended
from visioncli.cli import interrupts
from visioncli.cli.interrupts import Interrupts
from visioncli.sinks.folder import PARTIAL

Start = Callable[..., subprocess.Popen[bytes]]
Make = Callable[..., list[Path]]
COUNT = 40


def predictions(folder: Path) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in (folder / "predictions.jsonl").read_bytes().splitlines()]
    return [{k: v for k, v in record.items() if k != "ms"} for record in found]


def files(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def wait_for_lines(process: subprocess.Popen[bytes], count: int) -> None:
    assert process.stdout is not None
    for _ in range(count):
        assert process.stdout.readline()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_soon_with_status_130_and_valid_records(
    number: int, start_vision: Start, pictures: Make, tmp_path: Path
) -> None:
    pictures(COUNT)
    process = start_vision("classify", "photos", "-o", "out", "-f", "json")
    wait_for_lines(process, 5)
    process.send_signal(number)
    start = time.monotonic()
    _, err = process.communicate(timeout=30)
    assert time.monotonic() - start < 2
    assert process.returncode == 130
    assert b"Traceback" not in err
    assert b"interrupted" in err
    done = predictions(tmp_path / "out")
    assert 5 <= len(done) < COUNT
    assert [r["input"] for r in done] == [f"photos/{n:03d}.png" for n in range(len(done))]
    assert len(json.loads((tmp_path / "out" / "predictions.json").read_bytes())) == len(done)
    assert not [name for name in files(tmp_path / "out") if ".vision-" in name]


def test_an_interrupt_while_the_network_loads_leaves_nothing(
    start_vision: Start, pictures: Make, tmp_path: Path
) -> None:
    pictures(1)
    # The reference engine, for it takes seconds to load.
    process = start_vision("classify", "photos", "-o", "out", "--engine", "torch")
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    start = time.monotonic()
    out, err = process.communicate(timeout=30)
    assert time.monotonic() - start < 2
    assert process.returncode == 130
    assert (out, err) == (b"", b"")
    assert not (tmp_path / "out").exists()


def test_an_interrupted_run_can_be_resumed_again_and_again(
    start_vision: Start, vision_process: Callable[..., Ended], pictures: Make, tmp_path: Path
) -> None:
    pictures(COUNT)
    whole = vision_process("classify", "photos", "-o", "whole", "--annotated", "none")
    seen = 0
    for _ in range(2):
        process = start_vision("classify", "photos", "-o", "out", "--resume", "--annotated", "none")
        wait_for_lines(process, seen + 3)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
        assert len(predictions(tmp_path / "out")) >= seen
        seen = len(predictions(tmp_path / "out"))
    last = vision_process("classify", "photos", "-o", "out", "--resume", "--annotated", "none")
    assert last.status == whole.status == 0
    assert predictions(tmp_path / "out") == predictions(tmp_path / "whole")


def test_a_killed_run_resumes_to_what_an_undisturbed_one_gives(
    start_vision: Start, vision_process: Callable[..., Ended], pictures: Make, tmp_path: Path
) -> None:
    pictures(COUNT)
    (tmp_path / "photos" / "006.png").write_bytes(b"broken")
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    whole = vision_process("classify", "../photos", "-o", "out", cwd=tmp_path / "a")
    process = start_vision("classify", "../photos", "-o", "out", cwd=tmp_path / "b")
    wait_for_lines(process, 9)
    process.kill()
    process.communicate()
    assert (tmp_path / "b" / "out" / PARTIAL).is_dir()
    ended = vision_process("classify", "../photos", "-o", "out", "--resume", cwd=tmp_path / "b")
    assert "taken from an earlier run" in ended.err
    assert ended.status == whole.status == 1
    assert predictions(tmp_path / "a" / "out") == predictions(tmp_path / "b" / "out")
    assert files(tmp_path / "a" / "out") == files(tmp_path / "b" / "out")


@pytest.fixture
def own_handlers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(interrupts, "ECHO_SECONDS", 0.02)


@pytest.mark.usefixtures("own_handlers")
def test_an_interrupt_waits_for_the_end_of_what_is_held() -> None:
    made, passed = Interrupts(), []
    with pytest.raises(KeyboardInterrupt), made.held():
        made._on_signal(2, None)
        passed.append(1)
    assert passed == [1]
    with made.held():
        passed.append(2)


@pytest.mark.usefixtures("own_handlers")
def test_a_second_interrupt_does_not_wait_but_an_echo_does() -> None:
    made, passed = Interrupts(), []
    with pytest.raises(KeyboardInterrupt), made.held():
        made._on_signal(2, None)
        made._on_signal(2, None)
        passed.append(1)
        time.sleep(0.03)
        made._on_signal(2, None)
        passed.append(2)
    assert passed == [1]


@pytest.mark.usefixtures("own_handlers")
def test_an_interrupt_at_the_end_is_ignored() -> None:
    made = Interrupts()
    with pytest.raises(KeyboardInterrupt):
        made._on_signal(2, None)
    made.ignore()
    time.sleep(0.03)
    made._on_signal(2, None)
