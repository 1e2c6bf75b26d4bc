"""The loop by a game of two numbers, whose steps can be followed."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from visioncli.training.adversarial import loop as loops
from visioncli.training.adversarial import standing
from visioncli.training.adversarial.game import Game, Optimizers, Tally
from visioncli.training.adversarial.loop import Loop
from visioncli.training.checkpoint import CHECKPOINT, FOLDER
from visioncli.training.job import Job
from visioncli.training.recipe import Recipe


class Numbers(Game):
    """Two layers that pull at each other, with noise; `log` is what they were given."""

    averaged = ("one",)
    keep = 0.9

    def __init__(self, visits: int = 10) -> None:
        torch.manual_seed(0)
        self.networks = {"one": nn.Conv2d(2, 2, 1), "two": nn.BatchNorm2d(2)}
        self.device = torch.device("cpu")
        self.count, self.log, self.memory = visits, list[list[int]](), torch.zeros(2)
        self.settled = 0

    def visits(self) -> np.ndarray:
        return np.arange(self.count)

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {name: torch.optim.Adam(n.parameters(), 0.1) for name, n in self.networks.items()}

    def rate_at(self, step: int, steps: int) -> float:
        return 1 - step / (2 * steps)

    def prepared(self, epoch: int, visits: np.ndarray) -> Any:
        return epoch, visits

    def step(self, batch: Any, step: int, optimizers: Optimizers) -> dict[str, float]:
        epoch, visits = batch
        self.log.append([epoch, *visits.tolist()])
        assert all(network.training for network in self.networks.values())
        losses = {}
        for name, optimizer in optimizers.items():
            x = torch.randn(4, 2, 3, 3) + float(visits.mean())
            loss = self.networks["two"](self.networks["one"](x)).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses[name] = float(loss.detach())
        self.memory = self.memory + torch.randn(2)
        return losses

    def sample(self) -> np.ndarray:
        assert not any(network.training for network in self.networks.values())
        return np.full((2, 3, 3), 9, np.uint8)

    def measure(self) -> dict[str, float | None]:
        torch.rand(5)  # chance of its own changes nothing
        return {"distance": 1.0, "recall": None}

    def settle(self) -> None:
        self.settled += 1
        self.networks["two"](torch.randn(4, 2, 3, 3))  # statistics that must not stay

    def state(self) -> dict[str, Tensor]:
        return {"memory": self.memory}

    def restore(self, state: dict[str, Tensor]) -> None:
        self.memory = state["memory"]


class Stopped(Exception):
    """As if killed."""


class Run:
    """A loop with what it told, showed and kept."""

    def __init__(self, folder: Path, epochs: int = 3, batch: int = 4, visits: int = 10, stop: int = -1) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.sheets: list[int] = []
        self.kept: list[dict[str, Tensor]] = []
        self.game = Numbers(visits)
        job = Job(
            {}, "", Recipe(), np.arange(visits), np.arange(0), False, epochs, batch, None, "key", task="generate"
        )  # fmt: skip
        path = folder / FOLDER / CHECKPOINT
        fresh = not path.is_file()
        if fresh:
            standing.first(path, self.game, 0)

        def tell(event: str, **facts: Any) -> None:
            self.events.append((event, facts))
            if event == "step" and facts["step"] == stop:
                raise Stopped

        self.loop = Loop(
            job, self.game, folder,
            lambda states, step, numbers: self.kept.append({k: t.clone() for k, t in states["one"].items()}),
            lambda sheet, epoch, step: self.sheets.append(step), tell,
        )  # fmt: skip
        self.loop.resume()

    def tensors(self) -> dict[str, Tensor]:
        found = {f"{n}.{k}": t for n, net in self.game.networks.items() for k, t in net.state_dict().items()}
        return found | {"memory": self.game.memory} | self.loop.averages["one"].state


def equal(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.fixture(autouse=True)
def always_looks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(loops, "LOOK_SHARE", 1e9)
    yield


def test_an_epoch_has_whole_batches_of_other_visits_each_time(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.loop.run()
    assert [len(batch) - 1 for batch in run.game.log] == [4] * 6
    assert [batch[0] for batch in run.game.log] == [0, 0, 1, 1, 2, 2]
    epochs = [[v for batch in run.game.log[n : n + 2] for v in batch[1:]] for n in (0, 2, 4)]
    assert all(len(set(visits)) == 8 for visits in epochs)
    assert epochs[0] != epochs[1]


def test_a_set_smaller_than_a_batch_is_one_batch(tmp_path: Path) -> None:
    run = Run(tmp_path, batch=64, visits=5)
    run.loop.run()
    assert [sorted(batch[1:]) for batch in run.game.log] == [[0, 1, 2, 3, 4]] * 3


@pytest.mark.parametrize("stop", [1, 2, 3, 5])
def test_a_killed_run_goes_on_to_the_same_tensors(tmp_path: Path, stop: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "SAVE_SECONDS", 0.0)  # a checkpoint after each step
    whole = Run(tmp_path / "whole")
    whole.loop.run()
    with pytest.raises(Stopped):
        Run(tmp_path / "killed", stop=stop).loop.run()
    second = Run(tmp_path / "killed")
    assert 0 <= second.loop.at.step <= stop
    second.loop.run()
    assert equal(whole.tensors(), second.tensors())
    assert equal(whole.kept[-1], second.kept[-1])
    last = [next(facts for event, facts in reversed(run.events) if event == "epoch") for run in (whole, second)]
    assert last[0] == last[1]


def test_looking_changes_nothing_that_is_learned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    often = Run(tmp_path / "often")
    often.loop.run()
    monkeypatch.setattr(loops, "LOOK_SHARE", -1.0)
    seldom = Run(tmp_path / "seldom")
    seldom.loop.run()
    assert len(often.kept) == 3
    assert len(seldom.kept) == 1  # the last look is never left out
    assert seldom.sheets == [6]
    assert equal(often.tensors(), seldom.tensors())


def test_without_time_one_step_is_made_and_looked_at(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.loop.deadline = time.monotonic() - 1
    run.loop.run()
    assert run.sheets == [1]
    assert len(run.kept) == 1
    assert [event for event, _ in run.events].count("epoch") == 1


def test_what_was_learned_to_its_end_stays_as_it_is(tmp_path: Path) -> None:
    first = Run(tmp_path)
    first.loop.run()
    again = Run(tmp_path)
    again.loop.run()
    assert again.game.log == again.sheets == again.kept == []
    assert equal(first.tensors(), again.tensors())


def test_a_long_epoch_is_looked_at_within(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "LOOK_SECONDS", 0.0)
    run = Run(tmp_path)
    run.loop.run()
    assert run.sheets == [1, 2, 3, 4, 5, 6]


def test_the_average_is_what_is_kept(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.loop.run()
    assert equal(run.kept[-1], run.loop.averages["one"].state)
    assert not equal(run.kept[-1], dict(run.game.networks["one"].state_dict()))
    assert run.game.settled == 3


def test_rates_follow_the_game(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.loop.run()
    (group,) = run.loop.optimizers["one"].param_groups
    assert group["lr"] == pytest.approx(0.1 * (1 - 5 / 12))


def test_losses_are_means_since_the_last_look(tmp_path: Path) -> None:
    tally = Tally()
    for loss in (1.0, 2.0, 6.0):
        tally.add({"generator": loss})
    assert tally.means() == {"generator": 3.0}
    run = Run(tmp_path)
    run.loop.run()
    epochs = [facts for event, facts in run.events if event == "epoch"]
    assert [facts["epoch"] for facts in epochs] == [1, 2, 3]
    assert {"one_loss", "two_loss", "distance", "recall", "rate"} <= epochs[0].keys()


def test_time_that_is_over_ends_with_a_look(tmp_path: Path) -> None:
    run = Run(tmp_path, epochs=1000)
    run.loop.deadline = time.monotonic() + 0.3
    run.loop.run()
    assert 0 < run.loop.at.step < 2000
    assert run.sheets[-1] == run.loop.at.step
    assert standing.read(run.loop.path).standing.step == run.loop.at.step


def test_the_forecast_fits_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "TIMED", 5)
    monkeypatch.setattr(loops, "LOOK_SHARE", 0.1)
    run = Run(tmp_path, epochs=100_000)
    run.loop.deadline = time.monotonic() + 0.5
    run.loop.run()
    (forecast,) = (facts for event, facts in run.events if event == "forecast")
    assert forecast["steps"] < 200_000
    assert forecast["seconds"] <= 0.5


def test_a_finished_run_makes_no_more_steps(tmp_path: Path) -> None:
    Run(tmp_path).loop.run()
    again = Run(tmp_path)
    again.loop.run()
    assert again.game.log == []
