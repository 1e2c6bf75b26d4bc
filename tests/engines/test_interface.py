import numpy as np
import pytest

from visioncli.engines.interface import Engine, check_finite
from visioncli.errors import InputError


class Given(Engine):
    """Answers what it was given."""

    def __init__(self, *outputs: np.ndarray) -> None:
        self.outputs = outputs

    def compute(self, batch: np.ndarray) -> tuple[np.ndarray, ...]:
        return self.outputs


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_an_answer_that_is_not_finite_is_an_error(number: float, dtype: type) -> None:
    boxes, scores = np.zeros((1, 50, 4), dtype), np.zeros((1, 50), dtype)
    engine = Given(boxes, scores)
    assert engine.run(boxes) == (boxes, scores)
    scores[0, 17] = number
    with pytest.raises(InputError, match="not finite") as caught:
        engine.run(boxes)
    assert caught.value.kind == "prediction_failed"


def test_large_numbers_whose_sum_overflows_are_finite() -> None:
    large = np.full((1, 100), 3e38, np.float32)
    assert check_finite((large,)) == (large,)


def test_whole_numbers_and_empty_answers_are_finite() -> None:
    outputs = (np.zeros((1, 0, 4), np.float32), np.array([[1 << 40]]))
    assert check_finite(outputs) == outputs
