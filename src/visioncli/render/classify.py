"""A classified picture: its top labels with bars, on a strip below it; those of a recording follow the time."""

import numpy as np
from PIL import Image

from visioncli.render.canvas import ACCENT, INK, TRACK, Arrays, below, fit, readable_size, text_size, write
from visioncli.render.fonts import legible
from visioncli.render.spectrogram import LEFT, plot, plot_size
from visioncli.results import Record

LEAST_WIDTH = 320
NOTHING = "nothing above the threshold"


def draw(image: Image.Image, record: Record, arrays: Arrays) -> Image.Image:
    """The picture above a strip with one line a class: label, bar, per cent. Readable whatever the picture.

    Of a recording, `image` is its grey spectrogram, which is drawn with axes; each class's bar follows the time.
    """
    if "course" in arrays:
        return _heard(image, record, arrays)
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


_SIZE, _LINE, _BAR = 15, 24, 10


def _heard(image: Image.Image, record: Record, arrays: Arrays) -> Image.Image:
    predictions = record.predictions or ()
    top_picture, (width, _) = plot(image, arrays), plot_size(*image.size)
    canvas, pen, top = below(top_picture, max(len(predictions), 1) * (_LINE + _BAR + 8) + 12, top_picture.width)
    seconds = image.width * float(arrays["spectrogram_seconds"])
    if not predictions:
        write(pen, (LEFT, top + _LINE), NOTHING, _SIZE, INK)
    shown = _by_pixel(arrays["course"], float(arrays["course_seconds"]), seconds, width)
    shades = np.linspace(TRACK, ACCENT, 256).round().astype(np.uint8)
    for n, prediction in enumerate(predictions):
        middle = top + n * (_LINE + _BAR + 8) + _LINE / 2
        number = f"{prediction.score * 100:.1f} %"
        room = width - text_size(number, _SIZE)[0] - 16
        label = fit(legible(prediction.label, f"#{prediction.label_id}"), _SIZE, room)
        write(pen, (LEFT, middle), label, _SIZE, INK)
        write(pen, (LEFT + width, middle), number, _SIZE, INK, side="r")
        bar = Image.fromarray(np.repeat(shades[shown[:, n]][None], _BAR, axis=0))
        canvas.paste(bar, (LEFT, round(middle + _LINE / 2)))
    return canvas


def _by_pixel(course: np.ndarray, each: float, seconds: float, width: int) -> np.ndarray:
    """`(T, K) uint8` scores in windows, one every `each` seconds -> `(width, K)`: those at the time of each pixel.

    The last window's stay until the end.
    """
    times = (np.arange(width) + 0.5) * seconds / width
    found: np.ndarray = course[np.minimum(times // each, len(course) - 1).astype(int)]
    return found
