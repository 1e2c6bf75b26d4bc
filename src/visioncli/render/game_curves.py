"""The curves of networks that learn against each other: their losses and what was measured, by epoch, with Pillow."""

import math
from collections.abc import Mapping, Sequence
from itertools import cycle

from PIL import Image

from visioncli.render.canvas import Colour, fit, text_size
from visioncli.render.curves import RATE, TRAINING, VALIDATION, Panel, value_range
from visioncli.render.sheet import FAINT, TEXT, Sheet, one_line

WIDTH, HEIGHT = 800, 500
COLOURS: tuple[Colour, ...] = (VALIDATION, TRAINING, RATE, (142, 68, 173), (120, 127, 135))
_LEFT, _GAP, _RIGHT = 62, 60, 22
_TOP, _HIGH, _SECOND, _LOW = 84, 160, 318, 128

Lines = Mapping[str, Sequence[float | None]]
"""By name; one value an epoch, None where it was not measured."""


def draw(panels: Mapping[str, Lines], title: str, epochs: Sequence[float]) -> Image.Image:
    """An 800 x 500 RGB picture of up to three panels by name: two beside each other, a wide one below. `epochs` are
    those of the values, of which one may be worth many."""
    sheet = Sheet(WIDTH, HEIGHT)
    sheet.text((16, 14), fit(one_line(title), 20, WIDTH - 32), 20)
    wide = (WIDTH - _LEFT - _GAP - _RIGHT) / 2
    places = (
        (_LEFT, _TOP, wide, _HIGH),
        (_LEFT + wide + _GAP, _TOP, wide, _HIGH),
        (_LEFT, _SECOND, WIDTH - _LEFT - _RIGHT, _LOW),
    )
    for (name, lines), place in zip(panels.items(), places, strict=False):
        _panel(sheet, place, name, lines, len(epochs))
    last = f"{epochs[-1]:g}" if epochs else "0"
    words = f"looks, the last one after epoch {last}"
    sheet.text((WIDTH / 2, HEIGHT - 18), words, 13, FAINT, "ma")
    return sheet.finished()


def _panel(sheet: Sheet, place: tuple[float, float, float, float], name: str, lines: Lines, count: int) -> None:
    panel = Panel(sheet, *place, count)
    panel.name(name, [], None)
    known = [value for values in lines.values() for value in values]
    shares = all(value is None or 0 <= value <= 1 for value in known)
    panel.scale(*value_range(known, most=1.0 if shares else math.inf))
    panel.epochs(1)
    right = place[0] + place[2]
    for (label, values), colour in reversed(list(zip(lines.items(), cycle(COLOURS), strict=False))):
        panel.line(values, colour)
        shown = next((v for v in reversed(values) if v is not None), None)
        words = label if shown is None else f"{label} {shown:.3g}"
        sheet.text((right, place[1] - 22), words, 13, TEXT, "ra")
        right -= text_size(words, 13)[0]
        sheet.line([(right - 20, place[1] - 14), (right - 5, place[1] - 14)], colour, 2.5)
        right -= 34
