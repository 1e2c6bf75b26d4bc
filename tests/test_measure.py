import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from visioncli import measure
from visioncli.engines.interface import Engine, EngineOptions
from visioncli.models import registry


class Twice(Engine):
    name = "fake"

    def __init__(self, parallel: int) -> None:
        self.parallel = parallel
        self.calls: list[int] = []

    def compute(self, batch: np.ndarray) -> tuple[np.ndarray, ...]:
        self.calls.append(len(batch))
        return (batch * 2,)


@pytest.mark.parametrize("parallel", [1, 3])
def test_every_call_has_the_batch_size(monkeypatch: pytest.MonkeyPatch, parallel: int) -> None:
    engine = Twice(parallel)
    monkeypatch.setattr(measure, "open_engine", lambda row, options: engine)
    found = measure.measure_here(registry.find("efficientnet_lite0"), EngineOptions(), 2, 0.02)
    assert set(engine.calls) == {2}
    assert (found.model, found.engine, found.batch_size) == ("efficientnet_lite0", "fake", 2)
    assert found.pictures_per_second > 0


def test_what_the_measuring_process_warns_of_is_warned_of_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def here(*args: Any) -> str:
        warnings.warn("The cache is full.", stacklevel=1)
        return "measured"

    monkeypatch.setattr(measure, "measure_here", here)
    monkeypatch.setattr(measure, "ProcessPoolExecutor", lambda *args, **options: ThreadPoolExecutor(1))
    with pytest.warns(UserWarning, match="The cache is full"):
        found: Any = measure.measure(registry.find("efficientnet_lite0"), EngineOptions(), 2, 0.02)
    assert found == "measured"
