"""Boxes with tags on a picture. No tag leaves the frame, lies on another, or hides a small object."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from visioncli.predictions import Box
from visioncli.render.canvas import STRIP, Arrays, Colour, fit, readable_size, text_size, write
from visioncli.render.colours import class_colour, ink_on, track_colour
from visioncli.render.fonts import legible
from visioncli.render.legend import Entry, with_legend
from visioncli.render.tags import Rectangle, Tags
from visioncli.results import Record

SMALL = 8
"""A box whose shorter side is less than this many lines gets its lines around it, so that they hide nothing of it."""


MOST_UNNAMED = 24
"""So many classes without a tag are in the legend: with more, their colours could not be told apart."""
LEAST_SIDE = 200
"""A smaller picture gets no legend, which would be as large as itself."""
_ABBREVIATED = 3
"""Letters of an abbreviation."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A box in its class's colour, and what its tag may say: the first of `texts` for which there is room.

    Where there is room for none, `short` takes their place, such as an abbreviation. `score` is how sure the box is.
    """

    box: Box
    texts: tuple[str, ...]
    colour: Colour
    score: float | None = None
    short: str = ""


def mark(box: Box, label: str, label_id: int, score: float | None = None, track: int | None = None) -> Mark:
    """The mark of an object: its label with its score or, where that is too long, the label alone or shortened.

    One that is followed over time has its number behind the label, and a colour of its own.
    """
    name = legible(label, f"#{label_id}")
    if track is not None:
        return Mark(box, (f"{name} {track}", str(track)), track_colour(track), score)
    texts = (name,) if score is None else (f"{name} {score:.2f}", name)
    # An ellipsis is nearly as wide as two letters.
    short = f"{name[:_ABBREVIATED].rstrip()}…" if len(name) > _ABBREVIATED + 2 else ""
    return Mark(box, texts, class_colour(label, label_id), score, short)


def draw(image: Image.Image, record: Record, arrays: Arrays) -> Image.Image:
    """The picture with a box for each detection and a tag where there is room, the best on top and served first.

    Where a crowd leaves no room for any tag of a class, a legend below the picture says what its colour means.
    """
    canvas = image.copy()
    found = sorted(record.predictions or (), key=lambda p: -p.score)
    marks = [mark(p.box, p.label, p.label_id, p.score, p.track) for p in found]
    named = draw_boxes(canvas, marks)
    said = {p.label for p, whole in zip(found, named, strict=True) if whole}
    # By first appearance, the surest first.
    unnamed = {p.label: m for p, m in zip(found, marks, strict=True) if p.label not in said}
    if not unnamed or min(image.size) < LEAST_SIDE:
        return canvas
    entries: list[Entry] = [(m.texts[-1], m.colour) for m in list(unnamed.values())[:MOST_UNNAMED]]
    if more := len(unnamed) - len(entries):
        entries.append((f"and {more} more", None))
    return with_legend(canvas, entries)


def draw_boxes(canvas: Image.Image, marks: Sequence[Mark], points: np.ndarray | None = None) -> list[bool]:
    """Draws marks on `canvas`, the first on top; tags keep off `points` `(M, 2)` x y where they can.

    Returns for each mark whether its tag shows one of its whole texts.
    """
    pen = ImageDraw.Draw(canvas)
    size = readable_size(canvas.width, canvas.height)
    line = max(2, round(size / 8))
    frames = [_frame(m.box, canvas, line) for m in marks]
    for (outer, width), m in zip(reversed(frames), reversed(marks), strict=True):
        x1, y1, x2, y2 = outer
        # A dark edge keeps the line visible on a ground of its own colour.
        pen.rectangle((x1 - 1, y1 - 1, x2, y2), outline=STRIP)
        pen.rectangle((x1, y1, x2 - 1, y2 - 1), outline=m.colour, width=width)
    boxes = np.array([m.box for m in marks])
    scores = np.array([m.score for m in marks], float) if all(m.score is not None for m in marks) else None
    tags = Tags(boxes, canvas.width, canvas.height, text_size("", size)[1], points, scores)
    pad = round(size * 0.3)
    named = []
    for (outer, _), m in zip(frames, marks, strict=True):
        shown = [fit(text, size, canvas.width - 2 * pad) for text in (*m.texts, *([m.short] if m.short else []))]
        placed = tags.place(outer, [text_size(text, size)[0] + 2 * pad for text in shown], len(m.texts))
        named.append(placed is not None and placed[0] < len(m.texts))
        if placed is None:
            continue
        n, (x1, y1, x2, y2) = placed
        pen.rectangle((x1, y1, x2 - 1, y2 - 1), fill=m.colour)
        write(pen, (x1 + pad, (y1 + y2) / 2), shown[n], size, ink_on(m.colour))
    return named


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
