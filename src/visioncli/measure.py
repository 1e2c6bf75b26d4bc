"""How fast a network runs on this machine, and how much memory it takes: what `vision bench` reports."""

import signal
import sys
import threading
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np

from visioncli.engines import choose_engine, open_engine
from visioncli.engines.interface import Engine, EngineOptions
from visioncli.models.row import ModelRow


@dataclass(frozen=True, slots=True)
class Measurement:
    """One network, engine and batch size.

    `pictures_per_second` is with as many calls at the same time as the engine makes use of; the latencies are those
    of one call by itself with a batch of `batch_size`, in milliseconds. `load_seconds` is from the row to the first
    answer, imports included; `memory_mib` the process's largest resident size, None where the system does not tell.
    """

    model: str
    engine: str
    precision: str
    threads: int | None
    batch_size: int
    pictures_per_second: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    load_seconds: float
    memory_mib: float | None


def measure(row: ModelRow, options: EngineOptions, batch_size: int, seconds: float) -> Measurement:
    """Measures in a process of its own, so that memory and imports are those of this network alone.

    Takes about twice `seconds`. Raises UsageError and ModelUnavailable as `open_engine` does.
    """
    choose_engine(row, options)
    # Ctrl-C reaches both processes; the one that waits ends the other.
    ignore = (signal.SIGINT, signal.SIG_IGN)
    with ProcessPoolExecutor(1, get_context("spawn"), initializer=signal.signal, initargs=ignore) as pool:
        measured, sentences = pool.submit(_measure_and_tell, row, options, batch_size, seconds).result()
    for sentence in sentences:
        warnings.warn(sentence, stacklevel=2)
    return measured


def _measure_and_tell(
    row: ModelRow, options: EngineOptions, batch_size: int, seconds: float
) -> tuple[Measurement, list[str]]:
    """`measure_here`, and what it warned of: how that is shown is for the process that waits."""
    with warnings.catch_warnings(record=True) as caught:
        measured = measure_here(row, options, batch_size, seconds)
    return measured, [str(entry.message) for entry in caught if entry.category is UserWarning]


def measure_here(row: ModelRow, options: EngineOptions, batch_size: int, seconds: float) -> Measurement:
    """`measure` in this process: imports that were done before are not counted, memory that was taken before is."""
    start = time.perf_counter()
    engine = open_engine(row, options)
    size = row.input.size
    batch = np.random.default_rng(0).uniform(-1, 1, (batch_size, 3, size, size)).astype(np.float32)
    engine.run(batch)
    loaded = time.perf_counter() - start
    alone = _latencies(engine, batch, seconds)
    p50, p95, p99 = (round(float(p), 2) for p in np.percentile(alone, (50, 95, 99)))
    if engine.parallel > 1:
        rate = _together(engine, batch, seconds) * batch_size
    else:
        rate = len(alone) / (sum(alone) / 1000) * batch_size
    return Measurement(
        model=row.name,
        engine=engine.name,
        precision=engine.precision,
        threads=options.threads,
        batch_size=batch_size,
        pictures_per_second=round(rate, 2),
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        load_seconds=round(loaded, 2),
        memory_mib=_peak_memory(),
    )


def _latencies(engine: Engine, batch: np.ndarray, seconds: float) -> list[float]:
    """Milliseconds of calls one after the other, at least three."""
    found: list[float] = []
    end = time.perf_counter() + seconds
    while len(found) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        engine.run(batch)
        found.append((time.perf_counter() - start) * 1000)
    return found


def _together(engine: Engine, batch: np.ndarray, seconds: float) -> float:
    """Calls a second with `engine.parallel` threads."""
    start = time.perf_counter()
    counts = [0] * engine.parallel

    def call(n: int) -> None:
        while time.perf_counter() < start + seconds:
            engine.run(batch)
            counts[n] += 1

    threads = [threading.Thread(target=call, args=(n,)) for n in range(engine.parallel)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - start)


def _peak_memory() -> float | None:
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)
