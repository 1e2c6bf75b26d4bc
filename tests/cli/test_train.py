"""`vision train` as a user types it, and what other commands make of its folder."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file

from visioncli.cli.train import AUGMENT, BALANCE, FROM, TASKS, UNFREEZE, TrainPrecision, seconds_of
from visioncli.errors import UsageError
from visioncli.training.processes.interface import HALVES
from visioncli.training.recipe import Augment, Balance, Start, Unfreeze
from visioncli.training.train import TASKS as KNOWN_TASKS

VISION = [sys.executable, "-m", "visioncli"]


@pytest.fixture(scope="module")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(7)
    folder = tmp_path_factory.mktemp("squares") / "set"
    for name, colour in {"blue": (40, 60, 200), "red": (210, 50, 40)}.items():
        (folder / name).mkdir(parents=True)
        for n in range(20):
            pixels = np.clip(np.array(colour) + rng.normal(0, 40, (28, 28, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{n}.png")
    return folder


def vision(*args: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*VISION, *map(str, args)], cwd=cwd, capture_output=True, text=True, check=False)


SCRATCH = ("--from", "scratch", "--model", "lenet5", "--threads", "1")


def test_a_run_is_a_model_for_the_other_commands(squares: Path, tmp_path: Path) -> None:
    done = vision("train", squares, "-o", "run", *SCRATCH, "--epochs", "10", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    numbers = json.loads(done.stdout)
    assert numbers["val"]["top1"] > 0.8
    assert "vision classify PICTURE --model run" in done.stderr
    record = json.loads(vision("classify", squares / "red" / "3.png", "-m", "run", "-o", "-", cwd=tmp_path).stdout)
    assert record["predictions"][0]["label"] == "red"
    info = vision("models", "info", "run", cwd=tmp_path).stdout
    assert "lenet" in info.lower()
    assert "--from scratch --model lenet5" in info
    refused = vision("eval", squares, "run", "-o", "-", "--json", cwd=tmp_path)
    assert "was trained on" in refused.stderr
    body = json.loads(refused.stdout)
    assert body["models"][0]["pictures"] <= 20


def test_a_killed_run_goes_on_to_the_same_tensors(squares: Path, tmp_path: Path) -> None:
    options = (*SCRATCH, "--epochs", "60", "--patience", "60")
    whole = vision("train", squares, "-o", "whole", *options, cwd=tmp_path)
    assert whole.returncode == 0, whole.stderr
    process = subprocess.Popen(
        [*VISION, "train", str(squares), "-o", "cut", *options], cwd=tmp_path, stderr=subprocess.DEVNULL
    )
    log = tmp_path / "cut" / "log.jsonl"
    end = time.monotonic() + 60
    while time.monotonic() < end and (not log.exists() or log.read_text().count('"epoch"') < 5):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    resumed = vision("train", squares, "-o", "cut", *options, "--resume", cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    first, second = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "cut"))
    assert all(bool((first[name] == second[name]).all()) for name in first)


def children(process: int) -> list[int]:
    """Those of a process's own processes that run Python programs of multiprocessing's `spawn`."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parent = path.read_text().rpartition(")")[2].split()[1]
            if int(parent) == process and b"spawn_main" in path.with_name("cmdline").read_bytes():
                found.append(int(path.parent.name))
    return found


@pytest.mark.skipif(not find_spec("accelerate"), reason="needs the extra train")
@pytest.mark.skipif(not Path("/proc/self/stat").is_file(), reason="finds processes in /proc")
def test_a_killed_process_of_several_ends_the_command_with_a_sentence(squares: Path, tmp_path: Path) -> None:
    options = (*SCRATCH, "--epochs", "5000", "--patience", "5000", "--devices", "2")
    command = [*VISION, "train", str(squares), "-o", "run", *options]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    log = tmp_path / "run" / "log.jsonl"
    end = time.monotonic() + 120
    while time.monotonic() < end and (not log.exists() or '"epoch"' not in log.read_text()):
        time.sleep(0.02)
    (worker,) = children(process.pid)
    os.kill(worker, signal.SIGKILL)
    said = process.communicate(timeout=120)[1]
    assert process.returncode == 3
    assert "Process 2 of the 2 that train was ended by SIGKILL" in said
    assert "--resume goes on" in said
    assert "Traceback" not in said
    done = vision("classify", squares / "red" / "3.png", "-m", "run", "-o", "-", cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_an_interrupted_run_leaves_a_usable_model(squares: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*VISION, "train", str(squares), "-o", "run", *SCRATCH, "--epochs", "5000", "--patience", "5000"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + 60
    while time.monotonic() < end and not (tmp_path / "run" / "model.json").exists():
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert "--resume goes on" in process.communicate(timeout=60)[1]
    assert process.returncode == 130
    done = vision("classify", squares / "red" / "3.png", "-m", "run", "-o", "-", cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_tensorboard_gets_its_files(squares: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="the extra train")
    done = vision("train", squares, "-o", "run", *SCRATCH, "--epochs", "2", "--tensorboard", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [path.name.startswith("events.") for path in (tmp_path / "run" / "tensorboard").iterdir()] == [True]


def test_unreadable_pictures_are_sentences_and_status_1(squares: Path, tmp_path: Path) -> None:
    bad = squares / "red" / "bad.png"
    bad.write_bytes(b"nothing")
    try:
        done = vision("train", squares, "--check", "--from", "scratch", "-m", "lenet5", cwd=tmp_path)
    finally:
        bad.unlink()
    assert done.returncode == 1
    assert "bad.png" in done.stderr
    assert os.listdir(tmp_path) == []


def test_wrong_usage_is_a_sentence(squares: Path, tmp_path: Path) -> None:
    for args, words in (
        ((squares,), "-o RUN"),
        ((squares, "-o", "r", "--model", "lenet5"), "--from scratch"),
        ((squares, "-o", "r", "--unfreeze", "some"), "none, last, all"),
        ((squares, "-o", "r", "--time", "soon"), "--time"),
        (("nowhere", "-o", "r"), "nowhere"),
    ):
        done = vision("train", *args, cwd=tmp_path)
        assert done.returncode in (2, 3), done.stderr
        assert words in done.stderr
        assert "Traceback" not in done.stderr


def test_the_words_of_options_are_those_that_are_meant() -> None:
    assert tuple(Unfreeze) == UNFREEZE
    assert tuple(Start) == FROM
    assert tuple(Augment) == AUGMENT
    assert tuple(Balance) == BALANCE
    assert KNOWN_TASKS == TASKS
    assert {kind.value for kind in TrainPrecision} == {"auto", "fp32", *HALVES}


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("10m", 600), ("1.5h", 5400), ("45", 45)])
def test_times_are_read(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


def test_other_times_are_refused() -> None:
    with pytest.raises(UsageError, match="--time"):
        seconds_of("10 minutes")
