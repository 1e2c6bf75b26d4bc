import pytest
import torch

from visioncli.networks import dcgan, style_generator
from visioncli.networks.picture_shapes import Shape

BOTH = pytest.mark.parametrize("module", [dcgan, style_generator])


@BOTH
@pytest.mark.parametrize("text", ["28x1x4x8", "32x3x4x8", "48x3x2x8", "64x1x2x16"])
def test_pictures_have_the_size_and_channels_of_their_shape(module: object, text: str) -> None:
    torch.manual_seed(0)
    network = module.build(text, "3")  # type: ignore[attr-defined]
    shape = Shape.of(text)
    made = network(torch.randn(2, shape.latent), torch.eye(3)[:2])
    assert made.shape == (2, shape.channels, shape.size, shape.size)
    assert dcgan.Discriminator(shape, 3)(made, torch.eye(3)[:2]).shape == (2,)


@BOTH
def test_without_classes_there_is_nothing_to_ask_for(module: object) -> None:
    torch.manual_seed(0)
    network = module.build("28x1x4x8", "0")  # type: ignore[attr-defined]
    assert network(torch.randn(2, 8), torch.zeros(2, 0)).shape == (2, 1, 28, 28)
    assert dcgan.Discriminator(network.shape, 0)(torch.zeros(2, 1, 28, 28), torch.zeros(2, 0)).shape == (2,)


@BOTH
def test_the_class_changes_the_picture_and_a_mixture_lies_between(module: object) -> None:
    torch.manual_seed(0)
    network = module.build("28x1x4x8", "2").eval()  # type: ignore[attr-defined]
    z = torch.randn(1, 8)
    a, half, b = (network.vector(z, torch.tensor([share])) for share in ([1.0, 0.0], [0.5, 0.5], [0.0, 1.0]))
    assert not torch.allclose(a, b)
    if module is dcgan:  # whose vector is linear in the classes
        assert torch.allclose(half, (a + b) / 2, atol=1e-6)


@BOTH
@pytest.mark.parametrize("text", ["30x1x4x8", "28x2x4x8", "28x1x0x8", "28x1x4", "28x1x4x8x9", "28x1x-4x8", "axbxcxd"])
def test_impossible_shapes_are_refused(module: object, text: str) -> None:
    with pytest.raises(ValueError, match=r"shape|made here|a network here"):
        module.build(text, "0")  # type: ignore[attr-defined]


def test_sides_are_halved_as_far_as_they_go() -> None:
    sides = {size: Shape(size, 1, 8, 8).sides for size in (28, 32, 48, 60, 64)}
    assert sides == {
        28: (7, 14, 28), 32: (4, 8, 16, 32), 48: (6, 12, 24, 48), 60: (15, 30, 60), 64: (4, 8, 16, 32, 64)
    }  # fmt: skip
    assert Shape(32, 1, 8, 8).widths == (64, 32, 16, 8)


def test_weights_begin_as_in_the_paper() -> None:
    torch.manual_seed(0)
    network = dcgan.build("64x3x16x64", "0")
    weights = [m.weight for m in network.modules() if isinstance(m, torch.nn.ConvTranspose2d)]
    assert weights
    for weight in weights:
        assert weight.std().item() == pytest.approx(0.02, rel=0.15)
    assert network.norm.weight.mean().item() == pytest.approx(1, abs=0.02)


def test_spectral_normalisation_holds_each_layer_at_one() -> None:
    torch.manual_seed(0)
    network = dcgan.Discriminator(Shape(28, 1, 4, 8), 3)
    for _ in range(60):  # each forward pass is one step of power iteration
        network(torch.zeros(2, 1, 28, 28), torch.eye(3)[:2])
    network.eval()
    layers = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)]
    assert len(layers) == 4
    for layer in layers:
        assert torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() == pytest.approx(1, abs=0.02)


def test_batch_normalisation_stands_in_both_networks_but_not_at_the_ends() -> None:
    shape = Shape(32, 1, 4, 8)
    norms = [m.num_features for m in dcgan.Discriminator(shape, 0).modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert norms == [16, 32]
    assert not any(
        isinstance(m, torch.nn.BatchNorm2d) for m in dcgan.Discriminator(shape, 0, "none").modules()
    )  # fmt: skip
    norms = [m.num_features for m in dcgan.build("32x1x4x8").modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert norms == [32, 16, 8]


@pytest.mark.parametrize("placed", [False, True])
def test_a_class_is_told_by_what_is_in_a_picture_or_also_by_where_it_is(placed: bool) -> None:
    """Without batch normalisation and with the last layer's own weights at 0 what remains is the class's part."""
    torch.manual_seed(0)
    network = dcgan.Discriminator(Shape(32, 1, 4, 8), 2, "none", spectral=False, placed=placed).eval()
    torch.nn.init.zeros_(network.last.weight)
    picture = torch.zeros(1, 1, 32, 32)
    picture[..., 8:12, 8:12] = 1
    moved = picture.roll((8, 8), (2, 3))  # by whole strides: the last maps have the same values at other places
    there, elsewhere = (network(one, torch.eye(2)[:1]).item() for one in (picture, moved))
    assert (abs(there - elsewhere) > 1e-6 * abs(there)) == placed
