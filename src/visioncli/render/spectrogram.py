"""A spectrogram with its axes: seconds below, hertz at the left, and the decibels of its colours at the right."""

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from visioncli.render.canvas import FAINT, INK, STRIP, TRACK, Arrays, text_size, write
from visioncli.render.colour_maps import colour_table

LEFT, RIGHT = 64, 24
"""Pixels beside the plot."""
LEAST_WIDTH, MOST_WIDTH = 640, 1600
LEAST_HEIGHT, MOST_HEIGHT = 256, 512
_TOP, _BOTTOM, _SCALE = 34, 40, 78
_SIZE = 14
_TICK = 5
_STEPS_OF_TIME = (
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800),
    *(3600, 7200, 14400, 21600, 43200, 86400, 172800, 604800),
)


def plot(
    image: Image.Image,
    arrays: Arrays,
    *,
    colours: str = "inferno",
    limits: tuple[int, int] = (0, 255),
    decibels: tuple[float, float] | None = None,
) -> Image.Image:
    """`image`, the grey spectrogram, coloured and with axes: seconds (minutes, hours) and hertz of `arrays`.

    The levels `limits` are the darkest and the brightest colour; with `decibels`, which these stand for, a scale of
    the colours stands beside it.
    """
    coloured_ = coloured(image, colours, limits).resize(plot_size(*image.size), Image.Resampling.BILINEAR)
    return framed(coloured_, arrays, image.width, colours=colours, decibels=decibels)


def framed(
    inside: Image.Image,
    arrays: Arrays,
    columns: int,
    *,
    colours: str = "inferno",
    decibels: tuple[float, float] | None = None,
) -> Image.Image:
    """What is drawn for so many columns of a spectrogram, with its axes around it."""
    width, height = inside.size
    right = RIGHT + (_SCALE if decibels else 0)
    canvas = Image.new("RGB", (LEFT + width + right, _TOP + height + _BOTTOM), STRIP)
    pen = ImageDraw.Draw(canvas)
    canvas.paste(inside, (LEFT, _TOP))
    pen.rectangle((LEFT - 1, _TOP - 1, LEFT + width, _TOP + height), outline=TRACK)
    _pitches(pen, arrays["hertz"], height)
    time_axis(pen, LEFT, _TOP + height, width, columns * float(arrays["spectrogram_seconds"]))
    if decibels:
        _scale(canvas, pen, LEFT + width + 22, height, colours, decibels)
    return canvas


def plot_size(columns: int, bands: int) -> tuple[int, int]:
    """Width and height in pixels of what a spectrogram is drawn on; a band is as high as every other."""
    tall = min(bands * -(-LEAST_HEIGHT // bands), MOST_HEIGHT)
    return min(max(columns, LEAST_WIDTH), MOST_WIDTH), tall


def coloured(image: Image.Image, colours: str = "inferno", limits: tuple[int, int] = (0, 255)) -> Image.Image:
    """A grey picture of mode RGB in the colours of a map, one pixel for each of its own."""
    low, high = limits
    at = (np.arange(256) - low) * (255 / max(high - low, 1))
    table = colour_table(colours)[np.rint(at.clip(0, 255)).astype(int)]
    return Image.fromarray(table[np.asarray(image.getchannel(0))])


def time_axis(pen: ImageDraw.ImageDraw, left: int, top: int, width: int, seconds: float) -> None:
    """Ticks and times below `top`, from 0 to `seconds`."""
    longest = text_size(clock(seconds, _step(seconds, 4)), _SIZE)[0]
    step = _step(seconds, max(2, width // (longest + 36)))
    last = -math.inf
    for n in range(int(seconds / step + 1e-6) + 1):
        x = left + width * n * step / seconds
        pen.line((x, top, x, top + _TICK), FAINT)
        words = clock(n * step, step)
        wide = text_size(words, _SIZE)[0]
        place = min(max(x - wide / 2, left - LEFT + 4), left + width + RIGHT - wide - 4)
        if place > last + 6:
            write(pen, (place, top + _TICK + 12), words, _SIZE, INK)
            last = place + wide


def clock(seconds: float, step: float) -> str:
    """A time as people write it: `0.5 s` below a minute, then `1:05`, then `2:01:00`; as exact as `step` is."""
    digits = max(0, -math.floor(math.log10(step) + 1e-9)) if step < 1 else 0
    if seconds < 59.9995 or digits:
        return f"{seconds:.{digits}f} s"
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _step(seconds: float, most: int) -> float:
    """The smallest round step of which at most so many fit."""
    return next((s for s in _STEPS_OF_TIME if seconds / s <= most), _STEPS_OF_TIME[-1])


def _pitches(pen: ImageDraw.ImageDraw, hertz: np.ndarray, height: int) -> None:
    """Ticks at round pitches, the highest on top, none nearer to the next than it can be read."""
    write(pen, (LEFT - 10, _TOP - 17), "Hz", _SIZE, FAINT, side="r")
    each = height / len(hertz)
    taken: list[float] = []
    for value in _round_pitches(float(hertz[0]), float(hertz[-1])):
        y = _TOP + height - (float(np.interp(value, hertz, np.arange(len(hertz)))) + 0.5) * each
        if all(abs(y - other) >= 1.3 * _SIZE for other in taken):
            pen.line((LEFT - _TICK, y, LEFT - 1, y), FAINT)
            write(pen, (LEFT - 10, y), _short(value), _SIZE, INK, side="r")
            taken.append(y)


def _round_pitches(low: float, high: float) -> Sequence[float]:
    """The pitches that may be named, the most telling ones first: powers of ten, then 5, 2 and the rest of them."""
    powers = [10.0**n for n in range(1, 6)]
    found = [first * power for first in (1, 5, 2, 3, 4, 7) for power in reversed(powers)]
    return [value for value in found if low <= value <= high]


def _short(hertz: float) -> str:
    return f"{hertz / 1000:g}k" if hertz >= 1000 else f"{hertz:g}"


def _scale(
    canvas: Image.Image,
    pen: ImageDraw.ImageDraw,
    left: int,
    height: int,
    colours: str,
    decibels: tuple[float, float],
) -> None:
    bar = Image.fromarray(colour_table(colours)[::-1][:, None]).resize((12, height), Image.Resampling.BILINEAR)
    canvas.paste(bar, (left, _TOP))
    write(pen, (left, _TOP - 17), "dB", _SIZE, FAINT)
    low, high = decibels
    step = next((s for s in (1, 2, 5, 10, 20, 50, 100) if (high - low) / s <= height / 30), 200)
    for n in range(math.ceil(low / step), math.floor(high / step) + 1):
        y = _TOP + height * (high - n * step) / max(high - low, 1e-9)
        pen.line((left + 12, y, left + 12 + _TICK, y), FAINT)
        write(pen, (left + 14 + _TICK, min(max(y, _TOP + 6), _TOP + height - 6)), f"{n * step}", _SIZE, INK)
