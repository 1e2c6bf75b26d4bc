from typing import Any

import numpy as np
import pytest
import torch

from visioncli.networks.cyclegan import Pair
from visioncli.training.adversarial.translate_game import Choices, TranslateGame, choices_for, sheet


class Numbered:
    """Pictures of one kind, each of one value."""

    def __init__(self, count: int, value: int) -> None:
        self.count, self.value = count, value

    def __len__(self) -> int:
        return self.count

    def drawn(self, number: int, rng: np.random.Generator) -> np.ndarray:
        return np.full((16, 16, 3), self.value + number, np.uint8)


class Swapped(torch.nn.Module):
    """A generator that inverts."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return -x


def played(a: int = 4, b: int = 7, shown: int = 2, **choices: Any) -> TranslateGame:
    torch.manual_seed(0)
    held_out = [np.full((3, 16, 16, 3), 10, np.uint8), np.full((2, 16, 16, 3), 200, np.uint8)]
    return TranslateGame(
        Pair(1, 4), [Numbered(a, 0), Numbered(b, 100)], held_out, Choices(16, 4, **choices), names=("new", "old"),
        shown=shown, seed=3, device=torch.device("cpu"),
    )  # fmt: skip


def test_an_epoch_visits_each_picture_of_the_larger_kind() -> None:
    assert played(4, 7).visits().tolist() == list(range(7))
    assert played(9, 7).visits().tolist() == list(range(9))


def test_pictures_of_the_larger_kind_are_all_visited_and_chance_puts_others_beside_them() -> None:
    a, b = played(4, 7).prepared(0, np.arange(7))
    assert b[:, 0, 0, 0].tolist() == list(range(100, 107))
    assert all(0 <= n < 4 for n in a[:, 0, 0, 0].tolist())
    game = played(9, 7)
    a, b = game.prepared(0, np.arange(9))
    assert a[:, 0, 0, 0].tolist() == list(range(9))
    beside = b[:, 0, 0, 0].tolist()
    assert all(100 <= n < 107 for n in beside) and len(set(beside)) > 2
    again = game.prepared(0, np.arange(9))[1]
    assert np.array_equal(b, again)
    assert not np.array_equal(b, game.prepared(1, np.arange(9))[1])


def test_what_is_prepared_hangs_on_the_visit_alone() -> None:
    game = played(9, 7)
    whole, alone = game.prepared(2, np.arange(9)), game.prepared(2, np.array([5]))
    assert np.array_equal(whole[1][5], alone[1][0])


def test_a_step_moves_all_four_networks_and_tells_their_losses() -> None:
    game = played(identity=1.0)
    before = {n: [p.clone() for p in net.parameters()] for n, net in game.networks.items()}
    losses = game.step(game.prepared(0, np.arange(2)), 0, game.optimizers())
    assert set(losses) == {"a_to_b", "b_to_a", "cycle", "identity", "discriminator_a", "discriminator_b"}
    for name, network in game.networks.items():
        assert any(not torch.equal(p, q) for p, q in zip(network.parameters(), before[name], strict=True)), name
    for half in (game.pair.a_to_b, game.pair.b_to_a):
        assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in half.parameters())


def test_without_its_weight_there_is_no_identity_loss() -> None:
    game = played()
    assert "identity" not in game.step(game.prepared(0, np.arange(2)), 0, game.optimizers())


def test_losses_are_those_of_the_paper() -> None:
    game = played()
    factor = torch.nn.Parameter(torch.ones(1))
    game.pair.a_to_b = game.pair.b_to_a = _Scaled(factor)  # type: ignore[assignment]
    with torch.no_grad():
        for judge in (game.judge_a, game.judge_b):
            for parameter in judge.parameters():
                parameter.zero_()
            judge.layers[-1].bias.fill_(0.25)  # type: ignore[union-attr]
    still = torch.optim.SGD([factor], 0.0)
    pixels = np.full((1, 16, 16, 3), 255, np.uint8), np.zeros((1, 16, 16, 3), np.uint8)
    losses = game.step(pixels, 0, {"generators": still, "discriminators": still})
    assert losses["a_to_b"] == losses["b_to_a"] == pytest.approx(0.75**2)
    assert losses["cycle"] == pytest.approx(0.0, abs=1e-6)
    assert losses["discriminator_a"] == pytest.approx((0.75**2 + 0.25**2) / 2)


class _Scaled(torch.nn.Module):
    """Inverts, with something to learn."""

    def __init__(self, factor: torch.nn.Parameter) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return -x * self.factor


def test_the_rate_is_constant_for_half_of_the_steps_and_then_falls_to_nothing() -> None:
    game = played()
    assert [round(game.rate_at(n, 100), 2) for n in (0, 49, 50, 75, 99)] == [1.0, 1.0, 1.0, 0.5, 0.02]


@torch.no_grad()
def test_what_is_translated_is_what_the_generator_of_that_direction_answers() -> None:
    game = played()
    game.pair.a_to_b = Swapped()  # type: ignore[assignment]
    pixels = np.arange(2 * 16 * 16 * 3, dtype=np.uint8).reshape(2, 16, 16, 3)
    assert np.array_equal(game.translated(pixels), 255 - pixels)
    assert not np.array_equal(game.translated(pixels, back=True), 255 - pixels)


@torch.no_grad()
def test_there_and_back_again_is_measured_and_shown() -> None:
    game = played()
    game.pair.a_to_b = game.pair.b_to_a = Swapped()  # type: ignore[assignment]
    assert game.measure() == {"cycle_error": 0.0}
    drawn = game.sample()
    # Rows of one colour each, below the words.
    rows = [row for row in drawn[:, 60] if (row == row[0]).all()]
    values = [int(row[0]) for row in rows if row[0] != 255]
    assert list(dict.fromkeys(values))[-4:] == [10, 245, 200, 55]


def test_a_sheet_has_a_column_for_each_picture_and_whole_factors() -> None:
    rows = [np.full((3, 50, 50, 3), 10 * n, np.uint8) for n in range(6)]
    drawn = sheet(rows)
    cell = 100 + 2
    assert drawn.shape == (6 * cell + 2 + 6, 3 * cell + 2, 3)
    assert [int(drawn[cell * n + 50 + (6 if n > 2 else 0), 50, 0]) for n in range(6)] == [0, 10, 20, 30, 40, 50]


def test_a_sheet_is_white_where_one_kind_has_fewer_pictures() -> None:
    few, many = (np.zeros((count, 64, 64, 3), np.uint8) for count in (1, 3))
    drawn = sheet([few, few, few, many, many, many])
    above, below = drawn[: len(drawn) // 2], drawn[len(drawn) // 2 :]
    assert (above[:, 2 + 128 :] == 255).all()
    assert (below[10:100, -100:-10] == 0).all()


def test_what_a_game_remembers_is_what_it_showed_the_discriminators() -> None:
    game = played()
    game.step(game.prepared(0, np.arange(3)), 0, game.optimizers())
    state = game.state()
    assert {name: len(pictures) for name, pictures in state.items()} == {"pool_a": 3, "pool_b": 3}
    other = played()
    other.restore(state)
    assert torch.equal(other.state()["pool_b"], state["pool_b"])


@pytest.mark.parametrize(("size", "patch"), [(28, 34), (64, 34), (96, 34), (128, 70), (256, 70)])
def test_discriminators_see_patches_that_suit_the_pictures(size: int, patch: int) -> None:
    choices = choices_for("cyclegan:pair-resnet6-24", size, 1e-3)
    assert (choices.patch, choices.width, choices.rate, choices.identity) == (patch, 24, 1e-3, 0.0)
    assert choices_for("cyclegan:pair-resnet6-24", size, identity=5.0) == Choices(patch, 24, 2e-4, identity=5.0)
