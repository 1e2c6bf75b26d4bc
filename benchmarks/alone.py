"""`python -m benchmarks.alone TASK FOLDER`: the networks of a task alone, on arrays that are ready in memory.

The limit for a folder: no picture is read, nothing is prepared and nothing made of the answers. First the task runs
over the folder as usual, and every array that it gives to a network is kept; then these arrays go through the
networks again, from as many threads as the engine makes use of. Prints the milliseconds a picture of that second
part.
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from visioncli import load
from visioncli.engines.onnx import OnnxEngine

MOST = 64
"""Pictures; what they are made into stays below a gigabyte."""
SECONDS = 3.0


def main(task: str, folder: Path) -> None:
    paths = sorted(folder.iterdir())[:MOST]
    calls: list[tuple[OnnxEngine, np.ndarray]] = []
    run = OnnxEngine.run

    def kept(engine: OnnxEngine, batch: np.ndarray) -> tuple[np.ndarray, ...]:
        # One picture at a time, as the engine itself computes them: so the threads share the work evenly.
        calls.extend((engine, batch[n : n + 1].copy()) for n in range(len(batch)))
        return run(engine, batch)

    OnnxEngine.run = kept  # type: ignore[method-assign]
    for _ in load(task)(paths):
        pass
    OnnxEngine.run = run  # type: ignore[method-assign]
    rounds, start = 0, time.perf_counter()
    with ThreadPoolExecutor(max(engine.parallel for engine, _ in calls)) as pool:
        while time.perf_counter() < start + SECONDS:
            for _ in pool.map(lambda call: run(*call), calls):
                pass
            rounds += 1
    sys.stdout.write(f"{(time.perf_counter() - start) / rounds / len(paths) * 1000}\n")


main(sys.argv[1], Path(sys.argv[2]))
