from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fakes import MeanColour
from visioncli import api, load
from visioncli.api import Predictor, build_task, run_options
from visioncli.errors import InputError, ModelUnavailable, UsageError, VisionError
from visioncli.results import Record


@pytest.fixture
def predictor() -> Predictor:
    return Predictor(MeanColour(), run_options())


def test_one_path_gives_one_record(predictor: Predictor, pictures: Callable[..., list[Path]]) -> None:
    (path,) = pictures(1)
    by_path, by_text = predictor(path), predictor(str(path))
    assert isinstance(by_path, Record)
    assert by_path.predictions == by_text.predictions
    assert by_path.input == str(path)


def test_several_give_an_iterator_with_failures_among_them(
    predictor: Predictor, pictures: Callable[..., list[Path]]
) -> None:
    first, second = pictures(2)
    records = list(predictor([first, "missing.png", second]))
    assert [r.ok for r in records] == [True, False, True]


def test_a_generator_is_drawn_as_results_are_taken(predictor: Predictor, pictures: Callable[..., list[Path]]) -> None:
    (path,) = pictures(1)
    endless: Iterator[Path] = iter(lambda: path, None)
    records = predictor(endless)
    assert next(records).ok
    assert next(records).ok


def test_one_path_that_cannot_be_used_raises(predictor: Predictor) -> None:
    with pytest.raises(InputError, match=r"missing\.png: There is no such file") as caught:
        predictor("missing.png")
    assert caught.value.kind == "not_found"
    assert isinstance(caught.value, VisionError)


@pytest.mark.parametrize("size", ["0", "many", "-1", "4097", "", "1.5"])
def test_an_impossible_batch_size_is_wrong_usage(size: str) -> None:
    with pytest.raises(UsageError, match="--batch-size"):
        run_options(size)


def test_automatic_options_are_filled_in() -> None:
    options = run_options()
    assert options.batch_size == api.AUTO_BATCH
    assert 1 <= options.workers <= 8
    assert run_options("3", 5).workers == 5


def test_an_unknown_task_or_model_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="no task 'paint'"):
        build_task("paint")
    with pytest.raises(UsageError, match="Did you mean efficientnet_lite0"):
        load("classify", "eficientnet_lite0")


def test_the_real_network_answers_from_python(pictures: Callable[..., list[Path]]) -> None:
    record = load("classify", top_k=3, threads=1)(pictures(1, size=(300, 200))[0])
    assert record.predictions is not None
    assert len(record.predictions) == 3
    assert record.model is not None
    assert record.model.name == "efficientnet_lite0"


def test_missing_weights_are_model_unavailable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VISION_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModelUnavailable, match="pip install"):
        load("classify")


def test_a_picture_is_let_go_before_the_next_one_is_awaited(
    pictures: Callable[..., list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("visioncli.runner.reader.BYTES_IN_FLIGHT", 1)
    predictor = Predictor(MeanColour(), run_options(batch_size=1))
    assert len(list(predictor(pictures(3)))) == 3


@pytest.mark.parametrize("seconds", [0, -1.0, float("nan"), float("inf")])
def test_an_impossible_time_limit_is_wrong_usage(seconds: float) -> None:
    with pytest.raises(UsageError, match="--timeout"):
        run_options(timeout=seconds)
