"""Masks laid over a picture in their classes' colours, outlined, with a legend on a strip below."""

import numpy as np
from PIL import Image

from visioncli.render.canvas import INK, Arrays, Colour, below, fit, readable_size, text_size, write
from visioncli.render.colours import category_colour
from visioncli.render.detect import draw_boxes
from visioncli.results import Record, Segment
from visioncli.tasks.segment.masks import decode

LEAST_WIDTH = 240
NOTHING = "background only"


def draw(image: Image.Image, record: Record, arrays: Arrays, *, opacity: float = 0.5) -> Image.Image:
    """The picture under its masks (`opacity` 0 to 1) and a legend; boxes and labels where objects are told apart."""
    segments: tuple[Segment, ...] = record.predictions or ()
    objects = any(s.score is not None for s in segments)
    colours = [
        category_colour(7 * n + s.label_id) if objects else category_colour(s.label_id)
        for n, s in enumerate(segments)
    ]
    canvas = image.copy()
    for segment, colour in zip(segments, colours, strict=True):
        _lay(canvas, decode(segment.mask), colour, opacity)
    if objects:
        boxes = [(s.box, f"{s.label} {s.score:.2f}", s.label_id) for s in segments if s.box and s.score is not None]
        draw_boxes(canvas, boxes, colours)
    entries = [(f"{s.label} {s.share * 100:.1f} %", c) for s, c in zip(segments, colours, strict=True)]
    note = "approximate masks: class mask inside each box" if objects else ""
    return with_legend(canvas, entries, note)


def _lay(canvas: Image.Image, mask: np.ndarray, colour: Colour, opacity: float) -> None:
    """Mixes the colour into the masked pixels, in place, and draws the mask's border solid."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return
    # Only the part that holds the mask is worked on: pictures may be large and objects small.
    inside = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    width = max(1, round(min(canvas.size) / 400))
    eroded = inside.copy()
    for _ in range(width):
        core = eroded.copy()
        core[1:] &= eroded[:-1]
        core[:-1] &= eroded[1:]
        core[:, 1:] &= eroded[:, :-1]
        core[:, :-1] &= eroded[:, 1:]
        eroded = core
    # How much of the colour each pixel gets, in 255ths.
    share = np.where(eroded, np.uint8(round(255 * opacity)), np.uint8(255))
    share *= inside
    canvas.paste(colour, (int(columns[0]), int(rows[0])), Image.fromarray(share))


def with_legend(image: Image.Image, entries: list[tuple[str, Colour]], note: str = "") -> Image.Image:
    """The picture above a strip of coloured squares with their names, in as many lines as they need."""
    size = readable_size(max(image.width, LEAST_WIDTH), max(image.height, LEAST_WIDTH))
    width = max(image.width, LEAST_WIDTH)
    pad, line = round(size * 0.7), round(size * 1.6)
    cells: list[tuple[int, int, str, Colour | None]] = []
    x, row = pad, 0
    plain: list[tuple[str, Colour | None]] = [*entries] or [(NOTHING, None)]
    for text, colour in [*plain, *([(note, None)] if note else [])]:
        shown = fit(text, size, width - 2 * pad - line)
        cell = text_size(shown, size)[0] + (line if colour else 0) + pad
        if x > pad and x + cell > width:
            x, row = pad, row + 1
        cells.append((x, row, shown, colour))
        x += cell
    canvas, pen, top = below(image, (row + 1) * line + 2 * pad, width)
    for x, row, text, colour in cells:
        middle = top + pad + row * line + line / 2
        if colour:
            half = size * 0.45
            pen.rectangle((x, middle - half, x + 2 * half, middle + half), fill=colour)
        write(pen, (x + (line if colour else 0), middle), text, size, INK)
    return canvas
