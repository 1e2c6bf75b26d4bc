import pytest
import torch

from visioncli.networks import style_generator


def generator() -> style_generator.Generator:
    torch.manual_seed(0)
    return style_generator.build("28x1x4x8", "2").eval()


def test_scaling_maps_before_and_after_is_scaling_the_weights() -> None:
    """Equations 1 to 3 of the second paper, written out for one picture."""
    torch.manual_seed(0)
    layer = style_generator.Modulated(3, 5, 3)
    x, style = torch.randn(1, 3, 6, 6), torch.randn(1, style_generator.STYLE)
    scales = layer.style(style)[0]
    weight = layer.weight / (3 * 9) ** 0.5 * scales[None, :, None, None]
    weight = weight / weight.square().sum((1, 2, 3), keepdim=True).add(1e-8).sqrt()
    wanted = torch.nn.functional.conv2d(x, weight, padding=1)
    assert torch.allclose(layer(x, style), wanted, atol=1e-5)


def test_a_layer_that_doubles_sides_convolves_doubled_pixels() -> None:
    torch.manual_seed(0)
    layer, plain = style_generator.Modulated(8, 5, 3, doubles=True), style_generator.Modulated(8, 5, 3)
    plain.load_state_dict(layer.state_dict())
    x, style = torch.randn(1, 8, 40, 40), torch.randn(1, style_generator.STYLE)
    made = layer(x, style)
    doubled = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
    wanted = plain(doubled, style)
    # The same but for how long each map's weights are taken to be.
    ratio = made.std((2, 3), keepdim=True) / wanted.std((2, 3), keepdim=True)
    assert torch.allclose(made, ratio * wanted, atol=1e-4)
    assert made.std((0, 2, 3)).tolist() == pytest.approx([1] * 5, abs=0.2)


@pytest.mark.parametrize("text", ["28x1x16x64", "64x3x16x64"])
def test_first_pictures_are_neither_all_black_nor_all_white(text: str) -> None:
    """Where tanh is flat, nothing is learned for long."""
    torch.manual_seed(0)
    network = style_generator.build(text)
    pictures = network(torch.randn(8, 64), torch.zeros(8, 0))
    assert 0.1 < pictures.std() < 0.7
    assert (pictures.abs() > 0.95).float().mean() < 0.05


def test_noise_counts_by_its_strength_which_begins_at_nothing() -> None:
    network = generator()
    styles = network.vector(torch.randn(1, 8), torch.eye(2)[:1])
    first, second = (network.made(styles) for _ in range(2))
    assert torch.equal(first, second)
    for layer in network.layers:
        torch.nn.init.constant_(layer.strength, 0.5)
    assert not torch.allclose(network.made(styles), network.made(styles))
    noise = network.noise(1)
    assert torch.equal(network.made(styles, noise), network.made(styles, noise))


def test_truncation_leads_to_the_mean_style_of_the_class() -> None:
    network = generator()
    network.centres.copy_(torch.stack([torch.full((style_generator.STYLE,), float(k)) for k in (1, 2)]))
    z = torch.randn(2, 8)
    assert torch.allclose(network.vector(z, torch.eye(2), 0.0), network.centres)
    whole, half = network.vector(z, torch.eye(2)), network.vector(z, torch.eye(2), 0.5)
    assert torch.allclose(half, (whole + network.centres) / 2, atol=1e-5)


def test_each_layer_may_have_a_style_of_its_own() -> None:
    network = generator()
    a, b = network.vector(torch.randn(2, 8), torch.eye(2))
    layers = len(network.layers)
    noise = network.noise(1)
    same = network.made(torch.stack([a] * layers)[None], noise)
    assert torch.allclose(same, network.made(a[None], noise))
    mixed = network.made(torch.stack([a] * 3 + [b] * (layers - 3))[None], noise)
    assert not torch.allclose(mixed, same)
    assert not torch.allclose(mixed, network.made(b[None], noise))


def test_styles_do_not_depend_on_how_long_the_latent_is() -> None:
    network = generator()
    z = torch.randn(1, 8)
    assert torch.allclose(network.mapped(z, torch.eye(2)[:1]), network.mapped(3 * z, torch.eye(2)[:1]), atol=1e-5)


def test_styles_do_not_depend_on_how_large_a_class_is_told() -> None:
    """Neither the latent nor the class drowns the other."""
    network = generator()
    z = torch.randn(2, 8)
    before = network.mapped(z, torch.eye(2))
    with torch.no_grad():
        network.embedding.weight.mul_(5)
    assert torch.allclose(network.mapped(z, torch.eye(2)), before, atol=1e-5)
    assert not torch.allclose(network.mapped(z, torch.eye(2).flip(0)), before, atol=1e-2)


@pytest.mark.parametrize("text", ["28x1x4x8", "64x3x2x8"])
def test_there_is_noise_for_each_layer_at_its_size(text: str) -> None:
    network = style_generator.build(text)
    sides = [one.shape[-1] for one in network.noise(3)]
    expected = [network.shape.sides[0]] + [side for side in network.shape.sides[1:] for _ in range(2)]
    assert sides == expected
