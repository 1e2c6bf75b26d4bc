import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from conftest import make_picture
from visioncli import load
from visioncli.engines.interface import Engine
from visioncli.errors import UsageError
from visioncli.models import registry
from visioncli.pictures import Picture
from visioncli.results import ModelInfo
from visioncli.tasks.detect.detectors import Boxes
from visioncli.tasks.pose.joints import ANGLES, KEYPOINT_NAMES, SKELETON
from visioncli.tasks.pose.task import build
from visioncli.tasks.pose.top_down import PoseTask, joint_angles

ROW = registry.find("movenet_lightning", "pose")


class Standing(Engine):
    """Sees joint n at n + 1 eighteenths of the crop, down and across, with the same score for all."""

    def __init__(self, score: float = 0.8) -> None:
        self.score, self.crops = score, 0

    def compute(self, batch: np.ndarray) -> tuple[np.ndarray, ...]:
        self.crops += len(batch)
        at = (np.arange(17, dtype=np.float32) + 1) / 18
        one = np.stack((at, at, np.full(17, self.score, np.float32)), axis=1)
        return (np.repeat(one[None], len(batch), 0),)


def people(*rows: tuple[float, float, float, float, float]) -> Any:
    table = np.array(rows, np.float32).reshape(-1, 5)
    objects = Boxes(table[:, :4], table[:, 4], np.ones(len(table), np.int64))
    return SimpleNamespace(
        model=ModelInfo("detector", None),
        parallel=1,
        settings={"score": 0.15},
        facts={"name": "detector", "weights_sha256": None, "precision": None, "tta": "flip"},
        prepare=lambda picture: picture,
        find=lambda batch: [objects for _ in batch],
    )


def poses(detector: Any, *, engine: Engine | None = None, **settings: Any) -> list[Any]:
    task = PoseTask(ROW, engine or Standing(), detector, **settings)
    return list(task.predict([task.prepare(Picture(Image.new("RGB", (400, 300)), 1.0))])[0].predictions)


def keypoints(**places: tuple[float, float]) -> np.ndarray:
    """Joints at places with score 1; the others at 0, 0 with score 0."""
    rows = np.zeros((17, 3), np.float32)
    for name, (x, y) in places.items():
        rows[KEYPOINT_NAMES.index(name)] = (x, y, 1)
    return rows


def test_names_and_skeleton_are_those_of_coco() -> None:
    # From the "person" category of COCO's person_keypoints_val2017.json, whose skeleton counts from 1.
    assert KEYPOINT_NAMES[0] == "nose" and KEYPOINT_NAMES[5:7] == ("left_shoulder", "right_shoulder")
    assert len(KEYPOINT_NAMES) == 17
    pairs = {frozenset((KEYPOINT_NAMES[a], KEYPOINT_NAMES[b])) for a, b in SKELETON}
    assert len(pairs) == len(SKELETON) == 19
    assert frozenset(("left_hip", "right_hip")) in pairs and frozenset(("nose", "left_eye")) in pairs


@pytest.mark.shared_data
def test_names_and_skeleton_agree_with_the_annotations(shared_data: Path) -> None:
    (person,) = json.loads((shared_data / "coco" / "person_keypoints.json").read_text())["categories"]
    assert tuple(person["keypoints"]) == KEYPOINT_NAMES
    assert [(a - 1, b - 1) for a, b in person["skeleton"]] == list(SKELETON)


def test_a_person_has_17_named_joints_in_pixels_of_the_picture() -> None:
    (person,) = poses(people((100, 50, 180, 250, 0.9)))
    assert (person.label, person.label_id, person.box) == ("person", 1, (100, 50, 180, 250))
    assert tuple(point.name for point in person.keypoints) == KEYPOINT_NAMES
    # All crops are equally sure, so the first leads: the square of 1.4 times the box's height around its middle. The
    # second, of 1.25 box sides around box and joints, agrees; the third, of 1.6, sees the nose too far away.
    nose = person.keypoints[0]
    first = 150 + 200 * 1.4 * (1 / 18 - 0.5)
    top, bottom = min(first, 50), 150 + 200 * 1.4 * (17 / 18 - 0.5)
    second = (top + bottom) / 2 + (bottom - top) * 1.25 * (1 / 18 - 0.5)
    assert 140 - 140 <= nose.x <= 140 + 140 and min(first, second) - 1 <= nose.y <= max(first, second) + 1
    assert nose.score == pytest.approx(0.8)
    assert person.score == pytest.approx(0.9 * 0.8, abs=1e-3)
    assert person.angles is None


def test_without_a_person_there_is_no_skeleton_and_the_network_is_not_asked() -> None:
    engine = Standing()
    assert poses(people(), engine=engine) == []
    assert engine.crops == 0


def test_a_single_person_is_the_whole_picture() -> None:
    (person,) = poses(None)
    assert person.box == (0, 0, 400, 300)
    assert person.score == pytest.approx(0.8, abs=1e-3)


def test_weak_poses_and_more_than_the_most_people_are_left_out() -> None:
    rows = ((0, 0, 50, 100, 0.9), (100, 0, 150, 100, 0.8), (200, 0, 250, 100, 0.1))
    assert len(poses(people(*rows))) == 3
    assert len(poses(people(*rows), score=0.1)) == 2
    assert [p.box[0] for p in poses(people(*rows), max_people=1)] == [0]
    assert poses(people(*rows), engine=Standing(0.01)) == []


def test_angles_are_degrees_at_the_joint_between_its_neighbours() -> None:
    bent = keypoints(left_shoulder=(0, 0), left_elbow=(0, 10), left_wrist=(10, 10))
    assert joint_angles(bent, 0.2) == {"left_elbow": 90}
    straight = keypoints(right_hip=(0, 0), right_knee=(3, 10), right_ankle=(6, 20))
    assert joint_angles(straight, 0.2) == {"right_knee": 180}
    arm = keypoints(left_elbow=(10, 0), left_shoulder=(0, 0), left_hip=(0, 20), left_knee=(0, 40))
    assert joint_angles(arm, 0.2) == {"left_shoulder": 90, "left_hip": 180}


def test_unsure_joints_and_joints_in_one_place_have_no_angle() -> None:
    bent = keypoints(left_shoulder=(0, 0), left_elbow=(0, 10), left_wrist=(10, 10))
    bent[KEYPOINT_NAMES.index("left_wrist"), 2] = 0.1
    assert joint_angles(bent, 0.2) == {}
    assert joint_angles(keypoints(left_shoulder=(0, 0), left_elbow=(0, 0), left_wrist=(10, 10)), 0.2) == {}


@given(st.lists(st.tuples(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4)), min_size=17, max_size=17))
def test_angles_lie_between_0_and_180(places: list[tuple[float, float]]) -> None:
    rows = np.array([(x, y, 1.0) for x, y in places], np.float32)
    found = joint_angles(rows, 0.2)
    assert set(found) <= set(ANGLES)
    assert all(0 <= angle <= 180 for angle in found.values())


def test_angles_are_given_on_demand() -> None:
    (person,) = poses(people((100, 50, 180, 250, 0.9)), angles=True)
    assert set(person.angles) == set(ANGLES)


@pytest.mark.parametrize(
    "settings", [{"score": 2}, {"min_keypoint_score": -1}, {"max_people": 0}, {"score": float("nan")}]
)
def test_impossible_settings_are_wrong_usage(settings: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"--{next(iter(settings)).replace('_', '-')}"):
        PoseTask(ROW, Standing(), None, **settings)


def test_an_impossible_person_score_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="--person-score"):
        build(ROW, person_score=1.5)


def test_a_long_thin_picture_needs_no_square_of_its_length() -> None:
    task = PoseTask(ROW, Standing(), None)
    (answer,) = task.predict([task.prepare(Picture(Image.new("RGB", (3, 100_000)), 1.0))])
    (person,) = answer.predictions
    assert person.keypoints[0].y == pytest.approx(100_000 / 18, rel=0.01)


@pytest.mark.parametrize("single", [True, False])
def test_the_network_answers_alike_whatever_the_batch(single: bool) -> None:
    task = load("pose", single=single, person_score=0.05, score=0.0).task
    prepared = [task.prepare(Picture(make_picture(n, (160, 120)), 1.0)) for n in range(5)]
    together = task.predict(prepared)
    for one, answer in zip(prepared, together, strict=True):
        (alone,) = task.predict([one])
        assert len(alone.predictions) == len(answer.predictions)
        for a, b in zip(alone.predictions, answer.predictions, strict=True):
            got, want = (np.array([(k.x, k.y, k.score) for k in p.keypoints]) for p in (a, b))
            np.testing.assert_allclose(got, want, atol=1e-3)


@pytest.mark.shared_data
def test_results_evaluate_by_pycocotools_as_they_are(shared_data: Path, vision: Any, tmp_path: Path) -> None:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    truth = shared_data / "coco" / "person_keypoints.json"
    names = [i["file_name"] for i in json.loads(truth.read_text())["images"]][:12]
    pictures = [shared_data / "coco" / "images" / name for name in names]
    ended = vision("pose", *pictures, "-o", "out", "-f", "coco", "--images", truth, "--annotated", "none", "-q")
    assert ended.status == 0
    official = COCO(str(truth))
    evaluation = COCOeval(official, official.loadRes(str(tmp_path / "out" / "predictions.coco.json")), "keypoints")
    evaluation.params.imgIds = [i for i, image in official.imgs.items() if image["file_name"] in names]
    evaluation.evaluate(), evaluation.accumulate(), evaluation.summarize()
    assert evaluation.stats[1] > 0.6


@pytest.mark.parametrize(("tta", "looks"), [("none", 1), ("crops", 2), ("flip", 2)])
def test_crops_are_mirrored_unless_nothing_is(tta: str, looks: int) -> None:
    engine = Standing()
    task = PoseTask(ROW, engine, None, tta=tta)
    task.predict([task.prepare(Picture(make_picture(0), 1.0))])
    assert engine.crops == looks


def test_flip_reaches_the_detector_and_crops_alone_do_not() -> None:
    seen = {tta: build(ROW, tta=tta).settings["detector"]["tta"] for tta in ("none", "crops", "flip")}
    assert seen == {"none": "none", "crops": "none", "flip": "flip"}


def test_people_are_found_by_the_detectors_that_are_named() -> None:
    task = load("pose", detector="ssd_mobilenet_v2").task
    assert [row["name"] for row in task.settings["networks"]] == ["movenet_lightning", "ssd_mobilenet_v2"]
