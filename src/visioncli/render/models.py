"""The picture of accuracy against cost: one point a network, one colour a family."""

import colorsys
import math
from collections import Counter
from dataclasses import dataclass

from PIL import Image, ImageDraw

from visioncli.errors import UsageError
from visioncli.models.row import Carrier, ModelRow
from visioncli.render.canvas import Colour
from visioncli.render.fonts import font

WIDTH, HEIGHT = 1600, 1000
# Drawn larger and scaled down: Pillow's lines and circles have no smooth edges.
_SCALE = 2
_LEFT, _TOP, _RIGHT, _BOTTOM = 90, 110, 250, 90
_PAPER: Colour = (252, 252, 253)
_INK: Colour = (28, 32, 40)
_GREY: Colour = (120, 126, 138)
_GRID: Colour = (229, 231, 236)
_DOT, _RING = 6.0, 3.0

Rect = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class _Point:
    name: str
    family: str
    x: float
    y: float
    embedded: bool
    best: bool
    """No other network is both cheaper and better."""

    @property
    def radius(self) -> float:
        """Of its dot, with the ring."""
        return _DOT + (_RING if self.embedded else 0)

    @property
    def rect(self) -> Rect:
        """What its dot covers."""
        return self.x - self.radius, self.y - self.radius, self.x + self.radius, self.y + self.radius


def draw_plot(rows: list[ModelRow], task: str) -> Image.Image:
    """The picture, 1600 x 1000 pixels. Raises UsageError where no network of the task has a published accuracy."""
    metrics = Counter(row.accuracy[0].metric for row in rows if row.accuracy)
    if not metrics:
        raise UsageError(f"No network for {task} has a published accuracy.")
    metric = metrics.most_common(1)[0][0]
    shown = [(row, a.value) for row in rows for a in row.accuracy if a.metric == metric and row.gflops > 0]
    return _Plot(shown, metric, task).draw()


class _Plot:
    def __init__(self, shown: list[tuple[ModelRow, float]], metric: str, task: str) -> None:
        self._shown, self._metric, self._task = shown, metric, task
        costs = [math.log10(row.gflops) for row, _ in shown]
        values = [value for _, value in shown]
        self._low_x, self._high_x = min(costs) - 0.12, max(costs) + 0.12
        span = max(max(values) - min(values), 1.0)
        self._low_y, self._high_y = min(values) - 0.06 * span, max(values) + 0.08 * span
        self._image = Image.new("RGB", (WIDTH * _SCALE, HEIGHT * _SCALE), _PAPER)
        self._pen = ImageDraw.Draw(self._image)
        self._taken: list[Rect] = []

    def draw(self) -> Image.Image:
        points = self._points()
        families = sorted({p.family for p in points}, key=str.casefold)
        colours = {family: _colour(n, len(families)) for n, family in enumerate(families)}
        self._axes()
        for family in families:
            line = sorted((p.x, p.y) for p in points if p.family == family)
            self._line([v for xy in line for v in xy], _mix(colours[family], 0.55), 1.6)
        self._taken = [p.rect for p in points]
        self._names(points, colours)
        for p in sorted(points, key=lambda p: p.embedded):
            self._dot(p.x, p.y, colours[p.family], ringed=p.embedded)
        self._legend(families, colours, any(p.embedded for p in points))
        return self._image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)

    def _points(self) -> list[_Point]:
        points = []
        for row, value in self._shown:
            embedded = isinstance(row.source, Carrier)
            beaten = any(
                r.gflops <= row.gflops and v >= value and (r.gflops, v) != (row.gflops, value) for r, v in self._shown
            )
            x, y = self._at(math.log10(row.gflops), value)
            points.append(_Point(row.name, row.family or row.name, x, y, embedded, not beaten))
        return points

    def _at(self, cost: float, value: float) -> tuple[float, float]:
        across = (cost - self._low_x) / (self._high_x - self._low_x)
        up = (value - self._low_y) / (self._high_y - self._low_y)
        return _LEFT + across * (WIDTH - _LEFT - _RIGHT), HEIGHT - _BOTTOM - up * (HEIGHT - _TOP - _BOTTOM)

    def _axes(self) -> None:
        left, right, top, bottom = _LEFT, WIDTH - _RIGHT, _TOP, HEIGHT - _BOTTOM
        on = next((a.on for row, _ in self._shown for a in row.accuracy if a.metric == self._metric), "")
        self._text(left, 42, f"{self._metric} on {on.split(' (')[0]}, against cost", 30, _INK, "lm")
        self._text(left, 76, "published figures; higher and further left is better", 17, _GREY, "lm")
        for value in _round_steps(self._low_y, self._high_y):
            _, y = self._at(self._low_x, value)
            self._line([left, y, right, y], _GRID, 1)
            self._text(left - 12, y, f"{value:g}", 16, _GREY, "rm")
        for exponent in range(math.floor(self._low_x), math.ceil(self._high_x) + 1):
            for digit in (1, 2, 5):
                cost = math.log10(digit) + exponent
                if self._low_x <= cost <= self._high_x:
                    x, _ = self._at(cost, self._low_y)
                    self._line([x, top, x, bottom], _GRID, 1)
                    self._text(x, bottom + 20, f"{digit * 10.0**exponent:g}", 16, _GREY, "mm")
        self._text((left + right) / 2, bottom + 56, "billion multiply-adds a picture", 18, _INK, "mm")
        self._text(left - 12, top - 14, "%", 16, _GREY, "rm")

    def _names(self, points: list[_Point], colours: dict[str, Colour]) -> None:
        """Names where they fit: first those that nothing beats, then the others, each at the nearest free place."""
        size = 15
        for p in sorted(points, key=lambda p: (not p.embedded, not p.best, -p.y)):
            width, height = font(size * _SCALE).getlength(p.name) / _SCALE, size * 1.15
            for away in (2, 8, 16):
                gap = p.radius + away
                places = [
                    (p.x + gap, p.y - height / 2),
                    (p.x - gap - width, p.y - height / 2),
                    (p.x - width / 2, p.y - gap - height),
                    (p.x - width / 2, p.y + gap),
                    (p.x + gap * 0.7, p.y - gap - height * 0.6),
                    (p.x - gap * 0.7 - width, p.y - gap - height * 0.6),
                    (p.x + gap * 0.7, p.y + gap * 0.5),
                    (p.x - gap * 0.7 - width, p.y + gap * 0.5),
                ]
                rects = [(x - 1, y, x + width + 1, y + height) for x, y in places]
                free = next((r for r in rects if self._is_free(r)), None)
                if free:
                    self._taken.append(free)
                    ink = _mix(colours[p.family], -0.35)
                    self._text(free[0] + 1, free[1] + height / 2, p.name, size, ink, "lm", halo=2)
                    break

    def _is_free(self, rect: Rect) -> bool:
        if rect[0] < _LEFT + 2 or rect[2] > WIDTH - _RIGHT or rect[1] < _TOP or rect[3] > HEIGHT - _BOTTOM - 2:
            return False
        return not any(rect[0] < t[2] and t[0] < rect[2] and rect[1] < t[3] and t[1] < rect[3] for t in self._taken)

    def _legend(self, families: list[str], colours: dict[str, Colour], embedded: bool) -> None:
        x, step = WIDTH - _RIGHT + 30, min(30.0, (HEIGHT - _TOP - _BOTTOM) / (len(families) + 1))
        entries = [(family, colours[family], False) for family in families]
        if embedded:
            entries.append(("ringed: comes with vision", _PAPER, True))
        for n, (words, colour, ringed) in enumerate(entries):
            y = _TOP + (n + 0.5) * step
            self._dot(x, y, colour, ringed=ringed)
            self._text(x + 18, y, words, 16, _INK, "lm")

    def _dot(self, x: float, y: float, colour: Colour, *, ringed: bool) -> None:
        rings = [(_DOT + _RING, _INK), (_DOT + 1.4, _PAPER)] if ringed else [(_DOT + 1.2, _PAPER)]
        for radius, fill in [*rings, (_DOT, colour)]:
            self._pen.ellipse([_SCALE * v for v in (x - radius, y - radius, x + radius, y + radius)], fill=fill)

    def _line(self, points: list[float], colour: Colour, width: float) -> None:
        self._pen.line([_SCALE * v for v in points], fill=colour, width=round(width * _SCALE), joint="curve")

    def _text(self, x: float, y: float, text: str, size: int, colour: Colour, anchor: str, halo: int = 0) -> None:
        at, face = (x * _SCALE, y * _SCALE), font(size * _SCALE)
        self._pen.text(at, text, colour, face, anchor=anchor, stroke_width=halo * _SCALE, stroke_fill=_PAPER)


def _colour(n: int, count: int) -> Colour:
    """Hues around the circle, darker and lighter in turn, so that neighbours in the legend differ."""
    hue = n / max(count, 1)
    lightness, saturation = ((0.42, 0.72), (0.56, 0.60), (0.34, 0.55))[n % 3]
    red, green, blue = colorsys.hls_to_rgb(hue, lightness, saturation)
    return round(red * 255), round(green * 255), round(blue * 255)


def _mix(colour: Colour, share: float) -> Colour:
    """Towards the paper by `share`; towards black where it is negative."""
    other = _PAPER if share >= 0 else (0, 0, 0)
    red, green, blue = (round(a + (b - a) * abs(share)) for a, b in zip(colour, other, strict=True))
    return red, green, blue


def _round_steps(low: float, high: float) -> list[float]:
    """Between five and ten round numbers."""
    step = next(s for s in (0.5, 1, 2, 5, 10, 20, 50) if (high - low) / s <= 10)
    first = math.ceil(low / step)
    return [n * step for n in range(first, math.floor(high / step) + 1)]
