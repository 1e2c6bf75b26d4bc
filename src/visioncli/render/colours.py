"""A colour for each class, the same in every task and picture, and ink that can be read on it."""

from functools import cache

from visioncli.models.labels import load_labels
from visioncli.render.canvas import Colour

_PALETTE = (
    # One for each of COCO's 80 classes in their order, as hexadecimal. `tools/palette.py` chose them: far apart in
    # OKLab, for colour-blind eyes too, farthest where classes are neighbours or are often in one picture.
    "0069ff00d20f873cc300873ce10f00d24b875ab4b43cff78d2c369e18778964b5a96a52da5e1b40087a500c3ffe169d2"
    "87e1ffd24b3c69e196d296b4ffc35ad2964bff4b87b44b5a00ffd28796d2a500a53cd2d2a569c3e1a5874b964bb4f05a"
    "e13ca5c37887964b2d87c35ad287f0964b8778780087fff0ff6900ffe196a5695a00b496785a96c30fd278961eff7896"
    "b42d7887b4e100f02d00f0e169a569c3c3ffffb487f01ec3c3ff002d8769b42d00f00069b487ffa53cb4a5692dff965a"
    "1ea5e1ffa5c300c387ff00009678b400e17878ffb4f0a52db41e4be1d20ff096ffa5965ad20096ffc3ffb487b478d2a5"
)
_SAME = {"aeroplane": "airplane", "motorbike": "motorcycle", "sofa": "couch", "tvmonitor": "tv"}
"""Pascal VOC's names of classes that COCO calls otherwise, beyond spaces."""
_SHADES = (0.0, 0.5, -0.4, 0.25, -0.2)


def class_colour(label: str, label_id: int) -> Colour:
    """The colour of a class: by its name where COCO or Pascal VOC know it, by its number otherwise.

    Neighbouring numbers differ clearly. From 80 classes on, further ones get darker shades.
    """
    known = _slots().get(_plain(label))
    if known is not None:
        return palette()[known]
    # From the middle on: people, who come first, are what other data sets have in common with COCO.
    cycle, slot = divmod(label_id + 40, len(palette()))
    return palette()[slot] if cycle == 0 else shade(palette()[slot], -0.15 * min(abs(cycle), 4))


def track_colour(track: int) -> Colour:
    """The colour of an object that is followed over time: by its number alone, so that it stays what it is.

    Numbers that come one after the other differ clearly.
    """
    # 37 has no divisor in common with 80: all colours come before one comes again.
    return palette()[track * 37 % len(palette())]


def object_colour(colour: Colour, n: int) -> Colour:
    """The `n`-th object's shade of its class's colour, for masks that lie side by side; the first has it pure."""
    return shade(colour, _SHADES[n % len(_SHADES)])


def shade(colour: Colour, amount: float) -> Colour:
    """The colour mixed with white (`amount` above 0) or with black (below 0); 1 and -1 leave nothing of it."""
    target, share = (255 if amount > 0 else 0), abs(amount)
    red, green, blue = (round(v + (target - v) * share) for v in colour)
    return red, green, blue


@cache
def palette() -> tuple[Colour, ...]:
    """The 80 colours."""
    values = bytes.fromhex(_PALETTE)
    return tuple((values[n], values[n + 1], values[n + 2]) for n in range(0, len(values), 3))


@cache
def _slots() -> dict[str, int]:
    slots = {_plain(name): n for n, name in enumerate(load_labels("coco").values())}
    return slots | {voc: slots[coco] for voc, coco in _SAME.items()}


def _plain(label: str) -> str:
    return "".join(c for c in label.casefold() if c.isalnum())


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
