"""The curves of a training run: loss, accuracy and learning rate by epoch, drawn with Pillow."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PIL import Image

from visioncli.render.canvas import Colour, fit, text_size
from visioncli.render.sheet import FAINT, GREY_LINE, GRID, MEAN, TEXT, Sheet, one_line

WIDTH, HEIGHT = 800, 500
TRAINING: Colour = (230, 126, 34)
VALIDATION: Colour = MEAN
RATE: Colour = (39, 154, 90)
_LEFT, _GAP, _RIGHT = 62, 70, 22
_TOP, _PLOT, _RATE_TOP, _RATE = 84, 240, 372, 74
_MOST_POINTS = 60
"""With more epochs than this, their points would run into each other."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """What was measured after one epoch; None where it was not. `rate` is the learning rate in its middle.

    `stage` names what was learned (`head`, `last`, `all`); where it changes, a border is drawn.
    """

    stage: str
    train_loss: float | None = None
    val_loss: float | None = None
    train_accuracy: float | None = None
    val_accuracy: float | None = None
    rate: float | None = None


def draw(
    epochs: Sequence[Epoch], best: int | None = None, title: str = "Training", measure: str = "accuracy"
) -> Image.Image:
    """An 800 x 500 RGB picture of the curves. `best` is the place of the epoch whose weights were kept; `measure`
    names what the accuracies are.

    A head on frozen features, which comes before the first epoch, stands at 0.
    """
    first = 0 if epochs and epochs[0].stage == "head" else 1
    sheet = Sheet(WIDTH, HEIGHT)
    sheet.text((16, 14), fit(one_line(title), 20, 440), 20)
    _legend(sheet, best is not None)
    wide = (WIDTH - _LEFT - _GAP - _RIGHT) / 2
    panels = (
        (_LEFT, "loss", [e.train_loss for e in epochs], [e.val_loss for e in epochs]),
        (_LEFT + wide + _GAP, measure, [e.train_accuracy for e in epochs], [e.val_accuracy for e in epochs]),
    )
    for left, name, train, val in panels:
        panel = Panel(sheet, left, _TOP, wide, _PLOT, len(epochs))
        panel.name(name, val, best)
        low, high = value_range([*train, *val], most=1.0 if name == measure else math.inf)
        panel.scale(low, high)
        panel.stages([e.stage for e in epochs])
        panel.epochs(first)
        panel.line(train, TRAINING)
        panel.line(val, VALIDATION)
        if best is not None and 0 <= best < len(epochs):
            panel.mark(best, val[best])
    rates = [e.rate for e in epochs]
    panel = Panel(sheet, _LEFT, _RATE_TOP, WIDTH - _LEFT - _RIGHT, _RATE, len(epochs))
    panel.name("learning rate", rates, None)
    positive = [r for r in rates if r is not None and r > 0]
    panel.scale_of_powers(min(positive, default=1e-4), max(positive, default=1e-3))
    panel.stages([e.stage for e in epochs], named=False)
    panel.epochs(first)
    panel.line(rates, RATE)
    sheet.text((WIDTH / 2, HEIGHT - 18), "epoch", 13, FAINT, "ma")
    return sheet.finished()


class Panel:
    """One plot on the sheet: from epochs, counted from 0, and values to its pixels."""

    def __init__(self, sheet: Sheet, left: float, top: float, width: float, height: float, count: int) -> None:
        self._sheet, self._left, self._top, self._width, self._height = sheet, left, top, width, height
        self._count = count
        self._y: Callable[[float], float] = lambda value: value

    def _x(self, epoch: float) -> float:
        # A point in the middle where there is but one; otherwise the first and last epoch are a little inside.
        return self._left + self._width * ((epoch + 0.5) / max(1, self._count))

    def name(self, words: str, values: Sequence[float | None], best: int | None) -> None:
        sheet = self._sheet
        sheet.text((self._left, self._top - 22), words, 14)
        known = [(k, v) for k, v in enumerate(values) if _finite(v)]
        if best is not None and known:
            k, value = next((p for p in known if p[0] == best), known[-1])
            place = "kept" if k == best else "last"
            words = f"{place}: {value:.4g}"
            sheet.text((self._left + self._width, self._top - 22), words, 14, VALIDATION, "ra")

    def scale(self, low: float, high: float) -> None:
        """Lines at round values; values beyond the range end at its edge."""
        step = _round_step((high - low) / 5)
        low, high = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
        self._y = lambda v: self._top + self._height * (1 - (min(max(v, low), high) - low) / (high - low))
        for n in range(round((high - low) / step) + 1):
            self._tick(low + n * step, f"{low + n * step:.{_digits(step)}f}")

    def scale_of_powers(self, low: float, high: float) -> None:
        """Logarithmic, with lines at powers of ten."""
        first, last = math.floor(math.log10(low) + 0.02), math.ceil(math.log10(high) - 0.02)
        last = max(last, first + 1)
        self._y = lambda v: (
            self._top
            + self._height * (1 - (min(max(math.log10(max(v, 1e-300)), first), last) - first) / (last - first))
        )
        every = max(1, math.ceil((last - first) / 4))
        for power in range(last, first - 1, -every):
            self._tick(10.0**power, f"1e{power}" if power else "1")

    def _tick(self, value: float, words: str) -> None:
        y = self._y(value)
        self._sheet.line([(self._left, y), (self._left + self._width, y)], GRID, 1)
        self._sheet.text((self._left - 7, y), words, 12, FAINT, "rm")

    def stages(self, names: Sequence[str], *, named: bool = True) -> None:
        """A border where the next stage begins, and the name of each where it fits."""
        starts = [k for k, name in enumerate(names) if not k or name != names[k - 1]]
        for start, end in zip(starts, [*starts[1:], len(names)], strict=False):
            left = self._left + self._width * start / len(names)
            if start:
                self._sheet.line([(left, self._top), (left, self._top + self._height)], GREY_LINE, 1.5)
            room = int(self._left + self._width * end / len(names) - left) - 6
            words = fit(one_line(names[start]), 12, room) if names[start] and len(starts) > 1 else ""
            if named and len(words) > 2:
                self._sheet.text((left + 4, self._top + 2), words, 12, FAINT)

    def epochs(self, first: int) -> None:
        """Numbers of epochs at round places, the first of all being `first`."""
        step = max(1, int(_round_step(self._count * 34 / self._width))) if self._count else 1
        end = self._count + first
        shown = [first, *range(step, end, step)] if step > 1 else range(first, end)
        room = -1e9
        for epoch in shown:
            x, words = self._x(epoch - first), str(epoch)
            if x - text_size(words, 12)[0] / 2 > room:
                self._sheet.text((x, self._top + self._height + 6), words, 12, FAINT, "ma")
                room = x + text_size(words, 12)[0] / 2 + 4

    def line(self, values: Sequence[float | None], colour: Colour) -> None:
        """A line through the values; where one is missing it is interrupted."""
        run: list[tuple[float, float]] = []
        for k, value in enumerate([*values, None]):
            if value is not None and _finite(value):
                run.append((self._x(k), self._y(value)))
                continue
            if len(run) > 1:
                self._sheet.line(run, colour, 2)
            if len(run) == 1 or len(values) <= _MOST_POINTS:
                for point in run:
                    self._sheet.dot(point, colour, 2.6)
            run = []

    def mark(self, epoch: int, value: float | None) -> None:
        """The epoch whose weights were kept."""
        if value is not None and _finite(value):
            self._sheet.ring((self._x(epoch), self._y(value)), VALIDATION, 6)


def _legend(sheet: Sheet, kept: bool) -> None:
    x = WIDTH - _RIGHT
    if kept:
        x -= text_size("kept", 14)[0]
        sheet.text((x, 26), "kept", 14, TEXT, "lm")
        sheet.ring((x - 14, 26), VALIDATION, 6)
        x -= 36
    for words, colour in (("validation", VALIDATION), ("training", TRAINING)):
        x -= text_size(words, 14)[0]
        sheet.text((x, 26), words, 14, TEXT, "lm")
        sheet.line([(x - 28, 26), (x - 8, 26)], colour, 2.5)
        x -= 44


def _finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def value_range(values: Sequence[float | None], most: float) -> tuple[float, float]:
    """What a plot has to show. The few values that are far above all others do not flatten the rest."""
    known = sorted(v for v in values if v is not None and math.isfinite(v))
    if not known:
        return 0.0, 1.0
    low, high = known[0], known[-1]
    usual = known[int(0.9 * (len(known) - 1))]
    if high - low > 10 * (usual - low) > 0:
        high = low + 3 * (usual - low)
    if high - low < 1e-3 * max(1e-6, abs(high)):
        low, high = low - 0.05 * (abs(low) or 1), high + 0.05 * (abs(high) or 1)
    return max(low, 0.0) if known[0] >= 0 else low, min(high, most) if known[-1] <= most else high


def _round_step(least: float) -> float:
    """The next of 1, 2, 5, 10, 20 … (times any power of ten) that is at least so large."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= least * (1 - 1e-9))


def _digits(step: float) -> int:
    return max(0, -math.floor(math.log10(step) + 1e-9))
