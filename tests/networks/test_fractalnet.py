from collections.abc import Iterator
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from visioncli.models import registry
from visioncli.networks.fractalnet import DROP_PATH, DROPOUT, FractalBlock, FractalNet, build


@pytest.mark.parametrize(
    ("variant", "name", "columns", "channels"),
    [
        ("paper", "fractalnet", 4, (3, 64, 128, 256, 512, 512)),
        ("small", "fractalnet_small", 3, (3, 16, 32, 64, 128, 128)),
    ],
)
def test_a_block_has_one_convolution_in_its_first_column_and_twice_as_many_in_each_next(
    variant: str, name: str, columns: int, channels: tuple[int, ...]
) -> None:
    with torch.device("meta"):
        network = build(variant)
    counted = 10 * (channels[-1] + 1)
    for inputs, outputs in pairwise(channels):
        all_convolutions = 2**columns - 1
        counted += 9 * outputs * (columns * inputs + (all_convolutions - columns) * outputs)
        counted += all_convolutions * 2 * outputs
    assert sum(p.numel() for p in network.parameters()) == counted == registry.find(name).parameters
    deepest = [len(block.columns[-1]) for block in network.blocks]  # type: ignore[union-attr, arg-type, index]
    assert deepest == [2 ** (columns - 1)] * 5


def expanded(x: Tensor, columns: list[Iterator[nn.Module]]) -> list[Tensor]:
    """What comes to the last join of `f_C`, by the paper's recursion: one convolution beside two `f_C-1` in a row."""
    first, *rest = columns
    own = next(first)(x)
    if not rest:
        return [own]
    middle = torch.stack(expanded(x, rest)).mean(0)
    return [own, *expanded(middle, rest)]


@pytest.mark.parametrize("columns", [1, 2, 3, 4])
def test_a_block_is_the_expansion_of_the_paper(columns: int) -> None:
    torch.manual_seed(0)
    block = FractalBlock(3, 5, columns, 0.0).eval()
    x = torch.randn(2, 3, 8, 8)
    with torch.inference_mode():
        expected = torch.stack(expanded(x, [iter(column) for column in block.columns])).mean(0)  # type: ignore[arg-type]
        torch.testing.assert_close(block(x), expected)


@pytest.mark.parametrize("column", [0, 1, 2])
def test_the_one_column_that_is_kept_is_a_plain_network(column: int) -> None:
    torch.manual_seed(0)
    block = FractalBlock(3, 5, 3, 0.0).eval()
    x = torch.randn(2, 3, 8, 8)
    with torch.inference_mode():
        plain = nn.Sequential(*block.columns[column])  # type: ignore[misc]
        torch.testing.assert_close(block(x, torch.full((2,), column)), plain(x))


def joined(branches: int, only: Tensor) -> Tensor:
    """The join of branches that answer 1, 10, 100 …, `(N,)`."""
    values = [torch.full((len(only), 1, 1, 1), 10.0**n) for n in range(branches)]
    return FractalBlock._join(values, list(range(branches)), only)[:, 0, 0, 0]


def test_a_join_always_keeps_a_branch_and_takes_the_mean_of_those_kept() -> None:
    torch.manual_seed(0)
    found = joined(2, torch.full((20_000,), -1))
    kinds = {1.0: 0.0, 10.0: 0.0, 5.5: 0.0}
    for value in kinds:
        kinds[value] = float((found == value).float().mean())
    assert sum(kinds.values()) == pytest.approx(1)
    assert kinds[5.5] == pytest.approx((1 - DROP_PATH) ** 2, abs=0.015)
    # Both are dropped now and then: one of the two is then kept.
    assert kinds[1.0] == pytest.approx(DROP_PATH * (1 - DROP_PATH) + DROP_PATH**2 / 2, abs=0.015)


def test_a_column_that_does_not_come_to_a_join_leaves_it_finite() -> None:
    assert torch.isfinite(joined(2, torch.tensor([3, 1, -1]))).all()


def test_half_of_the_pictures_keep_one_column_throughout() -> None:
    torch.manual_seed(0)
    chosen = FractalNet(3, (4, 4, 4, 4, 4))._choose(20_000, torch.device("cpu"))
    assert float((chosen < 0).float().mean()) == pytest.approx(0.5, abs=0.02)
    assert set(chosen.tolist()) == {-1, 0, 1, 2}


def test_paths_are_left_out_in_training_alone() -> None:
    network = build("small")
    x = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        network.train()
        torch.manual_seed(1)
        first = network(x)
        assert not torch.equal(first, network(x))
        torch.manual_seed(1)
        assert torch.equal(first, network(x))
        network.eval()
        before = torch.get_rng_state()
        assert torch.equal(network(x), network(x))
        assert torch.equal(before, torch.get_rng_state())


def test_dropout_grows_from_block_to_block() -> None:
    network = build("small")
    found = [{m.p for m in block.modules() if isinstance(m, nn.Dropout)} for block in network.blocks]
    assert found == [{share} for share in DROPOUT]


@pytest.mark.parametrize("classes", [2, 100])
def test_a_picture_gives_one_logit_a_class(classes: int) -> None:
    network = build("small", str(classes)).eval()
    with torch.inference_mode():
        assert network(torch.zeros(2, 3, 32, 32)).shape == (2, classes)
