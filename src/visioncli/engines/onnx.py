"""The engine for the CPU: the network compiled to ONNX, run by ONNX Runtime. Needs neither torch nor torchvision."""

import math
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from visioncli.engines.compile import compile_model, compiled_file, is_whole, note_use, weights_sha256
from visioncli.engines.interface import Engine, EngineOptions
from visioncli.errors import ModelUnavailable, OutputError, UsageError
from visioncli.families.onnx import open_session
from visioncli.families.time_limit import run_within
from visioncli.models.registry import ModelRow
from visioncli.weights.places import warn_not_kept

SMALL_GFLOPS = 5.0
"""Up to here several pictures at once, with one thread each, are faster than one picture with all threads."""


class OnnxEngine(Engine):
    """Runs a compiled network. `run` may be called from `parallel` threads at the same time.

    Each picture of a batch is computed by itself, so its answer cannot depend on its neighbours, and what is computed
    stays in the processor's cache. Small networks use one thread a picture, since that leaves no thread waiting.

    Raises ModelUnavailable where the file is damaged or was made of other weights.
    """

    name = "onnx"

    def __init__(
        self,
        row: ModelRow,
        path: Path,
        threads: int | None = None,
        timeout: float = math.inf,
        precision: str = "fp32",
    ) -> None:
        threads = threads or available_cpus()
        self.precision = precision
        small = row.gflops <= SMALL_GFLOPS
        self.parallel = threads if small else 1
        # The checksum costs a fraction of what loading takes, and nothing where there is a second processor.
        with ThreadPoolExecutor(1) as pool:
            whole = pool.submit(is_whole, path)
            self._session: Any = open_session(path, 1 if small else threads)
        if not whole.result():
            raise ModelUnavailable(f"The compiled network {path} is damaged.")
        if self._session.get_modelmeta().custom_metadata_map.get("weights_sha256") != weights_sha256(row):
            raise ModelUnavailable(f"The compiled network {path} was made of other weights.")
        self._input = self._session.get_inputs()[0].name
        self._timeout = timeout

    def compute(self, batch: np.ndarray) -> tuple[np.ndarray, ...]:
        batch = np.ascontiguousarray(batch, np.float32)
        each = ({self._input: batch[n : n + 1]} for n in range(len(batch)))
        rows = [run_within(self._timeout, self._session, inputs) for inputs in each]
        return tuple(np.concatenate(column) for column in zip(*rows, strict=True))


def available_cpus() -> int:
    """The CPUs that this process may use: fewer than the machine has in a container or under `taskset`."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on Linux
        return os.cpu_count() or 1


def open_compiled(row: ModelRow, options: EngineOptions, precision: str = "fp32") -> OnnxEngine | None:
    """The engine with the network of `row`, which is compiled where the cache lacks it or holds it damaged.

    Where it cannot be compiled, or the cache not be written: None, unless the user asked for this engine; then it is
    compiled for now only. Raises UsageError where that cannot be done. `precision` is fp32 or int8; what cannot be
    had in int8, such as a graph that its activation ranges do not fit, is opened in fp32 with a word about it.
    """
    path = compiled_file(row, precision)
    where = options.threads, options.timeout, precision
    if path.is_file():
        try:
            engine = OnnxEngine(row, path, *where)
            note_use(path)
            return engine
        except ModelUnavailable:
            # Damaged: made again below, in its place.
            pass
    asked = options.engine != "auto" or options.precision == "int8"
    try:
        return OnnxEngine(row, compile_model(row, tell=options.tell, precision=precision), *where)
    except OutputError as problem:
        warn_not_kept("The compiled network", path, problem)
        if not asked and precision == "int8" and compiled_file(row).is_file():
            return open_compiled(row, options)
    except UsageError as problem:  # this version of torch cannot export it
        if precision == "int8":
            options.tell(f"{problem} It runs in fp32.")
            return open_compiled(row, options)
        if options.engine != "auto":
            raise
    if not asked:
        return None
    with tempfile.TemporaryDirectory(prefix="vision-") as folder:
        made = compile_model(row, Path(folder) / path.name, options.tell, precision)
        return OnnxEngine(row, made, *where)
