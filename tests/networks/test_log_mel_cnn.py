"""The network of recordings."""

import numpy as np
import pytest
import torch

from visioncli.models import registry
from visioncli.networks.log_mel_cnn import build, levelled
from visioncli.weights.heads import head_of


def test_it_has_the_parameters_that_its_row_says() -> None:
    network = build("small")
    assert sum(p.numel() for p in network.parameters()) == registry.find("log_mel_cnn", "classify").parameters
    assert network(torch.zeros(2, 3, 64, 64)).shape == (2, 10)


def test_its_last_layer_can_be_taken_off() -> None:
    row = registry.find("log_mel_cnn", "classify")
    assert head_of(build("small"), row)[0] == "head"


@pytest.mark.parametrize("louder", [-40, 30])
def test_how_loud_a_recording_is_makes_no_difference(louder: int) -> None:
    rng = np.random.default_rng(0)
    levels = rng.integers(60, 200, (64, 64))

    def answer(values: np.ndarray) -> torch.Tensor:
        x = torch.from_numpy(values.astype(np.float32) / 127.5 - 1)[None, None].expand(-1, 3, -1, -1)
        torch.manual_seed(0)
        with torch.no_grad():
            found: torch.Tensor = build("small", "3").eval()(x)
        return found

    torch.testing.assert_close(answer(levels + louder), answer(levels), atol=1e-4, rtol=1e-4)


def test_what_lies_far_below_the_loudest_sound_is_silence() -> None:
    x = torch.full((1, 3, 4, 4), -1.0)
    x[..., 0, 0] = 1.0
    x[..., 1, 1] = -0.9
    sound, pitch = levelled(x)[0]
    assert float(sound[0, 0]) == 1
    assert float(sound[1, 1]) == float(sound[2, 2]) == -1
    assert pitch[:, 0].tolist() == pytest.approx([1, 1 / 3, -1 / 3, -1])


def test_silence_is_not_made_loud() -> None:
    assert float(levelled(torch.full((1, 3, 4, 4), -1.0))[0, 0].max()) < 0.1
