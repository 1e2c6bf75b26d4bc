import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image

from conftest import make_picture
from visioncli.errors import UsageError
from visioncli.models.registry import find
from visioncli.results import ModelInfo
from visioncli.tasks.stylize.optimise import Optimise, _shared_out, _sizes, features_of
from visioncli.weights.load import load_network


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    """The embedded one."""
    return load_network(find("efficientnet_lite0"))


def painter(
    network: torch.nn.Module, styles: list[tuple[Image.Image, float]], own: float = 0.0, **more: int
) -> Optimise:
    row = find("efficientnet_lite0")
    chosen = {"iterations": 8, "seed": 0} | more
    return Optimise(ModelInfo("o", None), network, row, styles, own, **chosen)  # type: ignore[arg-type]


def stripes(colour: str) -> Image.Image:
    image = Image.new("RGB", (96, 96), "white")
    for x in range(0, 96, 8):
        image.paste(colour, (x, 0, x + 4, 96))
    return image


def test_a_painting_is_as_large_as_the_photo(network: torch.nn.Module) -> None:
    for size in ((61, 47), (30, 200), (1, 1)):
        assert painter(network, [(stripes("red"), 1.0)], iterations=2)(make_picture(1, size)).shape == (
            *size[::-1],
            3,
        )


def test_the_same_seed_gives_the_same_painting(network: torch.nn.Module) -> None:
    photo, styles = make_picture(1, (64, 48)), [(stripes("red"), 1.0)]
    first, again, other = (painter(network, styles, seed=seed)(photo) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first.astype(int) - other).max() > 0


def test_steps_make_the_loss_smaller_and_bring_the_paintings_colours(network: torch.nn.Module) -> None:
    grey = Image.new("RGB", (64, 64), (128, 128, 128))
    red = painter(network, [(stripes("red"), 1.0)], iterations=40)(grey)
    blue = painter(network, [(stripes("blue"), 1.0)], iterations=40)(grey)
    assert red[..., 0].mean() - red[..., 2].mean() > 20
    assert blue[..., 2].mean() - blue[..., 0].mean() > 20


def test_with_its_own_textures_alone_a_photo_hardly_changes(network: torch.nn.Module) -> None:
    photo = make_picture(1, (64, 64))
    own = painter(network, [(stripes("red"), 1e-9)], 1 - 1e-9, iterations=20)(photo)
    other = painter(network, [(stripes("red"), 1.0)], iterations=20)(photo)
    assert np.abs(own - np.asarray(photo, float)).mean() < np.abs(other - np.asarray(photo, float)).mean() / 2


def test_it_says_how_many_steps_are_done(network: torch.nn.Module) -> None:
    told: list[tuple[int, int]] = []
    row = find("efficientnet_lite0")
    one = Optimise(
        ModelInfo("o", None), network, row, [(stripes("red"), 1.0)], 0.0, iterations=5, seed=0,
        steps=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    one(make_picture(1, (200, 64)))
    assert told == [(n, 5) for n in range(1, 6)]


def test_sizes_double_up_to_the_pictures_and_share_the_steps() -> None:
    assert _sizes(1000) == [250, 500, 1000]
    assert _sizes(512) == [256, 512]
    assert _sizes(100) == [100]
    assert _shared_out(70, [128, 256, 512]) == [40, 20, 10]
    for count in (1, 2, 7, 300):
        assert sum(_shared_out(count, [128, 256, 512])) == count
        assert min(_shared_out(count, [128, 256, 512])) >= 0


def test_a_network_whose_features_nobody_chose_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="not through mobilenet_v2"):
        features_of(
            dataclasses.replace(find("efficientnet_lite0"), name="mobilenet_v2", architecture="torchvision:x")
        )


def test_vgg_is_seen_through_the_layers_of_the_paper() -> None:
    import torchvision

    network = torchvision.models.vgg19(weights=None)
    row = find("vgg19")
    one = Optimise(ModelInfo("v", None), network, row, [(stripes("red"), 1.0)], 0.0, iterations=1, seed=0)
    seen = one._seen(torch.zeros(1, 3, 64, 64))
    assert [tuple(seen[name].shape[1:]) for name in features_of(row).style] == [
        (64, 64, 64), (128, 32, 32), (256, 16, 16), (512, 8, 8), (512, 4, 4)
    ]  # fmt: skip
    assert [tuple(seen[name].shape[1:]) for name in features_of(row).content] == [(512, 8, 8)]
