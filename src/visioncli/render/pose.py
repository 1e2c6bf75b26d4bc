"""Skeletons: left and right in different colours; joints that the network is unsure of are not drawn."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from visioncli.predictions import Keypoint, Person
from visioncli.render.canvas import Arrays, Colour, readable_size
from visioncli.render.detect import draw_boxes, mark
from visioncli.results import Record
from visioncli.tasks.pose.joints import SKELETON

LEFT: Colour = (255, 128, 32)
RIGHT: Colour = (48, 160, 255)
MIDDLE: Colour = (120, 220, 120)
EDGE: Colour = (16, 16, 16)
DRAW_SCORE = 0.15
"""Below it, most people are imagined: measured on COCO pictures, see docs/tasks.md."""
LEAST_JOINTS = 4
"""With fewer sure joints there is no skeleton to show, where there are as many; the record still lists the person."""
Limbs = Sequence[tuple[int, int]]
"""Pairs of keypoints that a line joins."""


def draw(
    image: Image.Image,
    record: Record,
    arrays: Arrays,
    *,
    min_keypoint_score: float = 0.2,
    draw_score: float = DRAW_SCORE,
) -> Image.Image:
    """The picture with a skeleton and a box for each person of whom enough is seen, lines by the picture's size.

    People below `draw_score` are left to the record. Other keypoints than a person's are joined by the pairs
    `limbs` `(L, 2)` of `arrays`, of which there may be none.
    """
    canvas = image.copy()
    limbs: Limbs = SKELETON
    if "limbs" in arrays:
        limbs = [(int(a), int(b)) for a, b in arrays["limbs"]]
    people = [
        p
        for p in sorted(record.predictions or (), key=lambda p: -p.score)
        if p.score >= draw_score and _sure_joints(p, min_keypoint_score) >= min(LEAST_JOINTS, len(p.keypoints))
    ]
    pen = ImageDraw.Draw(canvas)
    width = max(2, round(readable_size(canvas.width, canvas.height) / 5))
    for person in reversed(people):
        _skeleton(pen, person, limbs, min_keypoint_score, width)
    marks = [mark(p.box, p.label, p.label_id, p.score, p.track) for p in people]
    draw_boxes(canvas, marks, _along(people, limbs, min_keypoint_score))
    return canvas


def _along(people: Sequence[Person], limbs: Limbs, least: float) -> np.ndarray:
    """`(M, 2)` x y: points along everybody's limbs, which tags should not cover."""
    steps = np.linspace(0, 1, 8)[:, None]
    points = [np.zeros((0, 2))]
    for person in people:
        for a, b in _drawn(person, limbs, least):
            points.append((1 - steps) * (a.x, a.y) + steps * (b.x, b.y))
    return np.concatenate(points)


def _drawn(person: Person, limbs: Limbs, least: float) -> list[tuple[Keypoint, Keypoint]]:
    points = person.keypoints
    return [(points[a], points[b]) for a, b in limbs if min(points[a].score, points[b].score) >= least]


def _sure_joints(person: Person, least: float) -> int:
    return sum(point.score >= least for point in person.keypoints)


def _skeleton(pen: ImageDraw.ImageDraw, person: Person, limbs: Limbs, least: float, width: int) -> None:
    points = person.keypoints
    lines = _drawn(person, limbs, least)
    # A dark edge under every line keeps it visible on any background.
    for grown, edge in ((2, True), (0, False)):
        for a, b in lines:
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
