"""Networks that learn to make one kind of pictures of another: `vision train --task translate` fills them."""

from visioncli.models.row import InputSpec, ModelRow, Untrained

_HALF = (0.5, 0.5, 0.5)


def _row(name: str, variant: str, size: int, parameters: int, gflops: float, about: str) -> ModelRow:
    """`parameters` are those of both generators, `gflops` of one of them for a picture of `size` pixels."""
    return ModelRow(
        name=name,
        tasks=("translate",),
        architecture=f"cyclegan:{variant}",
        source=Untrained(),
        input=InputSpec(size, size, "bicubic", _HALF, _HALF),
        labels=(),
        parameters=parameters,
        gflops=gflops,
        licence="Apache-2.0",
        paper="https://arxiv.org/abs/1703.10593",
        about=about,
        family="CycleGAN",
        form="painting",
    )


ROWS: tuple[ModelRow, ...] = (
    _row(
        "cyclegan",
        "pair-resnet6-24",
        64,
        2_220_486,
        0.326,
        "CycleGAN of a laptop's size, 6 blocks, 24 channels: one kind of pictures of another, without pairs.",
    ),
    _row(
        "cyclegan_small",
        "pair-resnet4-16",
        64,
        695_430,
        0.114,
        "CycleGAN of 4 blocks, 16 channels: for digits, and for little time.",
    ),
    _row(
        "cyclegan_paper",
        "pair-resnet9-64",
        256,
        22_777_350,
        49.552,
        "CycleGAN as large as in the paper, 9 blocks, 64 channels: for pictures of 256 pixels and a GPU.",
    ),
)
