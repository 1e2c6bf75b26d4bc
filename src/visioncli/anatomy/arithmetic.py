"""The size of a convolution's output, with the formula written out.

After Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", 2016 (https://arxiv.org/abs/1603.07285),
which calls "half" what is called "same" here. An even number of padded pixels goes to both sides, an odd one to the
right and the bottom, as in TensorFlow.
"""

from dataclasses import dataclass

from visioncli.errors import UsageError


@dataclass(frozen=True, slots=True)
class Convolution:
    """One dimension of a convolution. `before` and `after` are the padded pixels at its two ends."""

    input: int
    output: int
    kernel: int
    stride: int
    dilation: int
    before: int
    after: int
    transposed: bool
    reach: int
    """Pixels that one output depends on, k' = d (k - 1) + 1."""
    steps: tuple[str, ...]
    """The formula, with letters and then with numbers."""


def convolution(
    size: int,
    kernel: int,
    stride: int = 1,
    padding: str = "valid",
    dilation: int = 1,
    *,
    transposed: bool = False,
    output_padding: int = 0,
) -> Convolution:
    """Sizes of a convolution or pooling over `size` pixels; `padding` is same, valid, full or a number of pixels.

    Raises UsageError for impossible numbers, and where nothing would be left.
    """
    for option, value in (("--input", size), ("--kernel", kernel), ("--stride", stride), ("--dilation", dilation)):
        if value < 1:
            raise UsageError(f"{option} must be at least 1, not {value}.")
    if output_padding and not transposed:
        raise UsageError("--output-padding belongs to --transposed.")
    if not 0 <= output_padding < max(stride, dilation):
        raise UsageError("--output-padding is at least 0 and smaller than the stride or the dilation.")
    reach = dilation * (kernel - 1) + 1
    steps = [f"k' = d (k - 1) + 1 = {dilation} ({kernel} - 1) + 1 = {reach}"] if dilation > 1 else []
    k = "k'" if dilation > 1 else "k"
    make = _transposed if transposed else _direct
    before, after, output, more = make(size, reach, stride, padding, k, output_padding)
    if output < 1:
        raise UsageError(
            f"Nothing is left: {'; '.join([*steps, *more])}. The kernel reaches over {reach} pixels, "
            f"the padded input has {size + before + after}."
        )
    return Convolution(size, output, kernel, stride, dilation, before, after, transposed, reach, tuple(steps + more))


def _pixels(padding: str, reach: int) -> int | None:
    """Pixels at each side; None for same, which depends on more."""
    if padding == "same":
        return None
    named = {"valid": 0, "full": reach - 1}
    if padding in named:
        return named[padding]
    if padding.isdecimal():
        return int(padding)
    raise UsageError(f"--padding is same, valid, full or a number of pixels, not {padding!r}.")


def _direct(i: int, reach: int, s: int, padding: str, k: str, a: int) -> tuple[int, int, int, list[str]]:
    p = _pixels(padding, reach)
    if p is None:
        o = -(-i // s)
        total = max((o - 1) * s + reach - i, 0)
        steps = [
            f"o = ceil(i / s) = ceil({i} / {s}) = {o}",
            f"padding in all = max((o - 1) s + {k} - i, 0) = max(({o} - 1) {s} + {reach} - {i}, 0) = {total}",
        ]
        return total // 2, total - total // 2, o, steps
    o = (i + 2 * p - reach) // s + 1 if i + 2 * p >= reach else 0
    steps = [f"p = {k} - 1 = {p}"] if padding == "full" else []
    steps.append(f"o = floor((i + 2p - {k}) / s) + 1 = floor(({i} + 2*{p} - {reach}) / {s}) + 1 = {o}")
    return p, p, o, steps


def _transposed(i: int, reach: int, s: int, padding: str, k: str, a: int) -> tuple[int, int, int, list[str]]:
    p = _pixels(padding, reach)
    if p is None:
        o = s * i
        total = s * (i - 1) + reach - o
        steps = [
            f"o' = s i' = {s} * {i} = {o}",
            f"cut off in all = s (i' - 1) + {k} - o' = {s} ({i} - 1) + {reach} - {o} = {total}",
        ]
        if total < 0:
            steps[1] += f", so {-total} pixels get no kernel and hold the bias alone"
        return total // 2, total - total // 2, o, steps
    o = s * (i - 1) + reach - 2 * p + a
    steps = [f"p = {k} - 1 = {p}"] if padding == "full" else []
    plus, number = (" + a", f" + {a}") if a else ("", "")
    steps.append(f"o' = s (i' - 1) + {k} - 2p{plus} = {s} ({i} - 1) + {reach} - 2*{p}{number} = {o}")
    return p, p, o, steps
