"""Makes files that keep whoever reads them busy without end."""

import struct
import zlib
from pathlib import Path

import onnx
from onnx import TensorProto, helper


def again_and_again(path: Path, rows: int = 60_000) -> Path:
    """A TIFF file whose strips, one for each row, are all the same bytes: a megabyte that inflates to one pixel."""
    strip = b"\x78\x01" + b"\0\0\0\xff\xff" * 200_000 + b"\1\1\0\xfe\xff\x07" + struct.pack(">I", zlib.adler32(b"\7"))
    tags = [(256, 4, 1), (257, 4, rows), (258, 3, 8), (259, 3, 8), (262, 3, 1), (277, 3, 1), (278, 4, 1)]
    end = 8 + 2 + 12 * (len(tags) + 2) + 4
    entries = [struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags]
    entries.insert(5, struct.pack("<HHII", 273, 4, rows, end))
    entries.append(struct.pack("<HHII", 279, 4, rows, end + 4 * rows))
    lists = struct.pack("<I", end + 8 * rows) * rows + struct.pack("<I", len(strip)) * rows
    head = b"II*\0" + struct.pack("<IH", 8, len(entries))
    path.write_bytes(head + b"".join(entries) + bytes(4) + lists + strip)
    return path


def looping(path: Path) -> Path:
    """A network over (N, 3, 8, 8) that goes round a loop as long as its input is not negative."""
    value = helper.make_tensor_value_info
    body = helper.make_graph(
        [
            helper.make_node("ReduceMin", ["x"], ["least"], keepdims=0),
            helper.make_node("Less", ["least", "zero"], ["below"]),
            helper.make_node("Not", ["below"], ["again"]),
            helper.make_node("Identity", ["x"], ["same"]),
        ],
        "body",
        [value("i", TensorProto.INT64, []), value("c", TensorProto.BOOL, []), value("x", TensorProto.FLOAT, None)],
        [value("again", TensorProto.BOOL, []), value("same", TensorProto.FLOAT, None)],
        [helper.make_tensor("zero", TensorProto.FLOAT, [], [0.0])],
    )
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["input"], ["mean"], axes=[2, 3], keepdims=0),
            helper.make_node("Loop", ["", "true", "mean"], ["output"], body=body),
        ],
        "endless",
        [value("input", TensorProto.FLOAT, ["N", 3, 8, 8])],
        [value("output", TensorProto.FLOAT, ["N", 3])],
        [helper.make_tensor("true", TensorProto.BOOL, [], [True])],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path
