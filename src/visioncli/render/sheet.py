"""A white sheet for plots: lines, boxes and words in final pixels, drawn with Pillow."""

from PIL import Image, ImageDraw

from visioncli.render.canvas import Colour
from visioncli.render.fonts import font, legible, typeface_of

SCALE = 2
"""Everything is drawn this much larger and then reduced, which smooths lines and letters."""
PAPER: Colour = (255, 255, 255)
TEXT: Colour = (33, 37, 41)
FAINT: Colour = (120, 127, 135)
GRID: Colour = (230, 233, 237)
GREY_LINE: Colour = (203, 209, 216)
MEAN: Colour = (20, 98, 196)
LONGEST_LABEL = 100


def one_line(label: str) -> str:
    """A label in one line that can be drawn."""
    return legible(label[:LONGEST_LABEL], "?")


class Sheet:
    """A white sheet in final pixels; coordinates are scaled up on the way in."""

    def __init__(self, width: int, height: int) -> None:
        self._size = (width, height)
        self._image = Image.new("RGB", (width * SCALE, height * SCALE), PAPER)
        self._draw = ImageDraw.Draw(self._image)
        self._pictures: list[tuple[tuple[int, int], Image.Image]] = []

    def text(self, at: tuple[float, float], words: str, size: int, colour: Colour = TEXT, anchor: str = "la") -> None:
        face = font(size * SCALE, typeface_of(words))
        self._draw.text((at[0] * SCALE, at[1] * SCALE), words, colour, face, anchor)

    def line(self, points: list[tuple[float, float]], colour: Colour, width: float) -> None:
        scaled = [(x * SCALE, y * SCALE) for x, y in points]
        self._draw.line(scaled, colour, max(1, round(width * SCALE)), joint="curve")

    def box(self, box: tuple[float, float, float, float], colour: Colour) -> None:
        x1, y1, x2, y2 = (round(v * SCALE) for v in box)
        self._draw.rectangle((x1, y1, x2 - 1, y2 - 1), colour)

    def dot(self, at: tuple[float, float], colour: Colour, radius: float) -> None:
        x, y, r = at[0] * SCALE, at[1] * SCALE, radius * SCALE
        self._draw.ellipse((x - r, y - r, x + r, y + r), colour)

    def ring(self, at: tuple[float, float], colour: Colour, radius: float) -> None:
        x, y, r = at[0] * SCALE, at[1] * SCALE, radius * SCALE
        self._draw.ellipse((x - r, y - r, x + r, y + r), None, colour, round(1.5 * SCALE))

    def picture(self, at: tuple[float, float], image: Image.Image) -> None:
        """An RGB picture, whose pixels come out as they are; `at` is its upper left corner."""
        self._pictures.append(((round(at[0]), round(at[1])), image))

    def upright(self, at: tuple[float, float], words: str, size: int, colour: Colour = TEXT) -> None:
        """Words from bottom to top; `at` is the middle of their lower end."""
        face = font(size * SCALE, typeface_of(words))
        length, height = int(face.getlength(words)) + 2 * SCALE, round(size * SCALE * 1.4)
        strip = Image.new("RGB", (max(1, length), height), PAPER)
        ImageDraw.Draw(strip).text((0, height / 2), words, colour, face, "lm")
        turned = strip.rotate(90, expand=True)
        self._image.paste(turned, (round(at[0] * SCALE - height / 2), round(at[1] * SCALE - turned.height)))

    def finished(self) -> Image.Image:
        finished = self._image.resize(self._size, Image.Resampling.LANCZOS)
        for at, image in self._pictures:
            finished.paste(image, at)
        return finished
