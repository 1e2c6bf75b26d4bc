"""A stable colour for each category, and ink that can be read on it."""

import colorsys
from functools import cache

from visioncli.render.canvas import Colour

_GOLDEN = 0.618033988749895


def category_colour(label_id: int) -> Colour:
    """The same bright colour for the same category in every picture; neighbouring ids differ clearly."""
    hue = (0.02 + label_id * _GOLDEN) % 1.0
    lightness = (0.52, 0.62, 0.45)[label_id % 3]
    red, green, blue = colorsys.hls_to_rgb(hue, lightness, 0.85)
    return round(red * 255), round(green * 255), round(blue * 255)


def ink_on(colour: Colour) -> Colour:
    """Black or white, whichever is easier to read on `colour` (relative luminance of WCAG 2)."""
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in colour)
    )
    # Where black and white have the same contrast: (1 + .05) / (l + .05) = (l + .05) / .05.
    return (0, 0, 0) if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 else (255, 255, 255)


@cache
def voc_palette() -> tuple[int, ...]:
    """The 256 colours of Pascal VOC's label pictures, flat: bits of the class id spread over red, green, blue."""
    palette = []
    for label_id in range(256):
        colour, rest = [0, 0, 0], label_id
        for bit in range(7, -1, -1):
            for channel in range(3):
                colour[channel] |= ((rest >> channel) & 1) << bit
            rest >>= 3
        palette += colour
    return tuple(palette)
