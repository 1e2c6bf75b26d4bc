"""Boxes with tags on a picture. No tag leaves the frame, lies on another, or hides a small object."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from visioncli.render.canvas import STRIP, Arrays, Colour, fit, readable_size, text_size, write
from visioncli.render.colours import class_colour, ink_on
from visioncli.render.fonts import legible
from visioncli.render.tags import Rectangle, Tags
from visioncli.results import Box, Record

SMALL = 8
"""A box whose shorter side is less than this many lines gets its lines around it, so that they hide nothing of it."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A box in its class's colour, and what its tag may say: the first of `texts` for which there is room."""

    box: Box
    texts: tuple[str, ...]
    colour: Colour


def mark(box: Box, label: str, label_id: int, score: float | None = None) -> Mark:
    """The mark of an object: its label with its score or, where that is too long, the label alone."""
    name = legible(label, f"#{label_id}")
    texts = (name,) if score is None else (f"{name} {score:.2f}", name)
    return Mark(box, texts, class_colour(label, label_id))


def draw(image: Image.Image, record: Record, arrays: Arrays) -> Image.Image:
    """The picture with a box for each detection and a tag where there is room, the best on top and served first."""
    canvas = image.copy()
    draw_boxes(canvas, [mark(p.box, p.label, p.label_id, p.score) for p in record.predictions or ()])
    return canvas


def draw_boxes(canvas: Image.Image, marks: Sequence[Mark], points: np.ndarray | None = None) -> None:
    """Draws marks on `canvas`, the first on top; tags keep off `points` `(M, 2)` x y where they can."""
    pen = ImageDraw.Draw(canvas)
    size = readable_size(canvas.width, canvas.height)
    line = max(2, round(size / 8))
    frames = [_frame(m.box, canvas, line) for m in marks]
    for (outer, width), m in zip(reversed(frames), reversed(marks), strict=True):
        x1, y1, x2, y2 = outer
        # A dark edge keeps the line visible on a ground of its own colour.
        pen.rectangle((x1 - 1, y1 - 1, x2, y2), outline=STRIP)
        pen.rectangle((x1, y1, x2 - 1, y2 - 1), outline=m.colour, width=width)
    tags = Tags(np.array([m.box for m in marks]), canvas.width, canvas.height, text_size("", size)[1], points)
    pad = round(size * 0.3)
    for (outer, _), m in zip(frames, marks, strict=True):
        shown = [fit(text, size, canvas.width - 2 * pad) for text in m.texts]
        placed = tags.place(outer, [text_size(text, size)[0] + 2 * pad for text in shown])
        if placed is None:
            continue
        n, (x1, y1, x2, y2) = placed
        pen.rectangle((x1, y1, x2 - 1, y2 - 1), fill=m.colour)
        write(pen, (x1 + pad, (y1 + y2) / 2), shown[n], size, ink_on(m.colour))


def _frame(box: Box, canvas: Image.Image, line: int) -> tuple[Rectangle, int]:
    """The box's lines: their outer edge, within the frame even where the box ends at its border, and their width."""
    x1, y1 = (min(max(math.floor(v), 0), most - 1) for v, most in zip(box[:2], canvas.size, strict=True))
    x2, y2 = (
        min(max(math.ceil(v), low + 1), most) for v, low, most in zip(box[2:], (x1, y1), canvas.size, strict=True)
    )
    side = min(x2 - x1, y2 - y1)
    if side >= SMALL * line:
        return (x1, y1, x2, y2), line
    line = min(line, max(2, side // 4))
    return (max(x1 - line, 0), max(y1 - line, 0), min(x2 + line, canvas.width), min(y2 + line, canvas.height)), line
