from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from onnx_files import constant
from visioncli import load
from visioncli.models import registry
from visioncli.models.labels import load_labels
from visioncli.pictures import Picture
from visioncli.tasks.detect.detectors import Boxes, Detector, Limits
from visioncli.tasks.detect.task import Detect
from visioncli.tasks.detect.together import Member, Together

ROW = registry.find("ssd_mobilenet_v2", "detect")
SAMPLES = Path(__file__).parents[3] / "sample_images"
RED, GREEN = (255, 0, 0), (0, 255, 0)


class Spots(Detector):
    """Finds the rectangle of one colour, `off` pixels beside where it is, as a class of that score."""

    def __init__(self, colour: tuple[int, int, int], label: int, score: float, off: int = 0) -> None:
        self.colour, self.label, self.score, self.off = colour, label, score, off
        self.limits: list[Limits] = []
        self.seen: list[np.ndarray] = []

    def prepare(self, image: Image.Image) -> np.ndarray:
        return np.asarray(image)

    def detect(self, inputs: Sequence[Any], sizes: Sequence[tuple[int, int]], limits: Limits) -> list[Boxes]:
        self.limits.append(limits)
        self.seen += inputs
        assert [(x.shape[1], x.shape[0]) for x in inputs] == list(sizes)
        return [self._one(x, limits) for x in inputs]

    def _one(self, rgb: np.ndarray, limits: Limits) -> Boxes:
        rows, columns = np.nonzero((rgb == self.colour).all(2))
        if not len(rows) or (limits.classes is not None and self.label not in limits.classes):
            return Boxes(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))
        box = [columns.min() + self.off, rows.min(), columns.max() + 1 + self.off, rows.max() + 1]
        return Boxes(np.array([box], np.float32), np.array([self.score], np.float32), np.array([self.label]))


def picture(width: int = 80, height: int = 60, spot: tuple[int, int, int, int] = (10, 10, 40, 50)) -> Picture:
    rgb = np.zeros((height, width, 3), np.uint8)
    x1, y1, x2, y2 = spot
    rgb[y1:y2, x1:x2] = RED
    return Picture(Image.fromarray(rgb), 1.0)


def found(detector: Detector, *pictures: Picture, **settings: Any) -> list[list[Any]]:
    task = Detect(ROW, detector, **({"score": 0.0} | settings))
    return [list(a.predictions) for a in task.predict([task.prepare(p) for p in pictures])]


def test_two_detectors_give_one_box_between_theirs() -> None:
    both = Together([Member(Spots(RED, 1, 0.9)), Member(Spots(RED, 1, 0.3, off=4))], flip=False)
    ((one,),) = found(both, picture())
    assert one.box == pytest.approx((11, 10, 41, 50))
    assert one.score == pytest.approx(0.6)


def test_a_mirror_image_is_searched_and_its_boxes_are_turned_back() -> None:
    spots = Spots(RED, 1, 0.8, off=2)
    ((one,),) = found(Together([Member(spots)], flip=True), picture())
    # Two pixels to the right in the picture, two to the left as its mirror image is turned back.
    assert one.box == pytest.approx((10, 10, 40, 50))
    assert one.score == pytest.approx(0.8)
    plain, mirror = spots.seen
    assert (plain[:, ::-1] == mirror).all()


def test_what_is_fused_does_not_depend_on_the_limits_of_the_answer() -> None:
    spots = Spots(RED, 1, 0.8)
    found(Together([Member(spots)], flip=True), picture(), score=0.7, max_detections=1)
    assert {(limits.score, limits.most) for limits in spots.limits} == {(0.05, 100)}


def test_the_score_limits_the_fused_boxes() -> None:
    both = [Member(Spots(RED, 1, 0.9)), Member(Spots(GREEN, 1, 0.9))]
    assert found(Together(both, flip=False), picture(), score=0.5) == [[]]
    assert len(found(Together(both, flip=False), picture(), score=0.4)[0]) == 1


def test_each_tile_is_fused_and_tiles_are_merged_as_usual() -> None:
    wide = picture(160, 60, (100, 10, 130, 50))
    both = Together([Member(Spots(RED, 1, 0.9)), Member(Spots(RED, 1, 0.3, off=4))], flip=True)
    ((one,),) = found(both, wide, tile="80:0.5")
    assert one.box == pytest.approx((100, 10, 130, 50), abs=2)


def test_neighbours_in_a_batch_change_nothing() -> None:
    both = Together([Member(Spots(RED, 1, 0.9)), Member(Spots(RED, 2, 0.3, off=4))], flip=True)
    pictures = [picture(), picture(90, 70, (5, 5, 30, 60)), picture(100, 50, (60, 5, 90, 40))]
    assert found(both, *pictures) == [found(both, one)[0] for one in pictures]


def test_ids_of_another_numbering_become_the_first_ones() -> None:
    person, dog = 1, 18
    other = Spots(RED, 0, 0.8)
    member = Member(other, ids={0: dog, 5: person})
    both = Together([Member(Spots(RED, dog, 0.6)), member], flip=False)
    ((one,),) = found(both, picture(), classes="dog")
    assert (one.label, one.label_id) == ("dog", dog)
    assert one.score == pytest.approx(0.7)
    assert other.limits[0].classes == frozenset({0})
    assert found(both, picture(), classes="person") == [[]]


def test_log_odds_raise_a_members_scores_before_the_mean() -> None:
    both = Together([Member(Spots(RED, 1, 0.5)), Member(Spots(RED, 1, 0.5), log_odds=np.log(3))], flip=False)
    ((one,),) = found(both, picture())
    assert one.score == pytest.approx((0.5 + 0.75) / 2)


def test_as_many_threads_as_the_slowest_member_can_use() -> None:
    one, other = Spots(RED, 1, 0.5), Spots(RED, 1, 0.5)
    one.parallel, other.parallel = 4, 2
    assert Together([Member(one), Member(other)], flip=False).parallel == 2


def test_the_embedded_detector_says_the_same_of_a_picture_and_its_mirror_image() -> None:
    with Image.open(SAMPLES / "coffee.png") as image:
        image.load()
    detector = load("detect", tta="flip", score=0.2)
    one, other = detector(image), detector(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    assert one.predictions is not None
    assert other.predictions is not None
    assert {p.label for p in one.predictions} >= {"cup", "dining table"}
    assert [p.label_id for p in one.predictions] == [p.label_id for p in other.predictions]
    for here, there in zip(one.predictions, other.predictions, strict=True):
        x1, y1, x2, y2 = there.box
        assert here.score == pytest.approx(there.score, abs=0.02)
        assert here.box == pytest.approx((image.width - x2, y1, image.width - x1, y2), abs=2)


def test_the_record_names_every_member_and_its_weights() -> None:
    task = Detect(ROW, Spots(RED, 1, 0.5), others=[registry.find("retinanet_resnet50_fpn", "detect")])
    assert task.model.name == "ssd_mobilenet_v2+retinanet_resnet50_fpn"
    assert (task.model.weights_sha256 or "").startswith(f"{ROW.source.sha256}+")
    assert task.labels == load_labels("coco")


@pytest.fixture
def own_detector(tmp_path: Path) -> str:
    """An ONNX file that numbers COCO's 80 classes from 0 and sees one bird, whatever it is shown."""
    names = list(load_labels("coco").values())
    answer = np.zeros((1, 20, 84), np.float32)
    answer[0, 0, :4] = (32, 32, 16, 16)
    answer[0, 0, 4 + names.index("bird")] = 0.9
    meta = {"names": str(dict(enumerate(names))), "task": "detect", "imgsz": "[64, 64]", "stride": "32"}
    return constant(tmp_path / "own.onnx", {"output0": answer}, **meta)


def test_networks_named_with_a_comma_or_a_plus_answer_together_in_any_order(own_detector: str) -> None:
    with Image.open(SAMPLES / "coffee.png") as image:
        image.load()
    names = "ssd_mobilenet_v2", own_detector
    one, other = (load("detect", mark.join(names), score=0.3)(image) for mark in (",", "+"))
    assert one.predictions == other.predictions
    assert one.model == other.model
    assert one.model is not None
    assert set(one.model.name.split("+")) == {"ssd_mobilenet_v2", load("detect", own_detector).task.model.name}
    assert len((one.model.weights_sha256 or "").split("+")) == 2
    assert one.predictions is not None
    found = {p.label: p.score for p in one.predictions}
    alone = {p.label: p.score for p in load("detect")(image).predictions or ()}
    # Each thing is seen by one of two networks alone.
    assert found["bird"] == pytest.approx(0.45)
    assert found["cup"] == pytest.approx(alone["cup"] / 2, abs=1e-4)
    assert {p.label_id for p in one.predictions if p.label == "bird"} == {16}


def test_both_networks_shape_the_key_that_resuming_compares(own_detector: str) -> None:
    both = load("detect", f"ssd_mobilenet_v2,{own_detector}").task
    assert len(both.settings["networks"]) == 2
    assert both.settings["tta"] == "none"
    assert load("detect", tta="flip").task.settings["tta"] == "flip"


def test_people_are_found_by_several_networks_together(own_detector: str) -> None:
    task = load("pose", detector=f"ssd_mobilenet_v2,{own_detector}").task
    assert set(task.settings["detector"]["name"].split("+")) >= {"ssd_mobilenet_v2"}
    assert len(task.settings["networks"]) == 3
    captions = load("caption", detector=f"ssd_mobilenet_v2,{own_detector}", tta="flip").task
    assert captions.settings["detector"]["tta"] == "flip"
    assert len(captions.settings["networks"]) == 3
