"""What the colours on a picture mean, on a strip below it."""

from collections.abc import Sequence

from PIL import Image

from visioncli.render.canvas import INK, Colour, below, fit, readable_size, text_size, write

LEAST_WIDTH = 240

Entry = tuple[str, Colour | None]
"""Words, and the colour of the square before them, if any."""


def with_legend(image: Image.Image, entries: Sequence[Entry], note: str = "") -> Image.Image:
    """The picture above a strip of coloured squares with their names, in as many lines as they need."""
    size = readable_size(max(image.width, LEAST_WIDTH), image.height)
    width = max(image.width, LEAST_WIDTH)
    pad, line = round(size * 0.7), round(size * 1.6)
    cells: list[tuple[int, int, str, Colour | None]] = []
    x, row = pad, 0
    for text, colour in [*entries, *([(note, None)] if note else [])]:
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
