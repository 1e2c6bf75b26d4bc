"""Architectures that come without weights: `vision train --from scratch` fills them."""

from dataclasses import replace

from visioncli.models.row import Form, InputSpec, Labels, ModelRow, Untrained

_HALF = (0.5, 0.5, 0.5)
_SMALL = InputSpec(size=32, resize=0, interpolation="bilinear", mean=_HALF, std=_HALF)
_OWN_SCALE = InputSpec(size=256, resize=0, interpolation="bilinear", mean=_HALF, std=_HALF)
_MADE = InputSpec(size=28, resize=28, interpolation="bicubic", mean=_HALF, std=_HALF)
_YOLO = InputSpec(size=416, resize=0, interpolation="bilinear", mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
_LITE_MEAN, _LITE_STD = (127 / 255,) * 3, (128 / 255,) * 3
"""Of EfficientNet-Lite, whose weights the encoder has."""


def _row(
    name: str,
    architecture: str,
    family: str,
    parameters: int,
    gflops: float,
    paper: str,
    about: str,
    tasks: tuple[str, ...] = ("classify", "gradcam"),
    spec: InputSpec = _SMALL,
    form: Form = "",
    labels: Labels = (),
) -> ModelRow:
    return ModelRow(
        name=name,
        tasks=tasks,
        architecture=architecture,
        source=Untrained(),
        input=spec,
        form=form,
        labels=labels,
        parameters=parameters,
        gflops=gflops,
        licence="Apache-2.0",
        paper=paper,
        about=about,
        family=family,
    )


_FRACTALNET = "https://arxiv.org/abs/1605.07648"
_YOLOV3 = "https://arxiv.org/abs/1804.02767"
_UNET = "https://arxiv.org/abs/1505.04597"

# Parameters and multiply-adds are those of ten classes; of the U-Nets, of two, for a picture of 256 x 256 pixels; of
# detectors, of COCO's classes; of generators, for grey pictures of 28 x 28 pixels.
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
    _row(
        name="log_mel_cnn",
        architecture="log_mel_cnn:small",
        family="PANNs",
        parameters=293_946,
        gflops=0.024,
        paper="https://arxiv.org/abs/1912.10211",
        about="Seven convolutions over log-mel spectrograms: learns words and other sounds from few recordings.",
        spec=replace(_SMALL, size=64),
    ),
    _row(
        name="unet",
        architecture="unet:small",
        family="U-Net",
        parameters=1_942_594,
        gflops=3.034,
        paper=_UNET,
        about="U-Net of a laptop's size, 16 channels at the picture's own size: cells, roads and other own classes.",
        tasks=("segment",),
        spec=_OWN_SCALE,
        form="dense",
    ),
    _row(
        name="unet_medium",
        architecture="unet:medium",
        family="U-Net",
        parameters=7_763_074,
        gflops=12.073,
        paper=_UNET,
        about="U-Net with 32 channels at the picture's own size.",
        tasks=("segment",),
        spec=_OWN_SCALE,
        form="dense",
    ),
    _row(
        name="unet_paper",
        architecture="unet:paper",
        family="U-Net",
        parameters=31_037_698,
        gflops=48.172,
        paper=_UNET,
        about="U-Net as large as in the paper, 64 channels at the picture's own size.",
        tasks=("segment",),
        spec=_OWN_SCALE,
        form="dense",
    ),
    _row(
        name="unet_lite0",
        architecture="unet_lite:lite0",
        family="U-Net",
        parameters=3_625_042,
        gflops=1.887,
        paper=_UNET,
        about="U-Net over EfficientNet-Lite0, which knows ImageNet already: less to learn from few pictures.",
        tasks=("segment",),
        spec=replace(_OWN_SCALE, mean=_LITE_MEAN, std=_LITE_STD),
        form="dense",
    ),
    _row(
        name="yolov3",
        architecture="yolov3:full",
        family="YOLOv3",
        parameters=61_949_149,
        gflops=32.932,
        paper=_YOLOV3,
        about="YOLOv3: boxes at three scales over Darknet-53. Takes the authors' yolov3.weights with --weights.",
        tasks=("detect",),
        spec=_YOLO,
        form="grids",
        labels="coco",
    ),
    _row(
        name="yolov3_tiny",
        architecture="yolov3:tiny",
        family="YOLOv3",
        parameters=8_852_366,
        gflops=2.782,
        paper=_YOLOV3,
        about="YOLOv3-tiny: two scales, seven convolutions before them. Takes yolov3-tiny.weights with --weights.",
        tasks=("detect",),
        spec=_YOLO,
        form="grids",
        labels="coco",
    ),
    _row(
        name="rfcn_resnet50",
        architecture="rfcn:resnet50",
        family="R-FCN",
        parameters=39_892_666,
        gflops=69.006,
        paper="https://arxiv.org/abs/1605.06409",
        about="R-FCN: scores of each part of an object computed once for the whole picture, then pooled by region.",
        tasks=("detect",),
        spec=InputSpec(600, 0, "bilinear", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        form="boxes",
        labels="coco",
    ),
    _row(
        name="dcgan",
        architecture="dcgan:28x1x32x64",
        family="DCGAN",
        parameters=734_913,
        gflops=0.007,
        paper="https://arxiv.org/abs/1511.06434",
        about="DCGAN: makes pictures of 28 to 64 pixels like those it learned from, of a class that is asked for.",
        tasks=("generate",),
        spec=_MADE,
    ),
    _row(
        name="style_generator",
        architecture="style_generator:28x1x32x64",
        family="StyleGAN",
        parameters=437_350,
        gflops=0.058,
        paper="https://arxiv.org/abs/1912.04958",
        about="A small style-based generator: styles of two pictures can be mixed, coarse ones and fine ones.",
        tasks=("generate",),
        spec=_MADE,
    ),
)
