"""Constants, operators and scales of a TensorFlow Lite file, by name.

The format is a FlatBuffer (schema.fbs in the TensorFlow sources); the `tflite` package reads it. A constant
tensor that only feeds a DEQUANTIZE operator stands for that operator's output, which is how half-precision
weights are stored. Quantised weights and biases are given as the numbers that they stand for; how they, and what
flows through the network, are quantised is kept beside them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visioncli.errors import ModelUnavailable
from visioncli.weights.quantised import Quantisation

IDENTIFIER = b"TFL3"


@dataclass(frozen=True)
class Operator:
    """One step of the network: `kind` as in TensorFlow's schema ("ADD", "CONV_2D" …), names of tensors in and out.

    An input that is left out has the name "".
    """

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Convolution:
    """A CONV_2D or DEPTHWISE_CONV_2D operator.

    `kernel` and `bias` name its constants; an empty `bias` means none. `relu` is "", "relu" or "relu6". `output`
    names what comes out of it, after that function.
    """

    kernel: str
    bias: str
    depthwise: bool
    stride: int
    dilation: int
    relu: str
    output: str = ""


@dataclass(frozen=True)
class TfliteFile:
    """What a .tflite file holds.

    `tensors`: constants by name, in TensorFlow's own axis order: float32, quantised ones too, or integer where they
    are numbers such as shapes. `convolutions` and `operators` (these among them): in the order of execution.
    `quantisation`: how constants, and what flows through the network, are quantised, by name. `inputs` and `outputs`
    name what the whole network takes and gives.
    """

    path: Path
    tensors: Mapping[str, NDArray[Any]]
    convolutions: tuple[Convolution, ...]
    operators: tuple[Operator, ...] = ()
    quantisation: Mapping[str, Quantisation] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    _by_kernel: dict[str, Convolution] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._by_kernel.update({c.kernel: c for c in self.convolutions})

    def convolution(self, kernel: str) -> Convolution:
        """The convolution whose kernel has this name, or whose fused name starts with it before a ";".

        Raises ModelUnavailable when there is none or more than one.
        """
        if kernel in self._by_kernel:
            return self._by_kernel[kernel]
        found = [c for c in self.convolutions if c.kernel.startswith(kernel + ";")]
        if len(found) != 1:
            raise ModelUnavailable(
                f"{self.path} has no convolution named {kernel}: this is not the expected network."
            )
        return found[0]


def read_tflite(path: Path) -> TfliteFile:
    """What `path` holds.

    Raises ModelUnavailable when the file cannot be read, is not a TensorFlow Lite file, holds constants other
    than float32, float16, 32- and 64-bit integers and quantised 8-bit ones, or when the `tflite` package is not
    installed.
    """
    try:
        import tflite
    except ImportError as error:
        raise ModelUnavailable(
            "Reading .tflite weights needs the Python package tflite: install it with `pip install tflite`."
        ) from error
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelUnavailable(f"The weights {path} cannot be read: {error.strerror or error}.") from error
    if data[4:8] != IDENTIFIER:
        raise ModelUnavailable(f"{path} is not a TensorFlow Lite file: reinstall the package that it belongs to.")
    try:
        return _Reader(tflite, path, data).read()
    # Offsets into a damaged FlatBuffer fail in whichever of these ways the bytes happen to lead to.
    except (struct.error, IndexError, ValueError, TypeError, AttributeError, OverflowError) as error:
        raise ModelUnavailable(
            f"{path} is damaged ({type(error).__name__}): reinstall the package that it belongs to."
        ) from error


class _Reader:
    def __init__(self, tflite: Any, path: Path, data: bytes) -> None:
        self.tflite = tflite
        self.path = path
        self.model = tflite.Model.GetRootAsModel(data, 0)
        if self.model.SubgraphsLength() != 1:
            raise ModelUnavailable(f"{path} holds {self.model.SubgraphsLength()} graphs where one is expected.")
        self.graph = self.model.Subgraphs(0)
        kinds = tflite.TensorType
        self.types: dict[int, np.dtype[Any]] = {
            kinds.FLOAT32: np.dtype("<f4"),
            kinds.FLOAT16: np.dtype("<f2"),
            kinds.INT32: np.dtype("<i4"),
            kinds.INT64: np.dtype("<i8"),
            kinds.INT8: np.dtype("i1"),
            kinds.UINT8: np.dtype("u1"),
        }
        self.kinds = {code: name for name, code in vars(tflite.BuiltinOperator).items() if isinstance(code, int)}

    def read(self) -> TfliteFile:
        every = range(self.graph.TensorsLength())
        quantised = {i: found for i in every if (found := self.quantisation(i)) is not None}
        constants = {i: array for i in every if (array := self.constant(i, quantised.get(i))) is not None}
        tensors = {self.name(i): array for i, array in constants.items()}
        quantisation = {self.name(i): found for i, found in quantised.items()}
        if len(tensors) != len(constants) or len(quantisation) != len(quantised):
            raise ModelUnavailable(f"{self.path} names two tensors alike.")
        operators = [self.graph.Operators(k) for k in range(self.graph.OperatorsLength())]
        codes = [self.code(operator) for operator in operators]
        builtin = self.tflite.BuiltinOperator
        source = {
            int(operator.Outputs(0)): int(operator.Inputs(0))
            for operator, code in zip(operators, codes, strict=True)
            if code == builtin.DEQUANTIZE
        }
        convolutions = tuple(
            self.convolution(operator, code == builtin.DEPTHWISE_CONV_2D, source)
            for operator, code in zip(operators, codes, strict=True)
            if code in (builtin.CONV_2D, builtin.DEPTHWISE_CONV_2D)
        )
        return TfliteFile(
            self.path,
            tensors,
            convolutions,
            operators=tuple(
                Operator(
                    self.kinds.get(code, str(code)),
                    self.names(operator.InputsAsNumpy()),
                    self.names(operator.OutputsAsNumpy()),
                )
                for operator, code in zip(operators, codes, strict=True)
            ),
            quantisation=quantisation,
            inputs=self.names(self.graph.InputsAsNumpy()),
            outputs=self.names(self.graph.OutputsAsNumpy()),
        )

    def name(self, index: int) -> str:
        return str(self.graph.Tensors(index).Name().decode("utf-8"))

    def names(self, indices: Any) -> tuple[str, ...]:
        # The reader gives 0 for an empty list, and an index of -1 says that an optional tensor is left out.
        return tuple(self.name(int(i)) if i >= 0 else "" for i in (() if np.isscalar(indices) else indices))

    def quantisation(self, index: int) -> Quantisation | None:
        tensor = self.graph.Tensors(index)
        found = tensor.Quantization()
        if found is None or not found.ScaleLength():
            return None
        if tensor.Type() not in self.types or self.types[tensor.Type()].kind == "f":
            raise ModelUnavailable(f"{self.path}: {self.name(index)} is quantised in a way that cannot be read.")
        scales = np.asarray(found.ScaleAsNumpy(), np.float32)
        zero_points = np.zeros(scales.shape, np.int64)
        if found.ZeroPointLength():
            zero_points[:] = found.ZeroPointAsNumpy()
        return Quantisation(scales, zero_points, self.types[tensor.Type()], int(found.QuantizedDimension()))

    def constant(self, index: int, quantisation: Quantisation | None) -> NDArray[Any] | None:
        tensor = self.graph.Tensors(index)
        buffer = self.model.Buffers(tensor.Buffer())
        if not buffer.DataLength():
            return None
        dtype = self.types.get(tensor.Type())
        if dtype is None or (dtype.itemsize == 1 and quantisation is None):
            raise ModelUnavailable(
                f"{self.path}: the constant {self.name(index)} is of TensorFlow Lite type {tensor.Type()}; only 16- "
                "and 32-bit floats, integers of 32 and 64 bits, and 8-bit ones with a scale can be read."
            )
        shape = tuple(int(tensor.Shape(k)) for k in range(tensor.ShapeLength()))
        values = buffer.DataAsNumpy().view(dtype).reshape(shape)
        return quantisation.dequantised(values) if quantisation is not None else _widened(values)

    def code(self, operator: Any) -> int:
        code = self.model.OperatorCodes(operator.OpcodeIndex())
        # Codes below 127 are stored in the older field; the newer one is 0 in older files.
        return max(int(code.BuiltinCode()), int(code.DeprecatedBuiltinCode()))

    def convolution(self, operator: Any, depthwise: bool, source: Mapping[int, int]) -> Convolution:
        table = operator.BuiltinOptions()
        options = self.tflite.DepthwiseConv2DOptions() if depthwise else self.tflite.Conv2DOptions()
        options.Init(table.Bytes, table.Pos)
        kernel = int(operator.Inputs(1))
        bias = int(operator.Inputs(2)) if operator.InputsLength() > 2 else -1
        relu = {0: "", 1: "relu", 3: "relu6"}.get(options.FusedActivationFunction())
        if relu is None or options.StrideH() != options.StrideW():
            raise ModelUnavailable(f"{self.path}: the convolution {self.name(kernel)} is of an unknown kind.")
        return Convolution(
            kernel=self.name(source.get(kernel, kernel)),
            bias=self.name(source.get(bias, bias)) if bias >= 0 else "",
            depthwise=depthwise,
            stride=int(options.StrideH()),
            dilation=int(options.DilationHFactor()),
            relu=relu,
            output=self.name(int(operator.Outputs(0))),
        )


def _widened(array: NDArray[Any]) -> NDArray[Any]:
    return array.astype(np.float32) if array.dtype.kind == "f" else array


def convolution_weights(
    file: TfliteFile, layers: Mapping[str, str], other: Iterable[str]
) -> dict[str, NDArray[np.float32]]:
    """`{layer}.weight` (out, in, height, width) and `{layer}.bias` (out,), float32, of each layer.

    `layers` maps a layer to its kernel's name in the file; `other` names the float constants that the caller
    accounts for itself. Raises ModelUnavailable when a layer's convolution is missing, or when a convolution
    or a float constant of the file is in neither of the two.
    """
    weights: dict[str, NDArray[np.float32]] = {}
    used = set(other)
    missing = used - set(file.tensors)
    if missing:
        raise ModelUnavailable(f"{file.path} lacks {_listed(missing)}: this is not the expected network.")
    for layer, kernel in layers.items():
        convolution = file.convolution(kernel)
        weights[f"{layer}.weight"], weights[f"{layer}.bias"] = kernel_and_bias(file, convolution)
        used |= {convolution.kernel, convolution.bias}
    left_over = {name for name, array in file.tensors.items() if array.dtype.kind == "f"} - used
    left_over |= {convolution.kernel for convolution in file.convolutions} - used
    if left_over:
        raise ModelUnavailable(f"{file.path} holds weights that the network has no place for: {_listed(left_over)}.")
    return weights


def kernel_and_bias(file: TfliteFile, convolution: Convolution) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Copies of a convolution's kernel (out, in, height, width) and bias (out,). Raises ModelUnavailable."""
    if not {convolution.kernel, convolution.bias} <= set(file.tensors):
        raise ModelUnavailable(
            f"{file.path} lacks the weights of {convolution.kernel}: this is not the expected network."
        )
    # Depthwise kernels are (1, height, width, channels), others (out, height, width, in).
    axes = (3, 0, 1, 2) if convolution.depthwise else (0, 3, 1, 2)
    kernel = file.tensors[convolution.kernel].transpose(axes).copy(order="C")
    return kernel, file.tensors[convolution.bias].copy()


def check_shapes(path: Path, expected: Mapping[str, tuple[int, ...]], found: Mapping[str, tuple[int, ...]]) -> None:
    """Raise ModelUnavailable unless the two name the same weights with the same shapes."""
    if missing := expected.keys() - found.keys():
        raise ModelUnavailable(f"{path} gives the network no {_listed(missing)}.")
    if left_over := found.keys() - expected.keys():
        raise ModelUnavailable(f"{path} holds weights that the network has no place for: {_listed(left_over)}.")
    for name, shape in expected.items():
        if found[name] != shape:
            raise ModelUnavailable(f"{path}: {name} has the shape {found[name]} where {shape} is expected.")


def _listed(names: Iterable[str], most: int = 3) -> str:
    ordered = sorted(names)
    more = f" and {len(ordered) - most} more" if len(ordered) > most else ""
    return ", ".join(ordered[:most]) + more
