from pathlib import Path

import pytest
import torch

from made_generators import generator_run
from visioncli.engines import EngineOptions
from visioncli.tasks.generate.maker import Maker


@pytest.mark.parametrize(("shape", "coarse"), [("28x1x2x8", 2), ("32x1x2x8", 3), ("64x1x2x8", 4)])
def test_coarse_styles_go_to_the_smaller_half_of_the_layers(tmp_path: Path, shape: str, coarse: int) -> None:
    """Of five layers the last three have the fine style: the last two alone change next to nothing of a digit."""
    maker = Maker(generator_run(tmp_path / "run", "style_generator", shape=shape), EngineOptions())
    a, b = maker.seed(1), maker.seed(2)
    fine = len(maker.network.layers) - coarse
    styles = torch.stack([maker.vector(a)] * coarse + [maker.vector(b)] * fine, 1)
    mixed = maker.mixed(a, b)
    assert (mixed == maker.made(styles, maker.noise(a))).all()
    assert (maker.mixed(a, a) == maker.picture(a)).all()
    assert (mixed != maker.picture(a)).any()
