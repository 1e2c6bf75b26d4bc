"""A reader of the constants in a TensorFlow GraphDef file (a "frozen graph").

Follows the protocol-buffer wire format and TensorFlow's message definitions graph.proto, node_def.proto,
attr_value.proto, tensor.proto and tensor_shape.proto. It reads data only: nothing in the file is ever run.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visioncli.errors import ModelUnavailable

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

# Field numbers of the messages, as in TensorFlow's .proto files.
_GRAPH_NODE = 1
_NODE_NAME, _NODE_OP, _NODE_ATTR = 1, 2, 5
_MAP_KEY, _MAP_VALUE = 1, 2
_ATTR_TENSOR = 8
_TENSOR_DTYPE, _TENSOR_SHAPE, _TENSOR_CONTENT = 1, 2, 4
_SHAPE_DIM, _DIM_SIZE = 2, 1

_DTYPES: dict[int, str] = {
    1: "<f4",
    2: "<f8",
    3: "<i4",
    4: "|u1",
    5: "<i2",
    6: "|i1",
    9: "<i8",
    10: "|b1",
    17: "<u2",
    19: "<f2",
    22: "<u4",
    23: "<u8",
}
# Where a tensor keeps its values when it does not keep them as raw bytes: dtype number -> field number.
_VALUE_FIELDS: dict[int, int] = {
    1: 5,
    2: 6,
    3: 7,
    4: 7,
    5: 7,
    6: 7,
    9: 10,
    10: 11,
    17: 7,
    19: 13,
    22: 16,
    23: 17,
}
# More axes than this, or more values, is no weight; a hostile shape must not make us reserve the memory.
_MOST_AXES = 32
_MOST_VALUES = 1 << 28


class _MalformedError(ValueError):
    """The bytes break the wire format or contradict themselves."""


def read_constants(data: bytes) -> dict[str, NDArray[Any]]:
    """Return every numeric constant (a node with op "Const") of a GraphDef by its node name.

    `data` holds the whole file. The arrays are read-only where they lie directly in `data`. Constants of
    other types (strings, resources) are left out. Raises ModelUnavailable when the bytes are not a GraphDef.
    """
    constants: dict[str, NDArray[Any]] = {}
    nodes = 0
    try:
        for field, wire, value in _fields(memoryview(data)):
            if field == _GRAPH_NODE and wire == _BYTES:
                nodes += 1
                named = _constant(value)
                if named is None:
                    continue
                if named[0] in constants:
                    raise _MalformedError(f"it has two constants named {named[0]!r}")
                constants[named[0]] = named[1]
        if nodes == 0:
            raise _MalformedError("it has no nodes")
    except _MalformedError as error:
        raise ModelUnavailable(
            f"The weights are not a readable TensorFlow graph: {error}. Reinstall the package that carries them."
        ) from error
    return constants


def _fields(message: memoryview) -> Iterator[tuple[int, int, Any]]:
    """Yield (field number, wire type, value) of one message; values are ints or uncopied slices."""
    at, end = 0, len(message)
    while at < end:
        key, at = _varint(message, at)
        field, wire = key >> 3, key & 7
        if field == 0:
            raise _MalformedError(f"field number 0 before byte {at}")
        if wire == _VARINT:
            value, at = _varint(message, at)
            yield field, wire, value
            continue
        if wire == _BYTES:
            size, at = _varint(message, at)
        elif wire == _FIXED32:
            size = 4
        elif wire == _FIXED64:
            size = 8
        else:
            raise _MalformedError(f"unknown wire type {wire}")
        if size > end - at:
            raise _MalformedError(f"a field of {size} bytes where {end - at} are left")
        yield field, wire, message[at : at + size]
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """Return the variable-length unsigned integer that starts at `at`, and where the next field starts."""
    value = shift = 0
    while True:
        if at >= len(message):
            raise _MalformedError("it ends in the middle of a number")
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise _MalformedError("a number of more than 64 bits")


def _text(value: memoryview) -> str:
    try:
        return str(value, "utf-8")
    except UnicodeDecodeError as error:
        raise _MalformedError("a name that is not UTF-8") from error


def _constant(node: memoryview) -> tuple[str, NDArray[Any]] | None:
    name = op = ""
    tensor: memoryview | None = None
    for field, wire, value in _fields(node):
        if wire != _BYTES:
            continue
        if field == _NODE_NAME:
            name = _text(value)
        elif field == _NODE_OP:
            op = _text(value)
        elif field == _NODE_ATTR:
            entry = {key: part for key, kind, part in _fields(value) if kind == _BYTES}
            if bytes(entry.get(_MAP_KEY, b"")) == b"value":
                for key, kind, part in _fields(entry.get(_MAP_VALUE, memoryview(b""))):
                    if key == _ATTR_TENSOR and kind == _BYTES:
                        tensor = part
    if op != "Const":
        return None
    if tensor is None:
        raise _MalformedError(f"the constant {name!r} has no value")
    array = _tensor(name, tensor)
    return None if array is None else (name, array)


def _tensor(name: str, message: memoryview) -> NDArray[Any] | None:
    number = 0
    shape: tuple[int, ...] = ()
    content: memoryview | None = None
    listed: dict[int, list[tuple[int, Any]]] = {}
    for field, wire, value in _fields(message):
        if field == _TENSOR_DTYPE and wire == _VARINT:
            number = value
        elif field == _TENSOR_SHAPE and wire == _BYTES:
            shape = _shape(name, value)
        elif field == _TENSOR_CONTENT and wire == _BYTES:
            content = value
        else:
            listed.setdefault(field, []).append((wire, value))
    if number not in _DTYPES:
        return None
    dtype = np.dtype(_DTYPES[number])
    count = math.prod(shape)
    if content is not None and len(content):
        if len(content) != count * dtype.itemsize:
            raise _MalformedError(f"the constant {name!r} has {len(content)} bytes for the shape {shape} of {dtype}")
        return np.frombuffer(content, dtype).reshape(shape)
    values = _values(dtype, listed.get(_VALUE_FIELDS[number], []))
    if len(values) > count:
        raise _MalformedError(f"the constant {name!r} has {len(values)} values for the shape {shape}")
    if count == 0 or len(values) == count:
        return values.reshape(shape)
    # The format's short form: values that are left out repeat the last one, or are zero if there is none.
    full = np.full(count, values[-1] if len(values) else 0, dtype)
    full[: len(values)] = values
    return full.reshape(shape)


def _shape(name: str, message: memoryview) -> tuple[int, ...]:
    sizes = []
    for field, wire, dim in _fields(message):
        if field == _SHAPE_DIM and wire == _BYTES:
            sizes.append(sum(value for key, kind, value in _fields(dim) if key == _DIM_SIZE and kind == _VARINT))
    if len(sizes) > _MOST_AXES or math.prod(sizes) > _MOST_VALUES:
        raise _MalformedError(f"the constant {name!r} has the impossible shape {tuple(sizes)}")
    return tuple(sizes)


def _values(dtype: np.dtype[Any], parts: list[tuple[int, Any]]) -> NDArray[Any]:
    """Return the values (N,) of a repeated field, whether it is packed or given one by one."""
    fixed = dtype.kind == "f" and dtype.itemsize > 2
    if fixed:
        raw = b"".join(bytes(value) for wire, value in parts if wire != _VARINT)
        if len(raw) % dtype.itemsize:
            raise _MalformedError(f"a list of {dtype} that ends in the middle of a value")
        return np.frombuffer(raw, dtype)
    numbers: list[int] = []
    for wire, value in parts:
        if wire == _VARINT:
            numbers.append(value)
        elif wire == _BYTES:
            at = 0
            while at < len(value):
                number, at = _varint(value, at)
                numbers.append(number)
    # Negative numbers are written as 64-bit two's complement, half floats as their 16 bits.
    wide = np.array(numbers, np.uint64)
    return wide.astype(np.uint16).view(dtype) if dtype == np.float16 else wide.astype(dtype)
