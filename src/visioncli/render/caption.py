"""A captioned picture: the sentence on a strip below, boxes around what it names; and what each word looked at."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from visioncli.render.canvas import INK, Arrays, below, fit, font, readable_size, write
from visioncli.render.detect import draw_boxes
from visioncli.render.heat import side_by_side
from visioncli.results import Caption, Detection, Record

LEAST_WIDTH = 320
MOST_PANELS = 24


def draw(image: Image.Image, record: Record, arrays: Arrays) -> Image.Image:
    """The picture with boxes around the objects that the best caption names, and the captions below it."""
    captions: Sequence[Caption] = record.predictions or ()
    objects: Sequence[Detection] = record.extra.get("objects", [])
    canvas = image.copy()
    if captions:
        named = [objects[n] for n in captions[0].objects]
        draw_boxes(canvas, [(o.box, o.label, o.label_id) for o in named])
    return with_sentences(canvas, [c.caption for c in captions])


def with_sentences(image: Image.Image, sentences: list[str]) -> Image.Image:
    """The picture above a strip with the sentences, wrapped at words; the first larger than the rest."""
    width = max(image.width, LEAST_WIDTH)
    size = readable_size(width, max(image.height, LEAST_WIDTH))
    pad = round(size * 0.8)
    lines = []
    for n, sentence in enumerate(sentences):
        face = round(size * (1.2 if n == 0 else 0.9))
        lines += [(line, face) for line in wrap(sentence, face, width - 2 * pad)]
    canvas, pen, y = below(image, sum(round(face * 1.5) for _, face in lines) + 2 * pad, width)
    y += pad
    for line, face in lines:
        write(pen, (pad, y + face * 0.75), line, face, INK)
        y += round(face * 1.5)
    return canvas


def wrap(text: str, size: int, width: int) -> list[str]:
    """Lines of at most `width` pixels, broken between words; a longer word is shortened."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if line and font(size).getlength(longer) > width:
            lines.append(line)
            longer = word
        line = longer
    lines.append(line)
    return [fit(each, size, width) for each in lines]


def explain(image: Image.Image, record: Record) -> Image.Image:
    """A panel a word of the best caption: the more attention an object got, the brighter its box stays."""
    captions: Sequence[Caption] = record.predictions or ()
    objects: Sequence[Detection] = record.extra.get("objects", [])
    words = (captions[0].words if captions else None) or ()
    small = image.copy()
    small.thumbnail((480, 480))
    scale = small.width / image.width
    panels = []
    for word in words[:MOST_PANELS]:
        panels.append(with_sentences(_lit(small, objects, word.attention, word.picture, scale), [word.word]))
    if not panels:
        return draw(image, record, {})
    return side_by_side(panels)


def _lit(
    image: Image.Image, objects: Sequence[Detection], attention: Sequence[float], whole: float, scale: float
) -> Image.Image:
    light = np.full((image.height, image.width), 0.2 + 0.8 * whole, np.float32)
    highest = max([*attention, whole, 1e-6])
    for detection, weight in zip(objects, attention, strict=True):
        x1, y1, x2, y2 = (round(v * scale) for v in detection.box)
        part = light[y1:y2, x1:x2]
        np.maximum(part, 0.2 + 0.8 * weight / highest, out=part)
    lit = Image.fromarray((np.asarray(image) * light[:, :, None]).astype(np.uint8))
    best = max(range(len(objects)), key=lambda n: attention[n], default=None)
    if best is not None and attention[best] >= whole:
        box = objects[best].box
        scaled = (box[0] * scale, box[1] * scale, box[2] * scale, box[3] * scale)
        draw_boxes(lit, [(scaled, f"{objects[best].label} {attention[best]:.2f}", objects[best].label_id)])
    return lit
