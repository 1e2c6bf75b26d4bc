import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.samples import ring
from visioncli.sinks.brush import brush


def decoded(data: list[int]) -> np.ndarray:
    """The samples, read bit by bit as the format's authors' decoder does it (thi.ng/rle-pack)."""
    bits = "".join(f"{byte:08b}" for byte in data)
    at = 0

    def read(count: int) -> int:
        nonlocal at
        at += count
        return int(bits[at - count : at], 2)

    count, word = read(32), read(5) + 1
    sizes = [read(4) + 1 for _ in range(4)]
    samples = np.zeros(count, np.uint8)
    begun = 0
    while begun < count:
        is_run = read(1)
        end = begun + 1 + read(sizes[read(2)])
        if is_run:
            samples[begun:end] = read(word)
        else:
            samples[begun:end] = [read(word) for _ in range(end - begun)]
        begun = end
    assert begun == count and len(bits) - at < 8
    return samples


@given(st.integers(1, 9), st.integers(1, 40), st.randoms(use_true_random=False))
def test_a_decoder_of_the_format_gives_the_mask_back(height: int, width: int, random: object) -> None:
    mask = np.random.default_rng(random.randrange(1 << 30)).random((height, width)) < 0.4  # type: ignore[attr-defined]
    samples = decoded(brush(mask)).reshape(height, width, 4)
    assert np.array_equal(samples, np.repeat(mask[..., None] * np.uint8(255), 4, axis=2))


@pytest.mark.parametrize("side", [128, 129, 200])
@pytest.mark.parametrize("inside", [True, False])
def test_runs_longer_than_a_length_may_be_are_parted(side: int, inside: bool) -> None:
    mask = np.full((side, side), inside)
    data = brush(mask)
    assert np.array_equal(decoded(data), np.full(side * side * 4, 255 * inside))
    assert len(data) < 40


def test_bytes_are_plain_numbers() -> None:
    data = brush(ring())
    assert all(type(byte) is int and 0 <= byte < 256 for byte in data)
    assert np.array_equal(decoded(data).reshape(100, 120, 4)[..., 3] == 255, ring())
