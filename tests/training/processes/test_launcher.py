"""Training in one process or in many."""

import functools
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import training_steps
from visioncli.errors import ModelUnavailable, OutputError, UsageError, VisionError
from visioncli.status import Status
from visioncli.training.processes.interface import Precision
from visioncli.training.processes.launcher import Alone, launch, portion, share

together = pytest.mark.skipif(not importlib.util.find_spec("accelerate"), reason="needs the extra train")


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone_within(seconds: float, pids: list[int]) -> bool:
    limit = time.monotonic() + seconds
    while any(map(is_alive, pids)) and time.monotonic() < limit:
        time.sleep(0.02)
    return not any(map(is_alive, pids))


@together
def test_two_processes_learn_what_one_learns() -> None:
    one = launch(training_steps.learn, device="cpu")
    two = launch(training_steps.learn, devices=2, device="cpu")
    assert (one["world"], two["world"], two["rank"]) == (1, 2, 0)
    for name, tensor in one["state"].items():
        assert torch.allclose(tensor, two["state"][name], rtol=0, atol=1e-5), name
    assert np.allclose(one["losses"], two["losses"], rtol=0, atol=1e-5)
    assert np.allclose(one["answers"], two["answers"], rtol=0, atol=1e-5)
    assert not {"RANK", "WORLD_SIZE", "LOCAL_RANK"} & os.environ.keys()


@together
@pytest.mark.parametrize(
    ("how", "error", "words"),
    [
        ("killed", VisionError, "Process 2 of the 2 that train was ended by SIGKILL"),
        ("said", VisionError, "The disk is full"),
        ("unexpected", RuntimeError, "a mistake"),
        ("first", OutputError, "The first one's disk is full"),
    ],
)
def test_a_process_that_fails_ends_all_with_its_reason(
    how: str, error: type[Exception], words: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=words):
        launch(functools.partial(training_steps.die, how=how, pids=str(tmp_path)), devices=2, device="cpu")
    assert gone_within(1, [int((tmp_path / "1").read_text())])
    assert torch.distributed.is_initialized() is False


@together
def test_a_process_that_cannot_start_is_not_waited_for() -> None:
    with pytest.raises(VisionError, match="Process 2 of the 2 that train ended by itself with status 9"):
        launch(training_steps.NotAtHome(), devices=2, device="cpu")


@together
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_no_process_outlives_the_first(number: int, tmp_path: Path) -> None:
    program = (
        "import functools, training_steps; from visioncli.training.processes.launcher import launch\n"
        "if __name__ == '__main__':\n"
        f"    launch(functools.partial(training_steps.die, how='nothing', pids={str(tmp_path)!r}), 2, 'cpu')"
    )
    script = tmp_path / "train.py"
    script.write_text(program)
    paths = os.pathsep.join([str(Path(training_steps.__file__).parent), *sys.path])
    process = subprocess.Popen(
        [sys.executable, str(script)], env=os.environ | {"PYTHONPATH": paths}, stderr=subprocess.PIPE
    )
    limit = time.monotonic() + 60
    while not ((tmp_path / "0").exists() and (tmp_path / "1").exists()) and time.monotonic() < limit:
        time.sleep(0.05)
        assert process.poll() is None, process.stderr and process.stderr.read().decode()
    time.sleep(0.2)
    pids = [int((tmp_path / name).read_text() or 0) for name in "01"]
    process.send_signal(number)
    process.wait(5)
    assert gone_within(2, pids)


def free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])


@together
def test_processes_that_a_cluster_started_find_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    program = (
        "import json, training_steps; from visioncli.training.processes.launcher import launch\n"
        "found = launch(training_steps.learn, device='cpu')\n"
        "print(json.dumps([found['rank'], found['world'], found['losses']]))"
    )
    alone = launch(training_steps.learn, device="cpu")
    paths = os.pathsep.join([str(Path(training_steps.__file__).parent), *sys.path])
    common = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    second = subprocess.Popen(
        [sys.executable, "-c", program],
        env=os.environ | common | {"RANK": "1", "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
    )
    for name, value in (common | {"RANK": "0"}).items():
        monkeypatch.setenv(name, value)
    first = launch(training_steps.learn, device="cpu")
    rank, world, losses = json.loads(second.communicate(timeout=90)[0])
    assert (first["rank"], first["world"], rank, world) == (0, 2, 1, 2)
    assert losses == first["losses"]
    assert np.allclose(losses, alone["losses"], rtol=0, atol=1e-5)


@together
def test_where_a_process_of_a_cluster_is_gone_the_others_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    program = (
        "import functools, training_steps; from visioncli.training.processes.launcher import launch\n"
        "launch(functools.partial(training_steps.die, how='killed'), device='cpu')"
    )
    paths = os.pathsep.join([str(Path(training_steps.__file__).parent), *sys.path])
    common = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    second = subprocess.Popen(
        [sys.executable, "-c", program], env=os.environ | common | {"RANK": "1", "PYTHONPATH": paths}
    )
    for name, value in (common | {"RANK": "0"}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(
        VisionError, match=r"Another of the 2 processes that train is gone.*--resume goes on"
    ) as raised:
        launch(functools.partial(training_steps.die, how="killed"), device="cpu")
    assert raised.value.status == Status.NONE_SUCCEEDED
    assert second.wait(60) == -signal.SIGKILL
    assert torch.distributed.is_initialized() is False


def test_one_process_needs_no_other_library_and_may_be_any_function() -> None:
    answer = launch(lambda launcher: (launcher.rank, launcher.world, launcher.is_main, launcher.device.type))
    assert answer[:3] == (0, 1, True)


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(ModelUnavailable, match=r"visioncli\[train\]"):
        launch(training_steps.learn, devices=2, device="cpu")


@pytest.mark.parametrize(
    "call",
    [
        lambda: launch(training_steps.learn, devices=0),
        lambda: launch(training_steps.learn, device="tpu"),
        lambda: launch(training_steps.learn, device="cpu", precision="fp8"),  # type: ignore[arg-type]
        lambda: launch(training_steps.learn, device="cpu", precision="bf16"),
    ],
)
def test_impossible_wishes_are_refused(call: Callable[[], object]) -> None:
    with pytest.raises(UsageError):
        call()


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_learns_nearly_the_same(precision: Precision) -> None:
    """On a processor here: the same steps as on a GPU, where fp16's gradients are scaled."""
    full = Alone("cpu")
    assert full.precision == "fp32"
    wanted, found = training_steps.learn(full), training_steps.learn(Alone("cpu", precision))
    assert np.allclose(wanted["losses"], found["losses"], atol=0.05)
    assert wanted["losses"] != found["losses"]


def test_a_step_whose_gradients_overflow_is_left_out() -> None:
    network = torch.nn.Linear(2, 1)
    alone = Alone("cpu", "fp16")
    module, optimizer = alone.setup(network, torch.optim.SGD(network.parameters(), lr=0.1))
    before = network.weight.detach().clone()
    alone.backward(module(torch.ones(1, 2)).sum() * 1e38)
    optimizer.step()
    assert torch.equal(network.weight, before)
    optimizer.zero_grad()
    alone.backward(module(torch.ones(1, 2)).sum())
    optimizer.step()
    assert torch.allclose(network.weight, before - 0.1)


def test_a_rate_schedule_and_a_second_setup_go_with_scaled_gradients() -> None:
    network = torch.nn.Linear(2, 1)
    alone = Alone("cpu", "fp16")
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    for _ in range(2):
        module, optimizer = alone.setup(network, optimizer)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5**step)
    before = network.weight.detach().clone()
    for _ in range(2):
        optimizer.zero_grad()
        alone.backward(module(torch.ones(1, 2)).sum())
        optimizer.step()
        schedule.step()
    assert torch.allclose(network.weight, before - 0.15)


@pytest.mark.parametrize("world", [1, 2, 3, 7])
def test_batches_and_their_mean_losses_are_the_same_for_any_number_of_processes(world: int) -> None:
    rng = np.random.default_rng(1)
    order, losses = rng.permutation(53), rng.random(53)
    parts = [share(order, rank, world, 10) for rank in range(world)]
    assert {len(each) for each in parts} == {6}
    for step in range(6):
        batch = order[step * 10 : step * 10 + 10]
        seen = [part[step] for part in parts]
        assert sorted(i for s in seen if s.weight for i in s.indices) == sorted(batch)
        assert all(len(s.indices) for s in seen)
        mean = sum(losses[s.indices].mean() * s.weight for s in seen) / world
        assert mean == pytest.approx(losses[batch].mean(), abs=1e-12)


def test_portions_in_the_order_of_ranks_are_the_whole() -> None:
    order = np.arange(11)
    assert np.array_equal(np.concatenate([portion(order, rank, 4) for rank in range(4)]), order)
