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
