"""Masks laid over a picture in their classes' colours, outlined, with a legend on a strip below."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from visioncli.predictions import Segment
from visioncli.render.canvas import Arrays, Colour
from visioncli.render.colours import class_colour, object_colour
from visioncli.render.detect import Mark, draw_boxes
from visioncli.render.fonts import legible
from visioncli.render.legend import with_legend
from visioncli.results import Record
from visioncli.tasks.segment.masks import decode

LEAST_SHARE = 0.0005
"""A class with less of the picture would read as 0.0 %: the legend leaves it out, the record lists it."""
NOTHING = "background only"


def draw(image: Image.Image, record: Record, arrays: Arrays, *, opacity: float = 0.5) -> Image.Image:
    """The picture under its masks (`opacity` 0 to 1) and a legend.

    Where objects are told apart, each has a box and its number in the record, which is its pixels' value in
    `instances.png`, and its own shade of the class's colour.
    """
    segments: tuple[Segment, ...] = record.predictions or ()
    objects = any(s.score is not None for s in segments)
    canvas = image.copy()
    groups: dict[str, list[Segment]] = {}
    for segment in segments:
        group = groups.setdefault(segment.label, [])
        colour = object_colour(class_colour(segment.label, segment.label_id), len(group))
        _lay(canvas, decode(segment.mask), colour, opacity)
        group.append(segment)
    if objects:
        draw_boxes(canvas, [m for n, s in enumerate(segments, 1) if (m := _numbered(n, s))])
    note = "approximate masks: class mask inside each box" if any(s.approximate for s in segments) else ""
    entries = [entry for group in groups.values() if (entry := _entry(group))]
    return with_legend(canvas, entries or [(NOTHING, None)], note)


def _numbered(n: int, segment: Segment) -> Mark | None:
    if segment.box is None or segment.score is None:
        return None
    name = f"{n} {legible(segment.label)}".strip()
    return Mark(segment.box, (f"{name} {segment.score:.2f}", name), _colour(segment), segment.score, str(n))


def _colour(segment: Segment) -> Colour:
    return class_colour(segment.label, segment.label_id)


def _entry(group: Sequence[Segment]) -> tuple[str, Colour] | None:
    """A class's line in the legend: how many objects, and their part of the picture; None where that is next to 0."""
    share = sum(s.share for s in group)
    if len(group) == 1 and share < LEAST_SHARE:
        return None
    first = group[0]
    name = legible(first.label, f"#{first.label_id}")
    part = f"{share * 100:.1f} %" if share >= LEAST_SHARE else "< 0.1 %"
    return f"{len(group)} x {name} {part}" if len(group) > 1 else f"{name} {part}", _colour(first)


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
