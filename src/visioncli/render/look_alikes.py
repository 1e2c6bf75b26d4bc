"""Pictures that look like one, side by side with it: a contact sheet."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from visioncli.render.canvas import fit
from visioncli.render.sheet import FAINT, MEAN, Sheet, one_line

SIDE = 192
"""Pixels of a cell; pictures are reduced to it, never enlarged."""
_ACROSS = 6
_GAP, _MARGIN, _TOP, _LABEL = 12, 16, 46, 40


@dataclass(frozen=True, slots=True)
class Tile:
    """A picture of mode RGB with what it is called and a line about it; None where it could not be read."""

    image: Image.Image | None
    name: str
    about: str


def draw(tiles: Sequence[Tile], title: str) -> Image.Image:
    """A sheet of `tiles`, the first of which is the picture that the others look like."""
    across = min(max(len(tiles), 1), _ACROSS)
    down = -(-len(tiles) // across)
    width = max(2 * _MARGIN + across * (SIDE + _GAP) - _GAP, 480)
    sheet = Sheet(width, _TOP + down * (SIDE + _LABEL + _GAP) + _MARGIN)
    sheet.text((_MARGIN, 14), fit(one_line(title), 16, width - 2 * _MARGIN), 16)
    for n, tile in enumerate(tiles):
        x = _MARGIN + n % across * (SIDE + _GAP)
        y = _TOP + n // across * (SIDE + _LABEL + _GAP)
        if tile.image is not None:
            small = tile.image.copy()
            small.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
            sheet.picture((x + (SIDE - small.width) // 2, y + (SIDE - small.height) // 2), small)
        else:
            sheet.text((x, y + SIDE // 2), "cannot be read", 12, FAINT)
        sheet.text((x, y + SIDE + 4), fit(one_line(tile.about), 13, SIDE), 13, MEAN if not n else (33, 37, 41))
        sheet.text((x, y + SIDE + 21), fit(one_line(tile.name), 11, SIDE), 11, FAINT)
    return sheet.finished()
