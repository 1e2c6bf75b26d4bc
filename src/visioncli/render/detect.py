"""Boxes with labels on a picture. No label leaves the frame, and labels keep clear of each other where they can."""

from PIL import Image, ImageDraw

from visioncli.render.canvas import Arrays, Colour, fit, readable_size, text_size, write
from visioncli.render.colours import category_colour, ink_on
from visioncli.results import Box, Record

Rectangle = tuple[float, float, float, float]


def draw(image: Image.Image, record: Record, arrays: Arrays) -> Image.Image:
    """The picture with a box and a label for each detection, the best drawn last and so on top."""
    canvas = image.copy()
    boxes = [(p.box, f"{p.label} {p.score:.2f}", p.label_id) for p in record.predictions or ()]
    draw_boxes(canvas, boxes)
    return canvas


def draw_boxes(canvas: Image.Image, boxes: list[tuple[Box, str, int]], colours: list[Colour] | None = None) -> None:
    """Draws each (box, text, category id) on `canvas`, the first on top, in its category's or the given colour."""
    pen = ImageDraw.Draw(canvas)
    inks = colours or [category_colour(category) for _, _, category in boxes]
    size = readable_size(canvas.width, canvas.height)
    line = max(2, round(size / 8))
    for (box, _, _), ink in zip(reversed(boxes), reversed(inks), strict=True):
        pen.rectangle(_inside(box, canvas), outline=ink, width=line)
    taken: list[Rectangle] = []
    placed = []
    for (box, text, _), ink in zip(boxes, inks, strict=True):
        shown = fit(" ".join(text.split()), size, canvas.width - size)
        width, height = text_size(shown, size)
        if not shown or height > canvas.height:
            continue  # a picture of a few pixels has room for the box only
        place = _place(box, width + size * 0.6, height, canvas, taken)
        taken.append(place)
        placed.append((place, shown, ink))
    for place, shown, colour in reversed(placed):
        pen.rectangle(place, fill=colour)
        middle = (place[1] + place[3]) / 2
        write(pen, (place[0] + size * 0.3, middle), shown, size, ink_on(colour))


def _inside(box: Box, canvas: Image.Image) -> Rectangle:
    """The box's outermost pixels, within the frame even where the box ends at its border."""
    right, bottom = canvas.width - 1, canvas.height - 1
    x1, y1 = min(max(box[0], 0), right), min(max(box[1], 0), bottom)
    return x1, y1, max(x1, min(box[2] - 1, right)), max(y1, min(box[3] - 1, bottom))


def _place(box: Box, width: float, height: float, canvas: Image.Image, taken: list[Rectangle]) -> Rectangle:
    """Where the label goes: above the box, inside its top, below it, or inside its bottom: the first that is free."""
    left = max(0.0, min(box[0], canvas.width - width))
    tops = (box[1] - height, box[1], box[3], box[3] - height)
    places = [(left, top, left + width, top + height) for top in tops if 0 <= top <= canvas.height - height]
    if not places:
        top = max(0.0, min(box[1], canvas.height - height))
        places = [(left, top, left + width, top + height)]
    free = (p for p in places if not any(_overlap(p, other) for other in taken))
    return next(free, places[0])


def _overlap(a: Rectangle, b: Rectangle) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
