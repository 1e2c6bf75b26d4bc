"""EfficientNet-Lite 0 to 3 (Tan and Le, 2019, https://arxiv.org/abs/1905.11946).

The Lite family drops squeeze-and-excitation and replaces swish by ReLU6; stem and head keep their width and the
first and last stage their depth at every scale. Weights were trained with TensorFlow, hence its "SAME" padding.
Those of Lite3 come from a TensorFlow Lite file of 8 bits, which has batch normalisation folded into the convolutions.
"""

import math
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from visioncli.weights.tflite import check_shapes, convolution_weights, read_tflite

BATCH_NORM_EPS = 1e-3
# repeats, kernel, stride, expansion, output channels of each stage before scaling
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_SCALES = {"lite0": (1.0, 1.0), "lite1": (1.0, 1.1), "lite2": (1.1, 1.2), "lite3": (1.2, 1.4)}  # width, depth
_FOLDED = frozenset({"lite3"})


class SameConv(nn.Conv2d):
    """Convolution with TensorFlow's "SAME" padding: the odd pixel goes to the right and the bottom."""

    def forward(self, input: Tensor) -> Tensor:
        # (ceil(n / s) - 1) * s + k - n, never below zero as no stride is wider than its kernel: written so, it can be
        # exported for any size.
        rows, columns = (
            k - 1 - (n - 1) % s for n, s, k in zip(input.shape[-2:], self.stride, self.kernel_size, strict=True)
        )
        padded = F.pad(input, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))
        return F.conv2d(padded, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)


def _conv(
    inputs: int, outputs: int, kernel: int, stride: int = 1, *, groups: int = 1, folded: bool
) -> list[nn.Module]:
    """A convolution and its batch normalisation, which where it is `folded` lives on in the convolution's bias."""
    conv = SameConv(inputs, outputs, kernel, stride, groups=groups, bias=folded)
    return [conv] if folded else [conv, nn.BatchNorm2d(outputs, eps=BATCH_NORM_EPS)]


class InvertedResidual(nn.Module):
    """Expand, filter each channel, project; the input is added where shapes allow (MobileNetV2)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int, folded: bool) -> None:
        super().__init__()
        hidden = inputs * expansion
        expand = [*_conv(inputs, hidden, 1, folded=folded), nn.ReLU6()] if expansion > 1 else []
        self.expand = nn.Sequential(*expand)
        depthwise = _conv(hidden, hidden, kernel, stride, groups=hidden, folded=folded)
        self.depthwise = nn.Sequential(*depthwise, nn.ReLU6())
        self.project = nn.Sequential(*_conv(hidden, outputs, 1, folded=folded))
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.project(self.depthwise(self.expand(x)))
        return x + out if self.residual else out


class EfficientNetLite(nn.Module):
    """`(N, 3, S, S)` float32, `(pixel - 127) / 128`, for Lite3 `(pixel - 130) * 0.01267` -> `(N, 1000)` logits of
    ImageNet-1k.

    With `folded` the convolutions have a bias and no batch normalisation follows them.
    """

    def __init__(self, width: float, depth: float, classes: int = 1000, *, folded: bool = False) -> None:
        super().__init__()
        self.stem = nn.Sequential(*_conv(3, 32, 3, 2, folded=folded), nn.ReLU6())
        blocks: list[nn.Module] = []
        inputs = 32
        for n, (repeats, kernel, stride, expansion, channels) in enumerate(_STAGES):
            outputs = _round_channels(channels * width)
            count = repeats if n in (0, len(_STAGES) - 1) else math.ceil(repeats * depth)
            for i in range(count):
                blocks.append(InvertedResidual(inputs, outputs, kernel, stride if i == 0 else 1, expansion, folded))
                inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Sequential(*_conv(inputs, 1280, 1, folded=folded), nn.ReLU6())
        self.classifier = nn.Linear(1280, classes)

    def forward(self, x: Tensor) -> Tensor:
        features = self.head(self.blocks(self.stem(x)))
        logits: Tensor = self.classifier(features.mean((2, 3)))
        return logits


def _round_channels(channels: float, divisor: int = 8) -> int:
    """Nearest multiple of eight that loses at most a tenth, as the reference implementation rounds."""
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded


def build(variant: str, classes: str = "1000") -> EfficientNetLite:
    """The untrained network `lite0`, `lite1`, `lite2` or `lite3`."""
    return EfficientNetLite(*_SCALES[variant], int(classes), folded=variant in _FOLDED)


_PARTS = {
    "_conv_stem": "stem.0",
    "_bn0": "stem.1",
    "_conv_head": "head.0",
    "_bn1": "head.1",
    "_fc": "classifier",
}
_BLOCK_PARTS = {
    "_expand_conv": "expand.0",
    "_bn0": "expand.1",
    "_depthwise_conv": "depthwise.0",
    "_bn1": "depthwise.1",
    "_project_conv": "project.0",
    "_bn2": "project.1",
}


def import_weights(path: Path, variant: str) -> dict[str, Tensor]:
    """The carrier's weights under the names of this module, float32.

    Raises ModelUnavailable where a TensorFlow Lite file is unreadable or any weight of it is left over, missing or
    misshapen; whether those of a checkpoint fit is checked on loading.
    """
    if variant in _FOLDED:
        return _import_folded(path, variant)
    return import_state(torch.load(path, map_location="cpu", weights_only=True), variant)


def import_state(state: dict[str, Tensor], variant: str, classes: str = "1000") -> dict[str, Tensor]:
    """A checkpoint in the lukemelas naming, or in this module's own, under the names of this module."""
    return {_rename(name): tensor for name, tensor in state.items()}


def _rename(name: str) -> str:
    """`_blocks.3._bn1.weight` -> `blocks.3.depthwise.1.weight`; a name it does not know stays as it is."""
    parts = name.split(".")
    if parts[0] == "_blocks" and len(parts) == 4:
        return f"blocks.{parts[1]}.{_BLOCK_PARTS.get(parts[2], parts[2])}.{parts[3]}"
    return ".".join([_PARTS.get(parts[0], parts[0]), *parts[1:]])


def _import_folded(path: Path, variant: str) -> dict[str, Tensor]:
    file = read_tflite(path)
    dense = {f"classifier.{name}": constant for name, constant in _dense(variant).items()}
    weights = convolution_weights(file, _kernels(variant), dense.values())
    weights |= {name: file.tensors[constant] for name, constant in dense.items()}
    with torch.device("meta"):
        expected = {name: tuple(value.shape) for name, value in build(variant).state_dict().items()}
    check_shapes(path, expected, {name: value.shape for name, value in weights.items()})
    return {name: torch.from_numpy(value) for name, value in weights.items()}


def _dense(variant: str) -> dict[str, str]:
    """The constants of the last layer in the TensorFlow Lite file."""
    model = f"efficientnet-{variant}"
    return {"weight": f"{model}/model/head/dense/MatMul", "bias": f"{model}/head/dense/bias"}


def _kernels(variant: str) -> dict[str, str]:
    """Each convolution's kernel in the TensorFlow Lite file, by what its fused name begins with."""
    with torch.device("meta"):
        blocks = build(variant).blocks
    norms = {"stem.0": "stem/tpu_batch_normalization", "head.0": "head/tpu_batch_normalization"}
    for n, block in enumerate(blocks):
        # The first stage expands nothing, so there the depthwise convolution's comes first.
        parts = [part for part, layers in block.named_children() if any(layers.children())]
        for part, number in zip(parts, ("", "_1", "_2"), strict=False):
            norms[f"blocks.{n}.{part}.0"] = f"blocks_{n}/tpu_batch_normalization{number}"
    return {layer: f"efficientnet-{variant}/model/{norm}/FusedBatchNormV3" for layer, norm in norms.items()}


def activation_ranges(path: Path, variant: str) -> dict[str, tuple[float, float]]:
    """Between what least and greatest number the 8-bit file `path` keeps what flows through the network `lite3`.

    By the module with the weights that the numbers come out of, after its activation: `blocks.3.expand.0`;
    `blocks.4.project.0/Add` where the block's input was added, `head.0/ReduceMean` for the mean over places, `input`
    for the prepared picture. Logits are left out. Raises ModelUnavailable where the file is not that of this network.
    """
    file = read_tflite(path)
    outputs = {layer: file.convolution(kernel).output for layer, kernel in _kernels(variant).items()}
    for operator in file.operators:
        (output,) = operator.outputs
        if operator.kind == "ADD":
            block = output.removesuffix("/Add").rpartition("/blocks_")[2]
            outputs[f"blocks.{block}.project.0/Add"] = output
        elif operator.kind == "AVERAGE_POOL_2D":
            outputs["head.0/ReduceMean"] = output
    ranges = {"input": file.quantisation[file.inputs[0]].range}
    return ranges | {place: file.quantisation[name].range for place, name in outputs.items()}
