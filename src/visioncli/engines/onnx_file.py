"""A network that is an ONNX file, the user's own or a published one, run by ONNX Runtime."""

import numpy as np

from visioncli import processor
from visioncli.engines.interface import Engine, EngineOptions
from visioncli.engines.onnx import SMALL_GFLOPS, available_cpus
from visioncli.errors import UsageError
from visioncli.families.onnx import open_session
from visioncli.families.time_limit import run_within
from visioncli.models.registry import ModelRow
from visioncli.weights.places import weight_file


class OnnxFileEngine(Engine):
    """Runs the file on the CPU; a file with a fixed batch size gets its pictures in groups of that size."""

    name = "onnx"

    def __init__(self, row: ModelRow, options: EngineOptions | None = None) -> None:
        options = options or EngineOptions()
        if options.device not in ("auto", "cpu"):
            raise UsageError(f"ONNX files run on the CPU here, not on {options.device!r}.")
        if options.engine == "torch" or options.precision not in ("auto", "fp32"):
            raise UsageError("ONNX files run with --engine onnx, in what the file says: leave out --precision.")
        path = weight_file(row)
        assert path is not None
        threads = options.threads or available_cpus()
        # Of a user's own file nobody counted the arithmetic.
        small = 0 < row.gflops <= SMALL_GFLOPS
        self.parallel = threads if small else 1
        self.precision = "int8" if row.answer is not None else "fp32"
        # Without units for it that is no faster, and some processors let sums of products overflow.
        whole = row.answer is not None and processor.has_int8_units()
        self._session = open_session(path, 1 if small else options.threads, whole_numbers=whole)
        self._input = self._session.get_inputs()[0]
        self._timeout = options.timeout

    def compute(self, batch: np.ndarray) -> tuple[np.ndarray, ...]:
        fixed = self._input.shape[0]
        if not isinstance(fixed, int) or fixed < 1 or fixed == len(batch):
            # As the outputs are: not all of them have a row for each picture.
            whole = np.ascontiguousarray(batch)
            return tuple(run_within(self._timeout * len(batch), self._session, {self._input.name: whole}))
        groups = []
        for start in range(0, len(batch), fixed):
            group = batch[start : start + fixed]
            whole = np.zeros((fixed, *batch.shape[1:]), batch.dtype)
            whole[: len(group)] = group
            outputs = run_within(self._timeout * fixed, self._session, {self._input.name: whole})
            groups.append([output[: len(group)] for output in outputs])
        return tuple(np.concatenate(parts) for parts in zip(*groups, strict=True))
