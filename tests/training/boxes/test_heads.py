import dataclasses

import torch

from visioncli.models import registry
from visioncli.training.boxes.heads import carried_over, fresh, known_columns
from visioncli.training.rows import with_classes


def test_classes_are_known_by_their_names() -> None:
    ssd, yolo = registry.find("ssdlite320_mobilenet_v3_large"), registry.find("yolov3")
    ours = with_classes(ssd, ("Dog", "gnome"))
    # COCO's ids have gaps, which networks with a class for nothing keep: a dog is 18 there, and the 17th of 80.
    assert known_columns(ssd, ours, background=True) == [0, 18, None]
    assert known_columns(yolo, with_classes(yolo, ("Dog", "gnome")), background=False, gaps=False) == [16, None]


def test_nothing_is_known_of_classes_that_nobody_named() -> None:
    base = registry.find("yolov3")
    nameless = dataclasses.replace(base, architecture="yolov3:full:3")
    assert known_columns(nameless, with_classes(base, ("dog",)), background=False, gaps=False) == [None]


def test_rows_of_a_yolo_head_are_taken_over_by_anchor_and_class() -> None:
    base = with_classes(registry.find("yolov3_tiny"), ("cat", "dog"))
    row = with_classes(base, ("dog", "owl", "bat"))
    old, new = (fresh(one, seed).state_dict() for seed, one in enumerate((base, row)))
    state = carried_over(old, new, row, [1, None, None], apart=5, anchors_first=True)
    told, known, begun = (one["coarse.weight"].view(3, -1, 512) for one in (state, old, new))
    assert torch.equal(told[:, :5], known[:, :5])
    assert torch.equal(told[:, 5], known[:, 6])
    assert torch.equal(told[:, 6:], begun[:, 6:])
    assert torch.equal(state["neck.conv.weight"], old["neck.conv.weight"])
    assert {name: tensor.shape for name, tensor in state.items()} == {n: t.shape for n, t in new.items()}


def test_rows_of_a_two_stage_head_are_taken_over_by_class() -> None:
    base = with_classes(registry.find("fasterrcnn_mobilenet_v3_large_320_fpn"), ("cat", "dog"))
    row = with_classes(base, ("dog", "owl", "bat"))
    old, new = (fresh(one, seed).state_dict() for seed, one in enumerate((base, row)))
    state = carried_over(old, new, row, [0, 2, None, None])
    scores, boxes = (f"roi_heads.box_predictor.{name}.weight" for name in ("cls_score", "bbox_pred"))
    assert torch.equal(state[scores][[0, 1]], old[scores][[0, 2]])
    assert torch.equal(state[scores][2:], new[scores][2:])
    assert torch.equal(state[boxes][4:8], old[boxes][8:12])
    assert torch.equal(state[boxes][8:], new[boxes][8:])


def test_position_sensitive_maps_are_taken_over_by_class() -> None:
    base = with_classes(registry.find("rfcn_resnet50"), ("cat", "dog"))
    row = with_classes(base, ("dog",))
    old, new = (fresh(one, seed).state_dict() for seed, one in enumerate((base, row)))
    state = carried_over(old, new, row, [0, 2])
    name = "roi_heads.box_roi_pool.scores.weight"
    assert torch.equal(state[name], torch.cat([old[name][:49], old[name][98:]]))
