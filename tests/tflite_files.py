"""TensorFlow Lite files with known contents."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import tflite

TYPES = {
    "float32": tflite.TensorType.FLOAT32,
    "int32": tflite.TensorType.INT32,
    "int8": tflite.TensorType.INT8,
    "uint8": tflite.TensorType.UINT8,
    "int16": tflite.TensorType.INT16,
}


@dataclass
class Tensor:
    """What stands for one tensor of a file; without `values` it flows through the network."""

    name: str
    dtype: str
    shape: tuple[int, ...] = (1,)
    values: np.ndarray | None = None
    scales: Sequence[float] = ()
    zero_points: Sequence[int] = ()
    axis: int = 0


@dataclass
class Step:
    """One operator, its tensors by their places in the file; -1 is one left out."""

    code: int
    inputs: Sequence[int]
    outputs: Sequence[int]
    stride: int = 1
    activation: int = 0


def write(
    path: Path, tensors: Sequence[Tensor], steps: Sequence[Step], inputs: Sequence[int], outputs: Sequence[int]
) -> Path:
    """A file of one graph."""
    builder = flatbuffers.Builder(1024)
    buffers = [_buffer(builder, b"")]
    made = []
    for tensor in tensors:
        place = 0
        if tensor.values is not None:
            place = len(buffers)
            buffers.append(_buffer(builder, np.ascontiguousarray(tensor.values, tensor.dtype).tobytes()))
        made.append(_tensor(builder, tensor, place))
    codes = sorted({step.code for step in steps})
    operators = [_operator(builder, step, codes.index(step.code)) for step in steps]
    graph = _graph(builder, made, operators, inputs, outputs)
    known = []
    for code in codes:
        tflite.OperatorCodeStart(builder)
        tflite.OperatorCodeAddDeprecatedBuiltinCode(builder, min(code, 127))
        tflite.OperatorCodeAddBuiltinCode(builder, code)
        known.append(tflite.OperatorCodeEnd(builder))
    parts = [_offsets(builder, offsets) for offsets in (known, [graph], buffers)]
    tflite.ModelStart(builder)
    tflite.ModelAddVersion(builder, 3)
    tflite.ModelAddOperatorCodes(builder, parts[0])
    tflite.ModelAddSubgraphs(builder, parts[1])
    tflite.ModelAddBuffers(builder, parts[2])
    builder.Finish(tflite.ModelEnd(builder), file_identifier=b"TFL3")
    path.write_bytes(builder.Output())
    return path


def _buffer(builder: flatbuffers.Builder, data: bytes) -> Any:
    content = builder.CreateByteVector(data) if data else None
    tflite.BufferStart(builder)
    if content is not None:
        tflite.BufferAddData(builder, content)
    return tflite.BufferEnd(builder)


def _tensor(builder: flatbuffers.Builder, tensor: Tensor, buffer: int) -> Any:
    shape = tensor.shape if tensor.values is None else tensor.values.shape
    name, sizes = builder.CreateString(tensor.name), _numbers(builder, shape, np.int32)
    quantisation = None
    if len(tensor.scales):
        scales = _numbers(builder, tensor.scales, np.float32)
        zero_points = _numbers(builder, tensor.zero_points, np.int64) if len(tensor.zero_points) else None
        tflite.QuantizationParametersStart(builder)
        tflite.QuantizationParametersAddScale(builder, scales)
        if zero_points is not None:
            tflite.QuantizationParametersAddZeroPoint(builder, zero_points)
        tflite.QuantizationParametersAddQuantizedDimension(builder, tensor.axis)
        quantisation = tflite.QuantizationParametersEnd(builder)
    tflite.TensorStart(builder)
    tflite.TensorAddName(builder, name)
    tflite.TensorAddShape(builder, sizes)
    tflite.TensorAddType(builder, TYPES[tensor.dtype])
    tflite.TensorAddBuffer(builder, buffer)
    if quantisation is not None:
        tflite.TensorAddQuantization(builder, quantisation)
    return tflite.TensorEnd(builder)


def _operator(builder: flatbuffers.Builder, step: Step, code: int) -> Any:
    options = None
    if step.code == tflite.BuiltinOperator.CONV_2D:
        tflite.Conv2DOptionsStart(builder)
        tflite.Conv2DOptionsAddStrideW(builder, step.stride)
        tflite.Conv2DOptionsAddStrideH(builder, step.stride)
        tflite.Conv2DOptionsAddFusedActivationFunction(builder, step.activation)
        options = tflite.Conv2DOptionsEnd(builder)
    elif step.code == tflite.BuiltinOperator.DEPTHWISE_CONV_2D:
        tflite.DepthwiseConv2DOptionsStart(builder)
        tflite.DepthwiseConv2DOptionsAddStrideW(builder, step.stride)
        tflite.DepthwiseConv2DOptionsAddStrideH(builder, step.stride)
        tflite.DepthwiseConv2DOptionsAddFusedActivationFunction(builder, step.activation)
        options = tflite.DepthwiseConv2DOptionsEnd(builder)
    places = [_numbers(builder, places, np.int32) for places in (step.inputs, step.outputs)]
    tflite.OperatorStart(builder)
    tflite.OperatorAddOpcodeIndex(builder, code)
    tflite.OperatorAddInputs(builder, places[0])
    tflite.OperatorAddOutputs(builder, places[1])
    if options is not None:
        depthwise = step.code == tflite.BuiltinOperator.DEPTHWISE_CONV_2D
        kinds = tflite.BuiltinOptions
        kind = kinds.DepthwiseConv2DOptions if depthwise else kinds.Conv2DOptions
        tflite.OperatorAddBuiltinOptionsType(builder, kind)
        tflite.OperatorAddBuiltinOptions(builder, options)
    return tflite.OperatorEnd(builder)


def _graph(builder: Any, tensors: list[Any], operators: list[Any], inputs: Any, outputs: Any) -> Any:
    parts = [_offsets(builder, offsets) for offsets in (tensors, operators)]
    ends = [_numbers(builder, places, np.int32) for places in (inputs, outputs)]
    tflite.SubGraphStart(builder)
    tflite.SubGraphAddTensors(builder, parts[0])
    tflite.SubGraphAddOperators(builder, parts[1])
    tflite.SubGraphAddInputs(builder, ends[0])
    tflite.SubGraphAddOutputs(builder, ends[1])
    return tflite.SubGraphEnd(builder)


def _numbers(builder: flatbuffers.Builder, numbers: Any, dtype: Any) -> Any:
    return builder.CreateNumpyVector(np.asarray(numbers, dtype))


def _offsets(builder: flatbuffers.Builder, offsets: list[Any]) -> Any:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return builder.EndVector()
