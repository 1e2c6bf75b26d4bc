"""The engine for the CPU: the network compiled to ONNX, run by ONNX Runtime. Needs neither torch nor torchvision."""

import os
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as problems

from visioncli.engines.compile import compile_model, compiled_file, weights_sha256
from visioncli.engines.interface import Engine, EngineOptions
from visioncli.errors import ModelUnavailable, OutputError
from visioncli.models.registry import ModelRow

SMALL_GFLOPS = 5.0
"""Up to here several pictures at once, with one thread each, are faster than one picture with all threads."""

_UNLOADABLE = (
    problems.Fail,
    problems.InvalidArgument,
    problems.InvalidGraph,
    problems.InvalidProtobuf,
    problems.NoSuchFile,
    problems.NotImplemented,
    problems.RuntimeException,
)


class OnnxEngine(Engine):
    """Runs a compiled network. `run` may be called from `parallel` threads at the same time.

    Small networks compute each picture of a batch by itself, on one thread: its answer cannot depend on its
    neighbours, what is computed stays in the processor's cache, and nothing waits for other threads.

    Raises ModelUnavailable where the file is damaged or was made of other weights.
    """

    name = "onnx"

    def __init__(self, row: ModelRow, path: Path, threads: int | None = None) -> None:
        threads = threads or available_cpus()
        self._alone = row.gflops <= SMALL_GFLOPS
        self.parallel = threads if self._alone else 1
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1 if self._alone else threads
        options.inter_op_num_threads = 1
        # Threads that spin while they wait make several processes on one machine crawl.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        try:
            self._session: Any = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except _UNLOADABLE as problem:
            raise ModelUnavailable(f"The compiled network {path} cannot be loaded ({problem}).") from problem
        made_of = self._session.get_modelmeta().custom_metadata_map.get("weights_sha256")
        if made_of != weights_sha256(row):
            raise ModelUnavailable(f"The compiled network {path} was made of other weights.")
        self._input = self._session.get_inputs()[0].name

    def run(self, batch: np.ndarray) -> tuple[np.ndarray, ...]:
        batch = np.ascontiguousarray(batch, np.float32)
        if not self._alone or len(batch) == 1:
            return tuple(self._session.run(None, {self._input: batch}))
        rows = [self._session.run(None, {self._input: batch[n : n + 1]}) for n in range(len(batch))]
        return tuple(np.concatenate(column) for column in zip(*rows, strict=True))


def available_cpus() -> int:
    """The CPUs that this process may use: fewer than the machine has in a container or under `taskset`."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on Linux
        return os.cpu_count() or 1


def open_compiled(row: ModelRow, options: EngineOptions) -> OnnxEngine | None:
    """The engine with the network of `row`, which is compiled where the cache lacks it or holds it damaged.

    Where the cache cannot be written: None, unless the user asked for this engine; then it is compiled for now only.
    """
    path = compiled_file(row)
    if path.is_file():
        try:
            return OnnxEngine(row, path, options.threads)
        except ModelUnavailable:
            # Damaged: made again below, in its place.
            pass
    try:
        return OnnxEngine(row, compile_model(row, tell=options.tell), options.threads)
    except OutputError as problem:
        warnings.warn(f"The compiled network could not be kept, so each start is slower. {problem}", stacklevel=2)
    if options.engine == "auto":
        return None
    with tempfile.TemporaryDirectory(prefix="vision-") as folder:
        return OnnxEngine(row, compile_model(row, Path(folder) / path.name, options.tell), options.threads)
