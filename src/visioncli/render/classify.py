"""A classified picture: its top labels with bars, on a strip below it."""

from PIL import Image

from visioncli.render.canvas import ACCENT, INK, TRACK, Arrays, below, fit, readable_size, text_size, write
from visioncli.render.fonts import legible
from visioncli.results import Record

LEAST_WIDTH = 320
NOTHING = "nothing above the threshold"


def draw(image: Image.Image, record: Record, arrays: Arrays) -> Image.Image:
    """The picture above a strip with one line a class: label, bar, per cent. Readable whatever the picture."""
    predictions = record.predictions or ()
    width = max(image.width, LEAST_WIDTH)
    size = readable_size(width, image.height)
    line, pad = round(size * 1.6), round(size * 0.7)
    lines = max(len(predictions), 1)
    canvas, pen, top = below(image, lines * line + 2 * pad, width)
    number_width = text_size("100.0 %", size)[0]
    label_width = round((width - 3 * pad) * 0.5)
    bar_left, bar_right = 2 * pad + label_width, width - pad - number_width - pad
    if not predictions:
        write(pen, (pad, top + pad + line / 2), fit(NOTHING, size, width - 2 * pad), size, INK)
    for n, prediction in enumerate(predictions):
        middle = top + pad + n * line + line / 2
        label = fit(legible(prediction.label, f"#{prediction.label_id}"), size, label_width)
        write(pen, (pad, middle), label, size, INK)
        half = size * 0.3
        if bar_right - bar_left > 4:
            pen.rectangle((bar_left, middle - half, bar_right, middle + half), TRACK)
            end = bar_left + (bar_right - bar_left) * prediction.score
            pen.rectangle((bar_left, middle - half, max(end, bar_left + 1), middle + half), ACCENT)
        write(pen, (width - pad, middle), f"{prediction.score * 100:.1f} %", size, INK, side="r")
    return canvas
