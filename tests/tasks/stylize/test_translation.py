"""CycleGAN's generators as painters of pictures of any size."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from visioncli.engines.interface import EngineOptions
from visioncli.errors import UsageError
from visioncli.models.row import InputSpec, LocalFile, ModelRow
from visioncli.networks import cyclegan
from visioncli.tasks.detect.tiles import Tiling
from visioncli.tasks.stylize.task import build
from visioncli.tasks.stylize.tiles import painted
from visioncli.tasks.stylize.translation import translator


def row_of(path: Path, variant: str, labels: tuple[tuple[int, str], ...] = ()) -> ModelRow:
    """A network with random weights in a file."""
    torch.manual_seed(0)
    network = cyclegan.build(variant)
    torch.save(network.state_dict(), path)
    return ModelRow(
        name="made", tasks=("stylize",), architecture=f"cyclegan:{variant}", source=LocalFile(str(path), "0" * 64),
        input=InputSpec(16, 16, "bicubic", (0.5,) * 3, (0.5,) * 3), labels=labels, parameters=0, gflops=0.0,
        licence="", paper="", about="", form="painting",
    )  # fmt: skip


@pytest.fixture
def pair(tmp_path: Path) -> ModelRow:
    return row_of(tmp_path / "pair.pth", "pair-resnet1-4", ((0, "new"), (1, "old")))


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8))


def test_each_direction_is_a_generator_of_its_own_named_after_what_it_makes(pair: ModelRow) -> None:
    there, old = translator(pair, EngineOptions(), reverse=False)
    back, new = translator(pair, EngineOptions(), reverse=True)
    assert (old, new) == ("old", "new")
    photo = noise(40, 32)
    assert not np.array_equal(painted(there, photo), painted(back, photo))
    network = cyclegan.build("pair-resnet1-4")
    network.load_state_dict(torch.load(pair.source.path, weights_only=True))  # type: ignore[union-attr]
    planes = torch.from_numpy(np.asarray(photo).transpose(2, 0, 1)[None] / np.float32(127.5) - 1)
    with torch.no_grad():
        wanted = network.a_to_b(planes)[0].numpy().transpose(1, 2, 0)  # type: ignore[operator, union-attr]
    assert np.abs(painted(there, photo) / 127.5 - 1 - wanted).max() < 1 / 127.5


def test_a_published_generator_has_one_direction(tmp_path: Path) -> None:
    row = row_of(tmp_path / "one.pth", "resnet1-4")
    assert translator(row, EngineOptions(), reverse=False)[1] == "made"
    with pytest.raises(UsageError, match=r"one direction only\. Leave out --reverse"):
        translator(row, EngineOptions(), reverse=True)


def test_of_wide_networks_less_is_painted_at_once(tmp_path: Path) -> None:
    narrow = row_of(tmp_path / "narrow.pth", "resnet1-32")
    wide = row_of(tmp_path / "wide.pth", "resnet1-33")
    found = [translator(row, EngineOptions(), reverse=False)[0].at_once for row in (narrow, wide)]
    assert found == [None, 512]


@pytest.mark.parametrize("blocks", [1, 4])
def test_reach_is_as_far_as_a_pixel_changes_the_answer(blocks: int) -> None:
    torch.manual_seed(0)
    network = cyclegan.Generator(blocks, 2).double()
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, torch.nn.InstanceNorm2d | torch.nn.ReLU):
                setattr(module, name, torch.nn.Identity())
    for parameter in network.parameters():
        torch.nn.init.uniform_(parameter, 0.01, 0.02)
    seen = 0
    for place in range(100, 104):
        x = torch.rand(1, 3, 200, 200, dtype=torch.double, requires_grad=True)
        network(x)[0, :, place, place].sum().backward()
        assert x.grad is not None
        rows = (x.grad.abs().sum((0, 1)) > 0).any(1).nonzero().flatten()
        seen = max(seen, place - int(rows[0]), int(rows[-1]) - place)
    assert network.reach - 4 <= seen <= network.reach


def test_tiles_of_a_picture_fit_together(pair: ModelRow) -> None:
    painter, _ = translator(pair, EngineOptions(), reverse=False)
    photo = noise(33, 25).resize((264, 200), Image.Resampling.BICUBIC)
    whole = painted(painter, photo).astype(int)
    tiled = painted(painter, photo, Tiling(128, 0.45)).astype(int)
    assert tiled.shape == whole.shape
    assert np.abs(tiled - whole).max() <= 1


@pytest.mark.parametrize(
    ("choices", "words"),
    [({"style": "mosaic"}, "Leave out --style"), ({"style": "a.jpg"}, "Leave out --style")],
)
def test_styles_are_for_other_networks(pair: ModelRow, choices: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        build(pair, **choices)  # type: ignore[arg-type]


def test_the_direction_is_among_the_settings_so_that_resumed_runs_know_it(pair: ModelRow) -> None:
    settings = [build(pair, reverse=reverse).settings for reverse in (False, True)]
    assert settings[0] != settings[1]
