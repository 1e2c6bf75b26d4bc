"""`python -m benchmarks.precisions [NETWORK...]`: embedded networks alone in fp32 and in int8, on one thread.

Both run in this process, turn by turn, and what is counted is the thread's own processor time, so that whatever else
the machine does hits both alike, and hardly. Prints the median and the least milliseconds a picture, and the ratio of
the medians; int8 is measured also where the processor has no units for it. DeepLab gets the 513 x 385 pixels that a
picture of 4:3 has there, the others their input size.
"""

import sys
import time

import numpy as np

from visioncli.engines.compile import can_quantise, compile_model, compiled_file, is_whole
from visioncli.engines.onnx import OnnxEngine
from visioncli.models.registry import ROWS, ModelRow, find

SECONDS = 10.0
SHAPES = {"deeplab_v3_mobilenet_v2": (385, 513)}


def _engine(row: ModelRow, precision: str) -> OnnxEngine:
    path = compiled_file(row, precision)
    return OnnxEngine(row, path if is_whole(path) else compile_model(row, precision=precision), threads=1)


def main(names: list[str]) -> None:
    sys.stdout.write("network\tfp32 ms\tint8 ms\tfp32 least\tint8 least\tratio\n")
    for name in names or [row.name for row in ROWS if can_quantise(row)]:
        row = find(name)
        height, width = SHAPES.get(name, (row.input.size, row.input.size))
        picture = np.random.default_rng(0).uniform(-1, 1, (1, 3, height, width)).astype(np.float32)
        times: dict[str, list[float]] = {"fp32": [], "int8": []}
        engines = {precision: _engine(row, precision) for precision in times}
        for engine in engines.values():
            engine.run(picture)
        end = time.perf_counter() + SECONDS
        while time.perf_counter() < end:
            for precision, engine in engines.items():
                start = time.thread_time()
                engine.run(picture)
                times[precision].append((time.thread_time() - start) * 1000)
        whole, small = (float(np.median(times[p])) for p in ("fp32", "int8"))
        least = "\t".join(f"{min(times[p]):.2f}" for p in times)
        sys.stdout.write(f"{name}\t{whole:.2f}\t{small:.2f}\t{least}\t{whole / small:.2f}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
