"""Networks that learned to make one kind of pictures of another, as painters: CycleGAN's generators
(https://arxiv.org/abs/1703.10593), published ones and those of `vision train --task translate`."""

from visioncli.engines.interface import EngineOptions
from visioncli.engines.pytorch import choose_device
from visioncli.errors import UsageError
from visioncli.models.labels import load_labels
from visioncli.models.row import ModelRow
from visioncli.networks.cyclegan import MULTIPLE, Generator, Pair
from visioncli.results import ModelInfo
from visioncli.tasks.stylize.network import NetworkPainter
from visioncli.weights.load import load_network

_WIDE, _AT_ONCE = 32, 512
"""With more channels at the picture's own size than this, so many pixels on a side are painted at once: 64 channels
of a square of 1024 take a gigabyte and a half."""


def translator(row: ModelRow, options: EngineOptions, *, reverse: bool) -> tuple[NetworkPainter, str]:
    """The generator of `row` that makes its second kind of pictures of its first, or with `reverse` the other one,
    and how records call what it makes. Raises UsageError where there is no other, ModelUnavailable."""
    network = load_network(row)
    if isinstance(network, Pair):
        generator = network.b_to_a if reverse else network.a_to_b
        made = load_labels(row.labels)[0 if reverse else 1]
    else:
        assert isinstance(network, Generator)
        if reverse:
            raise UsageError(f"{row.name} has learned one direction only. Leave out --reverse.")
        generator, made = network, row.name
    info = ModelInfo(row.name, row.source.sha256, "fp32")
    painter = NetworkPainter(
        info, generator, method="cyclegan", step=MULTIPLE, reach=generator.reach, device=choose_device(options.device)
    )
    if generator.leave.in_channels > _WIDE:
        painter.at_once = _AT_ONCE
    return painter, made
