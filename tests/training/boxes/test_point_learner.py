import dataclasses
from collections.abc import Iterator

import pytest
import torch

from small_rcnn import build, instead, published
from visioncli.labelled.coco_points import PointNames
from visioncli.models import registry
from visioncli.training.boxes.learners import learner_class
from visioncli.training.boxes.point_learner import PointLearner, names_of
from visioncli.training.recipe import Start
from visioncli.training.rows import with_classes, with_points
from visioncli.weights.checkpoints import _shapes

NAME = "keypointrcnn_resnet50_fpn"
MAPS = "roi_heads.keypoint_predictor.kps_score_lowres."


@pytest.fixture(autouse=True)
def small() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as one:
        instead(one)
        yield one
    _shapes.cache_clear()


def test_its_architecture_says_how_many_keypoints_it_finds() -> None:
    base = registry.find(NAME)
    assert learner_class(base) is PointLearner
    row = with_points(with_classes(base, ("cow", "sheep")), PointNames(("nose", "tail"), ((0, 1),)))
    assert row.architecture == f"torchvision:{NAME}/2:3"
    assert (row.tasks, row.points, row.limbs) == (("detect", "pose"), ("nose", "tail"), ((0, 1),))
    again = with_points(with_classes(row, ("cow",)), PointNames(("nose", "tail", "hoof")))
    assert again.architecture == f"torchvision:{NAME}/3:2"
    plain = with_points(with_classes(base, ("person",)), PointNames(names_of(base)))
    assert (plain.architecture, plain.points) == (f"torchvision:{NAME}:2", ())


def test_keypoints_of_the_same_name_are_taken_over(small: pytest.MonkeyPatch) -> None:
    known = published(small, NAME)
    base = registry.find(NAME)
    row = with_points(with_classes(base, ("person",)), PointNames(("left_wrist", "handle", "nose")))
    state = PointLearner.first_state(base, row, 0, Start.PRETRAINED)
    assert state.keys() == build(f"{NAME}/3", "2").state_dict().keys()
    wrist, nose = names_of(base).index("left_wrist"), names_of(base).index("nose")
    assert torch.equal(state[f"{MAPS}weight"][:, 0], known[f"{MAPS}weight"][:, wrist])
    assert torch.equal(state[f"{MAPS}weight"][:, 2], known[f"{MAPS}weight"][:, nose])
    assert not torch.equal(state[f"{MAPS}weight"][:, 1], known[f"{MAPS}weight"][:, 1])
    person = "roi_heads.box_predictor.cls_score.weight"
    assert torch.equal(state[person], known[person])


def test_it_knows_persons_with_keypoints_that_it_knows() -> None:
    base = registry.find(NAME)
    for label, names, knows in (
        ("person", ("nose",), True),
        ("person", ("hat",), False),
        ("cow", ("nose",), False),
    ):
        row = with_points(with_classes(base, (label,)), PointNames(names))
        assert PointLearner.settings(base, row, None, None, Start.PRETRAINED) == {"knows": knows}
    untold = dataclasses.replace(base, labels="coco")
    assert untold == base
