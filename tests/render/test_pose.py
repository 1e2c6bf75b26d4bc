import dataclasses

import numpy as np
import pytest
from PIL import Image

from visioncli.predictions import Keypoint, Person
from visioncli.render.colours import class_colour
from visioncli.render.pose import LEFT, MIDDLE, RIGHT, draw
from visioncli.results import ModelInfo, Record
from visioncli.tasks.pose.joints import KEYPOINT_NAMES

# A person who stands and faces the camera, in a frame of 1 x 1: left is on the picture's right.
PLACES = dict(
    zip(
        KEYPOINT_NAMES,
        [(0.5, 0.1), (0.53, 0.08), (0.47, 0.08), (0.56, 0.1), (0.44, 0.1), (0.65, 0.25), (0.35, 0.25), (0.7, 0.4),
         (0.3, 0.4), (0.72, 0.55), (0.28, 0.55), (0.6, 0.55), (0.4, 0.55), (0.62, 0.75), (0.38, 0.75), (0.63, 0.95),
         (0.37, 0.95)],
        strict=True,
    )
)  # fmt: skip


def person(width: int, height: int, score: float = 0.9) -> Person:
    points = tuple(Keypoint(name, x * width, y * height, score) for name, (x, y) in PLACES.items())
    return Person("person", 1, 0.8, (0.2 * width, 0.0, 0.8 * width, float(height)), points)


def drawn(size: tuple[int, int], *people: Person) -> np.ndarray:
    return np.asarray(draw(Image.new("RGB", size), Record("pose", "a", *size, ModelInfo("m", None), people), {}))


def has(pixels: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return (pixels == colour).all(2)


def test_left_and_right_have_their_own_colours_on_their_own_side() -> None:
    pixels = drawn((400, 600), person(400, 600))
    assert has(pixels, LEFT)[:, 200:].any() and not has(pixels, LEFT)[:, :195].any()
    assert has(pixels, RIGHT)[:, :200].any() and not has(pixels, RIGHT)[:, 205:].any()


def test_unsure_joints_are_not_drawn() -> None:
    whole = person(400, 600)
    unsure = dataclasses.replace(
        whole,
        keypoints=tuple(dataclasses.replace(k, score=0.1 if "ankle" in k.name else k.score) for k in whole.keypoints),
    )
    for one, there in ((whole, True), (unsure, False)):
        x, y = PLACES["left_ankle"]
        spot = drawn((400, 600), one)[int(y * 600) - 1 : int(y * 600) + 2, int(x * 400) - 1 : int(x * 400) + 2]
        assert has(spot, LEFT).any() == there


def test_someone_of_whom_nothing_is_sure_is_not_drawn_at_all() -> None:
    assert not drawn((400, 600), person(400, 600, score=0.1)).any()
    assert not drawn((400, 600)).any()


def test_lines_grow_with_the_picture() -> None:
    shares = [has(drawn((n, n), person(n, n)), LEFT).mean() for n in (400, 1600)]
    assert shares[1] == pytest.approx(shares[0], rel=0.6)


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 2), (4000, 3000)])
def test_any_size_can_be_drawn_and_is_kept(size: tuple[int, int]) -> None:
    assert drawn(size, person(*size)).shape == (size[1], size[0], 3)


def test_joints_far_outside_the_picture_do_no_harm() -> None:
    far = tuple(Keypoint(k.name, 1e7 * k.x, -1e7, 0.9) for k in person(10, 10).keypoints)
    assert drawn((100, 100), dataclasses.replace(person(10, 10), keypoints=far)).shape == (100, 100, 3)


@pytest.mark.parametrize(("score", "there"), [(0.1, False), (0.2, True)])
def test_people_who_are_likely_imagined_are_left_to_the_record(score: float, there: bool) -> None:
    weak = dataclasses.replace(person(400, 600), score=score)
    assert drawn((400, 600), weak).any() == there


def test_a_tag_keeps_off_the_limbs() -> None:
    # Everything above, below and inside the box on the left is arms and legs; on the right there is room.
    zigzag = tuple(
        Keypoint(k.name, 130.0 if n % 2 else 60.0, 20.0 * n, 0.9) for n, k in enumerate(person(1, 1).keypoints)
    )
    someone = dataclasses.replace(person(640, 480), keypoints=zigzag, box=(60.0, 60.0, 300.0, 400.0))
    pixels = drawn((640, 480), someone)
    plate = has(pixels, class_colour("person", 1))[:60]
    rows, columns = np.nonzero(plate)
    assert len(rows) and columns.min() > 140


def test_other_keypoints_are_points_joined_by_the_limbs_that_are_given() -> None:
    points = (Keypoint("head", 20.0, 50.0, 0.9), Keypoint("tail", 180.0, 50.0, 0.9))
    one = Person("stick", 1, 0.8, (10.0, 30.0, 190.0, 70.0), points)
    record = Record("pose", "a", 200, 100, ModelInfo("m", None), (one,))
    blank = Image.new("RGB", (200, 100))
    middle = []
    for limbs in ([], [[0, 1]]):
        arrays = {"limbs": np.array(limbs, np.int64).reshape(-1, 2)}
        pixels = np.asarray(draw(blank, record, arrays))
        assert has(pixels, MIDDLE)[45:55, 15:25].any() and has(pixels, MIDDLE)[45:55, 175:185].any()
        middle.append(bool(has(pixels, MIDDLE)[45:55, 90:110].any()))
    assert middle == [False, True]
