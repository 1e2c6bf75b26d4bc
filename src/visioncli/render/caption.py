"""A captioned picture: the sentence on a strip below, boxes around what it names; and what each word looked at."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from visioncli.predictions import Caption, Detection
from visioncli.render.canvas import INK, Arrays, below, fit, readable_size, text_size, write
from visioncli.render.detect import draw_boxes, mark
from visioncli.render.fonts import legible
from visioncli.render.heat import side_by_side
from visioncli.results import Record
from visioncli.tasks.caption.words import Named, is_plural, object_nouns, tokenise

LEAST_WIDTH = 320
MOST_PANELS = 24
NO_LETTERS = "(no typeface here shows this script)"
ALIKE = frozenset({"sheep", "broccoli", "mice", "aircraft", "luggage", "silverware", "cutlery"})
"""Nouns whose form does not tell one from several."""


def draw(image: Image.Image, record: Record, arrays: Arrays) -> Image.Image:
    """The picture with boxes around the objects that the best caption names, and the captions below it."""
    captions: Sequence[Caption] = record.predictions or ()
    objects: Sequence[Detection] = record.extra.get("objects", [])
    canvas = image.copy()
    if captions:
        draw_boxes(canvas, [mark(o.box, o.label, o.label_id) for o in named(captions[0], objects)])
    return with_sentences(canvas, [c.caption for c in captions])


def named(caption: Caption, objects: Sequence[Detection]) -> list[Detection]:
    """The objects that a sentence speaks of: a noun in the singular means the best one of its class, a plural all.

    "A man riding a horse" names two objects, however many people and horses were detected.
    """
    rest = sorted((objects[n] for n in caption.objects), key=lambda o: -o.score)
    words = tokenise(caption.caption)
    found: list[Detection] = []
    for name in object_nouns().named(words):
        meant = [o for o in rest if o.label_id in name.label_ids]
        if not _of_several(words, name):
            meant = meant[:1]
        found += meant
        rest = [o for o in rest if o not in meant]
    return sorted(found, key=lambda o: -o.score)


def _of_several(words: Sequence[str], name: Named) -> bool:
    """Whether a sentence speaks of several of what it names here; "sheep" are several unless there is "a sheep"."""
    last = words[name.end - 1]
    if last in ALIKE:
        return name.start == 0 or words[name.start - 1] not in ("a", "the", "one")
    return is_plural(last)


def with_sentences(image: Image.Image, sentences: list[str]) -> Image.Image:
    """The picture above a strip with the sentences, wrapped at words; the first larger than the rest."""
    width = max(image.width, LEAST_WIDTH)
    size = readable_size(width, image.height)
    pad = round(size * 0.8)
    lines = []
    for n, sentence in enumerate(legible(s, NO_LETTERS) for s in sentences):
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
        if line and text_size(longer, size)[0] > width:
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
        draw_boxes(lit, [mark(scaled, objects[best].label, objects[best].label_id, attention[best])])
    return lit
