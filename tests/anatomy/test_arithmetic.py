import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from visioncli.anatomy.arithmetic import convolution
from visioncli.errors import UsageError

small = st.integers(1, 5)


@given(size=st.integers(1, 40), kernel=small, stride=small, padding=st.integers(0, 6), dilation=small)
@settings(max_examples=60, deadline=None)
def test_sizes_are_those_of_torch(size: int, kernel: int, stride: int, padding: int, dilation: int) -> None:
    try:
        answer = convolution(size, kernel, stride, str(padding), dilation).output
    except UsageError:
        answer = 0
    layer = nn.Conv1d(1, 1, kernel, stride, padding, dilation, device="meta")
    try:
        theirs = layer(torch.empty(1, 1, size, device="meta")).shape[-1]
    except RuntimeError:
        theirs = 0
    assert answer == theirs


@given(size=st.integers(1, 40), kernel=small, stride=small, padding=st.integers(0, 3), dilation=small)
@settings(max_examples=60, deadline=None)
def test_transposed_sizes_are_those_of_torch(
    size: int, kernel: int, stride: int, padding: int, dilation: int
) -> None:
    extra = (stride - 1) // 2
    try:
        answer = convolution(
            size, kernel, stride, str(padding), dilation, transposed=True, output_padding=extra
        ).output
    except UsageError:
        answer = 0
    layer = nn.ConvTranspose1d(1, 1, kernel, stride, padding, extra, dilation=dilation, device="meta")
    try:
        theirs = layer(torch.empty(1, 1, size, device="meta")).shape[-1]
    except RuntimeError:
        theirs = 0
    assert answer == theirs


def test_same_divides_the_size_by_the_stride_and_rounds_up() -> None:
    answer = convolution(33, 3, 2, "same")
    assert (answer.output, answer.before, answer.after) == (17, 1, 1)
    assert convolution(32, 3, 2, "same").after == 1  # the odd pixel goes to the right
    assert convolution(32, 3, 2, "same").before == 0


def test_full_is_the_padding_with_which_every_overlap_counts() -> None:
    assert convolution(5, 3, padding="full").output == 7


def test_the_formula_holds_the_numbers() -> None:
    answer = convolution(32, 3, 2, "1", 2)
    assert answer.steps[0] == "k' = d (k - 1) + 1 = 2 (3 - 1) + 1 = 5"
    assert answer.steps[1] == "o = floor((i + 2p - k') / s) + 1 = floor((32 + 2*1 - 5) / 2) + 1 = 15"


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ({"size": 0, "kernel": 3}, "--input must be at least 1"),
        ({"size": 8, "kernel": 3, "padding": "some"}, "--padding is same"),
        ({"size": 3, "kernel": 7}, "Nothing is left"),
        ({"size": 8, "kernel": 3, "output_padding": 1}, "belongs to --transposed"),
        ({"size": 8, "kernel": 3, "transposed": True, "output_padding": 1}, "smaller than the stride"),
    ],
)
def test_impossible_numbers_are_wrong_usage(numbers: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        convolution(**numbers)  # type: ignore[arg-type]
