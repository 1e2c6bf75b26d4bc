import numpy as np
import pytest
import torch

from visioncli.networks import dcgan, style_generator
from visioncli.training.adversarial.generate_game import (
    Choices,
    GenerateGame,
    choices_for,
    closeness,
)


class Pictures:
    """Picture n is of the grey 10 n, brighter on its left."""

    def get(self, place: int) -> np.ndarray:
        picture = np.full((28, 28, 1), 10 * place, np.uint8)
        picture[:, :14] += 5
        return picture


def game(module: object = dcgan, *, classes: int = 3, mirror: bool = False) -> GenerateGame:
    torch.manual_seed(0)
    network = module.build("28x1x2x4", str(classes))  # type: ignore[attr-defined]
    labels = np.array([0, 0, 1, 1, 1, 2, 2, 2, 2, 2])
    choices = choices_for("dcgan" if module is dcgan else "style_generator", None, augments=False)
    return GenerateGame(
        network, Pictures(), np.arange(10, 20), labels, choices, mirror=mirror, seed=0, device=torch.device("cpu")
    )


def test_a_batch_is_of_the_pictures_and_classes_of_its_visits() -> None:
    pixels, labels = game().prepared(0, np.array([4, 0]))
    assert pixels[:, 0, -1, 0].tolist() == [140, 100]
    assert labels.tolist() == [1, 0]


def test_half_of_the_pictures_are_mirrored_anew_in_each_epoch() -> None:
    visits = np.arange(10)
    turned = [game(mirror=True).prepared(epoch, visits)[0] for epoch in (0, 1, 0)]
    sides = [(one[:, 0, 0, 0] < one[:, 0, -1, 0]).tolist() for one in turned]
    assert sides[0] == sides[2] != sides[1]
    assert 0 < sum(sides[0]) < 10
    assert (turned[0] == turned[2]).all()


@pytest.mark.parametrize("module", [dcgan, style_generator])
def test_each_network_learns_in_its_own_turn(module: object) -> None:
    played = game(module)
    optimizers = played.optimizers()
    batch = played.prepared(0, np.arange(10))
    before = {name: {k: t.clone() for k, t in net.state_dict().items()} for name, net in played.networks.items()}
    torch.manual_seed(1)
    losses = played.step(batch, 0, optimizers)
    assert losses.keys() == {"generator", "discriminator"}
    assert losses["discriminator"] > 0
    for name, net in played.networks.items():
        changed = [k for k, t in net.named_parameters() if not torch.equal(t, before[name][k])]
        assert len(changed) >= len(list(net.named_parameters())) - 1, name
    assert all(p.grad is not None for p in played.networks["generator"].parameters())


def test_the_generators_turn_leaves_the_discriminators_gradients_alone() -> None:
    played = game()
    optimizers = played.optimizers()
    seen: list[bool] = []
    step = optimizers["generator"].step
    optimizers["generator"].step = lambda: (  # type: ignore[method-assign, assignment, return-value]
        seen.append(any(p.requires_grad for p in played.discriminator.parameters())),
        step(),
    )
    played.step(played.prepared(0, np.arange(10)), 0, optimizers)
    assert seen == [False]


def test_the_discriminator_of_styles_is_told_for_each_class_what_is_where() -> None:
    played = {module: game(module) for module in (dcgan, style_generator)}
    told = {module: one.discriminator.embedding.weight.shape for module, one in played.items()}
    assert told == {dcgan: (8, 3), style_generator: (8 * 7 * 7, 3)}


def test_rates_stay_and_then_fall_to_a_tenth() -> None:
    played = game()
    rates = [played.rate_at(step, 100) for step in (0, 49, 75, 100)]
    assert rates[:2] == [1, 1]
    assert 0.5 < rates[2] < 0.6
    assert rates[3] == pytest.approx(0.1)


def test_the_sheet_is_of_the_same_noise_whenever_it_is_made() -> None:
    played = game()
    with torch.no_grad():
        for network in played.networks.values():
            network.eval()
        torch.manual_seed(5)
        first = played.sample()
        torch.manual_seed(6)
        assert (played.sample() == first).all()
    assert first.dtype == np.uint8
    assert first.shape[2] == 3


def test_classes_are_asked_for_as_often_as_pictures_have_them() -> None:
    counts = np.bincount(game().wanted(5000, 0), minlength=3) / 5000
    assert counts == pytest.approx([0.2, 0.3, 0.5], abs=0.03)


def test_settling_gives_batch_normalisation_the_statistics_of_these_weights() -> None:
    played = game()
    norm = played.generator.norm
    with torch.no_grad():
        norm.running_mean.fill_(50)
        torch.manual_seed(0)
        played.settle()
    assert norm.running_mean.abs().max() < 5
    assert norm.momentum == 0.1


def test_settling_finds_the_mean_style_of_each_class() -> None:
    played = game(style_generator)
    with torch.no_grad():
        torch.manual_seed(0)
        played.settle()
        styles = played.generator.mapped(torch.randn(4000, 4), torch.eye(3)[1].expand(4000, 3))
    assert torch.allclose(played.generator.centres[1], styles.mean(0), atol=0.1)
    assert not torch.allclose(played.generator.centres[1], played.generator.centres[2], atol=1e-3)


def test_pictures_of_one_class_that_are_all_the_same_are_as_close_as_can_be() -> None:
    torch.manual_seed(0)
    real = torch.randn(8, 1, 4, 4)
    told = torch.eye(2)[torch.arange(8) % 2]
    assert closeness(real, real, told).item() == 0
    assert closeness(2 * real, real, told).item() == 0
    assert closeness(real / 2, real, told).item() == pytest.approx(0.5, abs=1e-5)
    # Two different pictures, one a class: as various as real ones over all, and not within a class.
    made = torch.stack([torch.zeros(1, 4, 4), 9 * torch.ones(1, 4, 4)])[torch.arange(8) % 2]
    assert closeness(made, real, told).item() == pytest.approx(1, abs=1e-3)
    assert closeness(made, real, torch.zeros(8, 0)).item() == 0


def test_a_batch_without_two_of_a_class_tells_nothing_of_closeness() -> None:
    x = torch.randn(2, 1, 4, 4, requires_grad=True)
    assert closeness(x, x.detach(), torch.eye(2)).item() == 0


def test_closeness_drives_pictures_apart() -> None:
    made = (torch.randn(6, 1, 4, 4) * 0.01).requires_grad_(True)
    real, told = torch.randn(6, 1, 4, 4), torch.zeros(6, 0)
    closeness(made, real, told).backward()  # type: ignore[no-untyped-call]
    assert made.grad is not None
    assert closeness(made.detach() - 0.01 * made.grad, real, told) < closeness(made.detach(), real, told)


def test_choices_travel_as_json_values() -> None:
    import dataclasses
    import json

    for family in ("dcgan", "style_generator"):
        chosen = choices_for(family, 3e-4, augments=True)
        assert (chosen.generator, chosen.discriminator, chosen.augments) == (3e-4, 3e-4, True)
        assert Choices.of(json.loads(json.dumps(dataclasses.asdict(chosen)))) == chosen
