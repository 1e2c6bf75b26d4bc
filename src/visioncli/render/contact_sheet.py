"""What a network sees: pictures beside their augmented versions, as one sheet drawn with Pillow."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from visioncli.render.canvas import fit
from visioncli.render.sheet import FAINT, TEXT, Sheet, one_line

SIDE = 128
"""Pixels of a cell: larger pictures are reduced to it, smaller ones enlarged by whole factors."""
_GAP, _MARGIN, _TOP, _LABEL = 6, 16, 62, 18


def draw(rows: Sequence[Sequence[np.ndarray]], labels: Sequence[str], title: str) -> Image.Image:
    """A sheet with a row for each picture: first as the network sees it un-augmented, then its augmented versions.

    Pictures are `(H, W, 3) uint8`, RGB, of any sizes; `labels` are the names below the first of each row.
    """
    columns = max((len(row) for row in rows), default=1)
    # Room for the label below a row's pictures.
    high = SIDE + _LABEL + _GAP
    first = SIDE + 3 * _GAP
    width = max(2 * _MARGIN + first + (columns - 1) * (SIDE + _GAP), 480)
    sheet = Sheet(width, _TOP + max(1, len(rows)) * high + _MARGIN)
    sheet.text((_MARGIN, 12), fit(one_line(title), 18, width - 2 * _MARGIN), 18)
    sheet.text((_MARGIN, 40), "un-augmented", 13, FAINT)
    if columns > 1:
        sheet.text((_MARGIN + first, 40), "augmented", 13, FAINT)
    for r, (row, label) in enumerate(zip(rows, labels, strict=True)):
        y = _TOP + r * high
        for c, picture in enumerate(row):
            x = _MARGIN + (first + (c - 1) * (SIDE + _GAP) if c else 0)
            sheet.picture((x, y), _in_cell(picture))
        sheet.text((_MARGIN, y + SIDE + 2), fit(one_line(label), 12, SIDE), 12, TEXT)
    return sheet.finished()


def _in_cell(picture: np.ndarray) -> Image.Image:
    image = Image.fromarray(np.ascontiguousarray(picture))
    longer = max(image.size)
    if longer > SIDE:
        size = (max(1, round(image.width * SIDE / longer)), max(1, round(image.height * SIDE / longer)))
        return image.resize(size, Image.Resampling.LANCZOS)
    # Whole factors and no smoothing: its pixels are what the network sees.
    factor = SIDE // longer
    return image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)
