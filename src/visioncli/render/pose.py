"""Skeletons: left and right in different colours; joints that the network is unsure of are not drawn."""

from PIL import Image, ImageDraw

from visioncli.render.canvas import Arrays, Colour, readable_size
from visioncli.render.detect import draw_boxes
from visioncli.results import Person, Record
from visioncli.tasks.pose.joints import SKELETON

LEFT: Colour = (255, 128, 32)
RIGHT: Colour = (48, 160, 255)
MIDDLE: Colour = (120, 220, 120)
EDGE: Colour = (16, 16, 16)
LEAST_JOINTS = 4
"""With fewer sure joints there is no skeleton to show; the record still lists the person."""


def draw(image: Image.Image, record: Record, arrays: Arrays, *, min_keypoint_score: float = 0.2) -> Image.Image:
    """The picture with a skeleton and a box for each person of whom enough is seen, lines by the picture's size."""
    canvas = image.copy()
    people = [p for p in record.predictions or () if _sure_joints(p, min_keypoint_score) >= LEAST_JOINTS]
    draw_boxes(canvas, [(p.box, f"{p.label} {p.score:.2f}", 7 * n + 1) for n, p in enumerate(people)])
    pen = ImageDraw.Draw(canvas)
    width = max(2, round(readable_size(canvas.width, canvas.height) / 5))
    for person in reversed(people):
        _skeleton(pen, person, min_keypoint_score, width)
    return canvas


def _sure_joints(person: Person, least: float) -> int:
    return sum(point.score >= least for point in person.keypoints)


def _skeleton(pen: ImageDraw.ImageDraw, person: Person, least: float, width: int) -> None:
    points = person.keypoints
    limbs = [(points[a], points[b]) for a, b in SKELETON if min(points[a].score, points[b].score) >= least]
    # A dark edge under every line keeps it visible on any background.
    for grown, edge in ((2, True), (0, False)):
        for a, b in limbs:
            colour = EDGE if edge else _side(a.name, b.name)
            pen.line((a.x, a.y, b.x, b.y), fill=colour, width=width + grown)
        for point in points:
            if point.score >= least:
                r = width * 0.9 + grown / 2
                colour = EDGE if edge else _side(point.name, point.name)
                pen.ellipse((point.x - r, point.y - r, point.x + r, point.y + r), fill=colour)


def _side(first: str, second: str) -> Colour:
    """The colour of a limb: of the person's left, right, or neither where it joins both."""
    if first.startswith("left") and second.startswith("left"):
        return LEFT
    if first.startswith("right") and second.startswith("right"):
        return RIGHT
    return MIDDLE
