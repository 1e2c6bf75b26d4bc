"""Architectures that come without weights: `vision train --from scratch` fills them."""

from visioncli.models.row import InputSpec, ModelRow, Untrained

_HALF = (0.5, 0.5, 0.5)
_INPUT = InputSpec(size=32, resize=0, interpolation="bilinear", mean=_HALF, std=_HALF)


def _row(
    name: str, architecture: str, family: str, parameters: int, gflops: float, paper: str, about: str
) -> ModelRow:
    return ModelRow(
        name=name,
        tasks=("classify", "gradcam"),
        architecture=architecture,
        source=Untrained(),
        input=_INPUT,
        labels=(),
        parameters=parameters,
        gflops=gflops,
        licence="Apache-2.0",
        paper=paper,
        about=about,
        family=family,
    )


_FRACTALNET = "https://arxiv.org/abs/1605.07648"

# Parameters and multiply-adds are those of ten classes.
ROWS: tuple[ModelRow, ...] = (
    _row(
        name="lenet5",
        architecture="lenet:lenet5",
        family="LeNet",
        parameters=62_006,
        gflops=0.0007,
        paper="https://doi.org/10.1109/5.726791",
        about="LeNet-5: three convolutions, two fully connected layers; for digits and other small pictures.",
    ),
    _row(
        name="fractalnet",
        architecture="fractalnet:paper",
        family="FractalNet",
        parameters=76_106_634,
        gflops=2.036,
        paper=_FRACTALNET,
        about="FractalNet: depth without shortcuts, regularised by leaving out paths; 4 columns, 5 blocks.",
    ),
    _row(
        name="fractalnet_small",
        architecture="fractalnet:small",
        family="FractalNet",
        parameters=2_113_594,
        gflops=0.054,
        paper=_FRACTALNET,
        about="FractalNet of a laptop's size: 3 columns, 5 blocks, a quarter of the channels.",
    ),
)
