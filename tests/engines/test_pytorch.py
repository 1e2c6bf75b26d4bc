import numpy as np
import pytest
import torch
from torch import Tensor, nn

from visioncli.engines import pytorch
from visioncli.engines.interface import EngineOptions
from visioncli.engines.pytorch import TorchEngine, choose_device
from visioncli.errors import UsageError
from visioncli.models import registry


class Sums(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x.sum((1, 2, 3)), x.mean((2, 3))


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> TorchEngine:
    monkeypatch.setattr(pytorch, "load_network", lambda row: Sums().eval())
    return TorchEngine(registry.ROWS[0], EngineOptions("cpu"))


def test_arrays_go_in_and_come_out(engine: TorchEngine) -> None:
    batch = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5)
    sums, means = engine.run(batch)
    np.testing.assert_allclose(sums, batch.sum((1, 2, 3)))
    np.testing.assert_allclose(means, batch.mean((2, 3)), rtol=1e-6)


def test_an_answer_does_not_depend_on_its_neighbours_in_the_batch() -> None:
    engine = TorchEngine(registry.ROWS[0], EngineOptions("cpu"))
    batch = np.random.default_rng(0).standard_normal((5, 3, 64, 64)).astype(np.float32)
    (together,) = engine.run(batch)
    alone = np.concatenate([engine.run(batch[n : n + 1])[0] for n in range(5)])
    np.testing.assert_array_equal(together, alone)


def test_an_array_in_any_memory_order_is_taken(engine: TorchEngine) -> None:
    batch = np.random.default_rng(0).random((4, 5, 3), np.float32).transpose(2, 0, 1)[None]
    np.testing.assert_allclose(engine.run(batch)[1], batch.mean((2, 3)), rtol=1e-6)


def test_auto_takes_what_there_is() -> None:
    assert choose_device("auto").type in ("cpu", "cuda", "mps")
    assert choose_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("name", ["cuda:99", "gpu", "", "tpu"])
def test_a_missing_device_is_wrong_usage_that_names_those_that_exist(name: str) -> None:
    with pytest.raises(UsageError, match=r"Devices here: cpu"):
        choose_device(name)


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_half_precision_on_the_cpu_is_wrong_usage(monkeypatch: pytest.MonkeyPatch, precision: str) -> None:
    monkeypatch.setattr(pytorch, "load_network", lambda row: Sums().eval())
    with pytest.raises(UsageError, match="needs a GPU"):
        TorchEngine(registry.ROWS[0], EngineOptions("cpu", precision=precision))


@pytest.mark.cuda
@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-3), ("fp16", 0.05), ("bf16", 0.4)])
def test_a_gpu_answers_as_the_cpu_does(precision: str, tolerance: float) -> None:
    row = next(r for r in registry.ROWS if r.name == "efficientnet_lite0")
    batch = np.random.default_rng(0).uniform(-1, 1, (3, 3, 224, 224)).astype(np.float32)
    (expected,) = TorchEngine(row, EngineOptions("cpu")).run(batch)
    (found,) = TorchEngine(row, EngineOptions("cuda", precision=precision)).run(batch)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=tolerance)
    assert (found.argmax(1) == expected.argmax(1)).all()
