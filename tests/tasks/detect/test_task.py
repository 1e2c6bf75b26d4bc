import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from conftest import make_picture
from visioncli import load
from visioncli.errors import UsageError
from visioncli.models import registry
from visioncli.models.labels import load_labels
from visioncli.pictures import Picture
from visioncli.tasks.class_names import parse_classes
from visioncli.tasks.detect.detectors import Boxes, Detector, Limits
from visioncli.tasks.detect.task import WINDOWS_AT_ONCE, Detect

ROW = registry.find("ssd_mobilenet_v2", "detect")
COCO = load_labels("coco")


class RedSpots(Detector):
    """Finds the rectangle of pure red in what it is shown, as a person; notes how many inputs came at once."""

    def __init__(self) -> None:
        self.at_once: list[int] = []

    def prepare(self, rgb: np.ndarray) -> np.ndarray:
        return np.array(rgb)

    def detect(self, inputs: Sequence[np.ndarray], sizes: Sequence[tuple[int, int]], limits: Limits) -> list[Boxes]:
        self.at_once.append(len(inputs))
        assert [(x.shape[1], x.shape[0]) for x in inputs] == list(sizes)
        return [self._one(x) for x in inputs]

    def _one(self, rgb: np.ndarray) -> Boxes:
        rows, columns = np.nonzero((rgb == (255, 0, 0)).all(2))
        if not len(rows):
            return Boxes(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))
        box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        return Boxes(np.array([box], np.float32), np.array([0.9], np.float32), np.array([1]))


def picture(width: int, height: int, spot: tuple[int, int, int, int] | None = None) -> Picture:
    rgb = np.zeros((height, width, 3), np.uint8)
    if spot:
        x1, y1, x2, y2 = spot
        rgb[y1:y2, x1:x2] = (255, 0, 0)
    return Picture(Image.fromarray(rgb), 1.0)


def answers(task: Detect, *pictures: Picture) -> list[list[Any]]:
    return [list(a.predictions) for a in task.predict([task.prepare(p) for p in pictures])]


@pytest.mark.parametrize(
    ("text", "ids"),
    [("person", {1}), ("Person, DOG", {1, 18}), ("1,18", {1, 18}), ("hot dog,", {58}), ("90", {90})],
)
def test_classes_are_names_in_any_case_or_ids(text: str, ids: set[int]) -> None:
    assert parse_classes(text, COCO) == ids


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("persn", "Did you mean person?"),
        ("12", "no class '12'"),
        ("dog,zebar", "zebra"),
        ("", "empty"),
        (" , ", "empty"),
    ],
)
def test_an_unknown_class_is_wrong_usage_with_near_matches(text: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_classes(text, COCO)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "settings",
    [{"score": 2}, {"score": -0.1}, {"score": float("nan")}, {"iou": 1.5}, {"max_detections": 0}, {"tile": "3"}],
)
def test_impossible_settings_are_wrong_usage(settings: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"--{next(iter(settings)).replace('_', '-')}"):
        Detect(ROW, RedSpots(), **settings)


def test_settings_hold_every_option_as_json() -> None:
    task = Detect(ROW, RedSpots(), classes="dog,person", tile="64:0.5", agnostic=True)
    assert json.loads(json.dumps(task.settings)) == {
        "score": 0.4,
        "iou": 0.6,
        "max_detections": 100,
        "classes": [1, 18],
        "agnostic": True,
        "tile": [64, 0.5],
        "tta": "none",
    }


def test_a_detection_has_label_score_and_box_in_pixels() -> None:
    ((found,),) = answers(Detect(ROW, RedSpots()), picture(200, 100, (20, 30, 60, 80)))
    assert (found.label, found.label_id, found.score) == ("person", 1, pytest.approx(0.9))
    assert found.box == (20, 30, 60, 80)


def test_tiles_give_the_same_object_once_in_the_pictures_pixels() -> None:
    for spot in ((20, 30, 60, 80), (100, 50, 140, 90), (150, 60, 199, 99)):
        ((found,),) = answers(Detect(ROW, RedSpots(), tile="64:0.7"), picture(200, 100, spot))
        assert found.box == spot


def test_neighbours_change_no_answer_even_with_different_numbers_of_tiles() -> None:
    task = Detect(ROW, RedSpots(), tile="64")
    given = [
        picture(200, 100, (20, 30, 60, 80)),
        picture(40, 40),
        picture(90, 300, (10, 200, 30, 220)),
        picture(1, 1),
    ]
    alone = [answers(task, p)[0] for p in given]
    assert answers(task, *given) == alone
    assert [len(a) for a in alone] == [1, 0, 1, 0]


def test_hundreds_of_tiles_are_made_and_run_a_handful_at_a_time() -> None:
    spots = RedSpots()
    assert len(answers(Detect(ROW, spots, tile="32"), picture(600, 400, (300, 200, 310, 210)))[0]) == 1
    assert sum(spots.at_once) > 200
    assert max(spots.at_once) == WINDOWS_AT_ONCE


def test_the_network_answers_alike_whatever_the_batch() -> None:
    task = load("detect", score=0.2).task
    prepared = [task.prepare(Picture(make_picture(n, (160, 120)), 1.0)) for n in range(5)]
    together = task.predict(prepared)
    for one, answer in zip(prepared, together, strict=True):
        (alone,) = task.predict([one])
        assert [p.label_id for p in alone.predictions] == [p.label_id for p in answer.predictions]
        np.testing.assert_allclose(
            [p.score for p in alone.predictions], [p.score for p in answer.predictions], atol=1e-4
        )


@pytest.mark.shared_data
def test_detections_equal_those_of_an_independent_runtime(shared_data: Path) -> None:
    reference = json.loads((shared_data / "reference" / "ssd_mobilenet_v2.json").read_text())["detections"]
    detect = load("detect", score=0.35)
    for name, truth in reference.items():
        path = shared_data / "coco" / "images" / name
        with Image.open(path) as image:
            edge = image.size * 2
        theirs = sorted(
            (d["category_id"], -d["score"], *np.clip(d["box_xyxy"], 0, edge)) for d in truth if d["score"] > 0.35
        )
        ours = sorted((p.label_id, -p.score, *p.box) for p in detect(path).predictions or ())
        assert [row[0] for row in ours] == [row[0] for row in theirs], name
        for mine, other in zip(ours, theirs, strict=True):
            assert mine[1] == pytest.approx(other[1], abs=0.02), name
            assert mine[2:] == pytest.approx(other[2:], abs=2), name


@pytest.mark.shared_data
@pytest.mark.parametrize("options", [{"classes": "person"}, {"max_detections": 1}, {"score": 0.7}])
def test_options_only_leave_detections_out(options: dict[str, Any], shared_data: Path) -> None:
    path = sorted((shared_data / "coco" / "images").iterdir())[3]
    usual, fewer = (set(load("detect", **o)(path).predictions or ()) for o in ({}, options))
    assert fewer <= usual
