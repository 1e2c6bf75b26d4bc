import struct
import time
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visioncli.errors import ModelUnavailable
from visioncli.weights.graphdef import read_constants

# The wire format by hand, so that the reader is not checked against its own idea of it.


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def nested(field: int, value: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(value)) + value


def tensor(dtype: int, shape: tuple[int, ...], values: bytes) -> bytes:
    dims = b"".join(nested(2, number(1, size)) for size in shape)
    return number(1, dtype) + nested(2, dims) + values


def node(name: str, op: str, value: bytes | None = None) -> bytes:
    attrs = nested(5, nested(1, b"dtype") + nested(2, number(6, 1)))
    if value is not None:
        attrs += nested(5, nested(1, b"value") + nested(2, nested(8, value)))
    return nested(1, nested(1, name.encode()) + nested(2, op.encode()) + attrs)


def test_raw_bytes_become_an_array_of_the_stated_shape() -> None:
    want = np.arange(6, dtype=np.float32).reshape(2, 3)
    graph = node("w", "Const", tensor(1, (2, 3), nested(4, want.tobytes())))
    got = read_constants(graph)
    assert list(got) == ["w"]
    assert got["w"].dtype == np.float32
    np.testing.assert_array_equal(got["w"], want)


def test_nodes_that_are_not_constants_are_passed_over() -> None:
    graph = node("in", "Placeholder") + node("w", "Const", tensor(3, (), number(7, 7))) + node("y", "Relu6")
    assert list(read_constants(graph)) == ["w"]


@pytest.mark.parametrize(
    ("dtype", "values", "want"),
    [
        (1, nested(5, struct.pack("<2f", 0.5, -2)), np.array([0.5, -2], np.float32)),
        (
            1,
            varint(5 << 3 | 5) + struct.pack("<f", 0.5) + varint(5 << 3 | 5) + struct.pack("<f", -2),
            np.array([0.5, -2], np.float32),
        ),
        (2, nested(6, struct.pack("<2d", 0.1, 2)), np.array([0.1, 2])),
        (3, nested(7, varint(5) + varint(-6)), np.array([5, -6], np.int32)),
        (3, number(7, 5) + number(7, -6), np.array([5, -6], np.int32)),
        (9, nested(10, varint(1 << 40) + varint(-1)), np.array([1 << 40, -1])),
        (10, nested(11, b"\x01\x00"), np.array([True, False])),
        (19, nested(13, varint(0x3C00) + varint(0xC000)), np.array([1, -2], np.float16)),
    ],
)
def test_listed_values_are_read_packed_or_one_by_one(dtype: int, values: bytes, want: np.ndarray) -> None:
    got = read_constants(node("w", "Const", tensor(dtype, (2,), values)))["w"]
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(got, want)


def test_values_left_out_repeat_the_last_one_or_are_zero() -> None:
    graph = node("ones", "Const", tensor(1, (2, 2), nested(5, struct.pack("<f", 1))))
    graph += node("zeros", "Const", tensor(3, (3,), b""))
    got = read_constants(graph)
    np.testing.assert_array_equal(got["ones"], np.ones((2, 2), np.float32))
    np.testing.assert_array_equal(got["zeros"], np.zeros(3, np.int32))


def test_an_empty_constant_stays_empty() -> None:
    assert read_constants(node("w", "Const", tensor(3, (0,), b"")))["w"].shape == (0,)


def test_constants_that_are_not_numbers_are_left_out() -> None:
    graph = node("text", "Const", tensor(7, (), nested(8, b"hello"))) + node(
        "n", "Const", tensor(3, (), number(7, 1))
    )
    assert list(read_constants(graph)) == ["n"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a graph at all",
        b"\x0a\xff",
        b"\x0a" + b"\xff" * 12,
        nested(1, nested(1, b"\xff\xfe") + nested(2, b"Const")),
        node("w", "Const"),
        node("w", "Const", tensor(1, (2,), nested(4, b"\0\0\0\0"))),
        node("w", "Const", tensor(1, (1,), nested(5, b"\0\0\0"))),
        node("w", "Const", tensor(3, (1,), nested(7, b"\1\1"))),
        node("w", "Const", tensor(1, (1 << 40, 1 << 20), b"")),
        node("w", "Const", tensor(3, (), number(7, 1))) * 2,
    ],
)
def test_malformed_bytes_say_that_the_weights_are_not_readable(data: bytes) -> None:
    with pytest.raises(ModelUnavailable, match="not a readable TensorFlow graph"):
        read_constants(data)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_on_purpose(data: bytes) -> None:
    with suppress(ModelUnavailable):
        read_constants(data)


@given(st.integers(0, 120), st.integers(0, 255))
def test_a_damaged_graph_is_read_or_refused_on_purpose(at: int, byte: int) -> None:
    graph = bytearray(node("w", "Const", tensor(1, (4,), nested(5, struct.pack("<4f", 1, 2, 3, 4)))) * 2)
    graph[at % len(graph)] = byte
    with suppress(ModelUnavailable):
        read_constants(bytes(graph))


def test_seventy_megabytes_of_weights_are_read_in_well_under_two_seconds() -> None:
    weights = np.ones((1024, 1024), np.float32)
    graph = b"".join(node(f"w{i}", "Const", tensor(1, (1024, 1024), nested(4, weights.tobytes()))) for i in range(17))
    start = time.perf_counter()
    assert len(read_constants(graph)) == 17
    assert time.perf_counter() - start < 2
