import json
import math

import numpy as np
import pytest

from visioncli.report.columns import finite, numbers, script, starts, words

from .page_data import column
from .page_data import words as words_again


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([0, 255], "u1"),
        ([0, 256], "u2"),
        ([0, 65536], "u4"),
        ([-1, 3], "i4"),
        ([0.5, math.nan], "f4"),
        ([], "f4"),
        ([2**62], "f4"),
        ([-(2**40)], "f4"),
    ],
)
def test_numbers_come_back_from_as_few_bytes_as_hold_them(values: list[float], kind: str) -> None:
    body = numbers(np.array(values))
    assert body["t"] == kind
    np.testing.assert_array_equal(column(body), np.array(values, np.float32))


def test_flags_are_numbers() -> None:
    assert column(numbers(np.array([True, False]))).tolist() == [1, 0]


def test_words_are_written_once_each() -> None:
    body = words(["cat", "dog", "cat", ""])
    assert body["words"] == ["cat", "dog", ""]
    assert words_again(body) == ["cat", "dog", "cat", ""]


def test_rows_of_things_stand_one_after_the_other() -> None:
    assert starts([2, 0, 3]).tolist() == [0, 2, 2, 5]


def test_what_is_undefined_is_null() -> None:
    assert finite(float("nan")) is None
    assert finite(1 / 3) == 0.333333


@pytest.mark.parametrize("text", ["</script><img onerror=x>", "\u2028\u2029", "\udcff", "&amp;", "a\nb", '’"\\'])
def test_the_script_is_ascii_without_any_sign_of_markup_and_says_the_same(text: str) -> None:
    made = script({"name": text})
    assert made.isascii()
    assert not set(made) & set("<>&")
    assert made.count("\n") == 1
    assert json.loads(made.removeprefix("var VISION_REPORT=").removesuffix(";\n")) == {"name": text}


def test_no_number_of_the_script_is_not_finite() -> None:
    with pytest.raises(ValueError, match="JSON"):
        script({"x": float("nan")})
