"""The picture of accuracy against cost: one point a network, one colour a family."""

import colorsys
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from PIL import Image, ImageDraw

from visioncli.errors import UsageError
from visioncli.models.measured import measured as measured_figures
from visioncli.models.row import Carrier, ModelRow, Trained
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
Speeds = Mapping[str, float]
"""Milliseconds a picture, by the name of the network."""


@dataclass(frozen=True, slots=True)
class _Point:
    name: str
    family: str
    x: float
    y: float
    embedded: bool
    best: bool
    """No other network is both cheaper and better."""
    own: bool

    @property
    def radius(self) -> float:
        """Of its dot, with the ring."""
        return _DOT + (_RING if self.embedded else 0)

    @property
    def rect(self) -> Rect:
        """What its dot covers."""
        return self.x - self.radius, self.y - self.radius, self.x + self.radius, self.y + self.radius


@dataclass(frozen=True, slots=True)
class _Shown:
    """One network with what it costs and gives, and what the latter was measured on."""

    row: ModelRow
    cost: float
    value: float
    on: str


def draw_plot(
    rows: list[ModelRow], task: str, speeds: Speeds | None = None, *, measured: bool = False
) -> Image.Image:
    """The picture, 1600 x 1000 pixels, as of Huang et al. (2017, https://arxiv.org/abs/1611.10012).

    A network costs multiply-adds, or with `speeds` the milliseconds that it took; those without are left out. It
    gives the accuracy that was published, or with `measured` that which was measured; of trained ones that on their
    own validation pictures. Raises UsageError where nothing is left to draw.
    """
    figures = {row.name: _figures(row, measured) for row in rows}
    # The metric that most of the published ones tell is the one that trained ones are drawn with.
    others = [row for row in rows if not isinstance(row.source, Trained)]
    metrics = Counter(figures[row.name][0][0] for row in (others or rows) if figures[row.name])
    if not metrics:
        raise UsageError(f"No network for {task} has {'a measured' if measured else 'a published'} accuracy.")
    metric = metrics.most_common(1)[0][0]
    costs = {row.name: row.gflops for row in rows} if speeds is None else speeds
    shown = [
        _Shown(row, costs[row.name], value, on)
        for row in rows
        for name, value, on in figures[row.name]
        if name == metric and costs.get(row.name, 0) > 0
    ]
    if not shown:
        raise UsageError(
            f"None of the networks in the figures of vision bench has {metric} for {task}: measure some that "
            f"`vision models --task {task}` lists."
        )
    return _Plot(shown, metric, "multiply-adds" if speeds is None else "speed", measured=measured).draw()


def _figures(row: ModelRow, measured: bool) -> list[tuple[str, float, str]]:
    """Metric, per cent and data set of each figure that is known of a network."""
    if measured and not isinstance(row.source, Trained):
        return [(one.metric, one.value, one.where) for one in measured_figures(row)]
    return [(one.metric, one.value, one.on) for one in row.accuracy]


_COSTS = {
    "multiply-adds": ("against cost", "billion multiply-adds a picture"),
    "speed": ("against speed on this machine", "milliseconds a picture, one at a time"),
}


class _Plot:
    def __init__(self, shown: list[_Shown], metric: str, cost: str, *, measured: bool) -> None:
        self._shown, self._metric, self._cost, self._measured = shown, metric, cost, measured
        costs = [math.log10(one.cost) for one in shown]
        values = [one.value for one in shown]
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
            line = sorted((p.x, p.y) for p in points if p.family == family and not p.own)
            if len(line) > 1:
                self._line([v for xy in line for v in xy], _mix(colours[family], 0.55), 1.6)
        self._taken = [p.rect for p in points]
        self._names(points, colours)
        for p in sorted(points, key=lambda p: p.embedded):
            self._dot(p.x, p.y, colours[p.family], ringed=p.embedded, square=p.own)
        self._legend(families, colours, points)
        return self._image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)

    def _points(self) -> list[_Point]:
        points = []
        for one in self._shown:
            row = one.row
            embedded, own = isinstance(row.source, Carrier), isinstance(row.source, Trained)
            beaten = any(
                other.cost <= one.cost
                and other.value >= one.value
                and (other.cost, other.value) != (one.cost, one.value)
                for other in self._shown
            )
            x, y = self._at(math.log10(one.cost), one.value)
            points.append(_Point(row.name, row.family or row.name, x, y, embedded, not beaten or own, own))
        return points

    def _at(self, cost: float, value: float) -> tuple[float, float]:
        across = (cost - self._low_x) / (self._high_x - self._low_x)
        up = (value - self._low_y) / (self._high_y - self._low_y)
        return _LEFT + across * (WIDTH - _LEFT - _RIGHT), HEIGHT - _BOTTOM - up * (HEIGHT - _TOP - _BOTTOM)

    def _axes(self) -> None:
        left, right, top, bottom = _LEFT, WIDTH - _RIGHT, _TOP, HEIGHT - _BOTTOM
        title, axis = _COSTS[self._cost]
        trained = [one for one in self._shown if isinstance(one.row.source, Trained)]
        on = next((one.on for one in self._shown if one not in trained), trained[0].on if trained else "")
        self._text(left, 42, f"{self._metric} on {on.split(' (')[0]}, {title}", 30, _INK, "lm")
        words = f"{'measured' if self._measured else 'published'} figures; higher and further left is better"
        if trained:
            words += "; trained networks (squares) on their own validation pictures"
        self._text(left, 76, words, 17, _GREY, "lm")
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
        self._text((left + right) / 2, bottom + 56, axis, 18, _INK, "mm")
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

    def _legend(self, families: list[str], colours: dict[str, Colour], points: list[_Point]) -> None:
        x, step = WIDTH - _RIGHT + 30, min(30.0, (HEIGHT - _TOP - _BOTTOM) / (len(families) + 1))
        entries = [(family, colours[family], False) for family in families]
        own = {p.family for p in points if p.own}
        if any(p.embedded for p in points):
            entries.append(("ringed: comes with vision", _PAPER, True))
        for n, (words, colour, ringed) in enumerate(entries):
            y = _TOP + (n + 0.5) * step
            self._dot(x, y, colour, ringed=ringed, square=words in own)
            self._text(x + 18, y, words, 16, _INK, "lm")

    def _dot(self, x: float, y: float, colour: Colour, *, ringed: bool, square: bool) -> None:
        rings = [(_DOT + _RING, _INK), (_DOT + 1.4, _PAPER)] if ringed else [(_DOT + 1.2, _PAPER)]
        for radius, fill in [*rings, (_DOT, colour)]:
            shape = self._pen.rectangle if square else self._pen.ellipse
            shape([_SCALE * v for v in (x - radius, y - radius, x + radius, y + radius)], fill=fill)

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
