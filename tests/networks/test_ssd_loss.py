import numpy as np
import pytest
import torch
from torch import Tensor

from visioncli.networks.anchors import decode_boxes, ssd_anchors
from visioncli.networks.ssd_loss import (
    corners,
    decode,
    encode,
    focal_loss,
    generalised_iou_loss,
    losses,
    match,
    overlaps,
)

ANCHORS = torch.from_numpy(ssd_anchors().copy())
BOXES = torch.tensor([[0.1, 0.2, 0.4, 0.5], [0.55, 0.5, 0.62, 0.58]])
TARGET = {"boxes": BOXES, "labels": torch.tensor([1, 2])}


def told() -> tuple[Tensor, Tensor]:
    """Codes and logits that say what is in `TARGET`, sure of it."""
    place = match(BOXES, corners(ANCHORS))
    own = place >= 0
    codes, logits = torch.zeros(1, len(ANCHORS), 4), torch.full((1, len(ANCHORS), 3), -12.0)
    codes[0, own] = encode(BOXES[place[own]], ANCHORS[own])
    logits[0, own, TARGET["labels"][place[own]]] = 12.0
    return codes, logits


def total(codes: Tensor, logits: Tensor, target: dict[str, Tensor]) -> dict[str, float]:
    found = losses(codes, logits, [target], ANCHORS, ANCHORS)
    return {name: float(part) for name, part in found.items()}


def test_codes_are_those_that_detection_decodes() -> None:
    some = ANCHORS[[5, 900, 1500]]
    boxes = torch.tensor([[0.1, 0.2, 0.4, 0.5], [0.3, 0.3, 0.5, 0.9], [0.0, 0.0, 1.0, 1.0]])
    codes = encode(boxes, some)
    assert decode_boxes(codes.numpy(), some.numpy()) == pytest.approx(boxes.numpy(), abs=1e-6)
    assert torch.allclose(decode(codes, some), boxes, atol=1e-6)


def test_every_box_has_an_anchor_and_the_rest_is_background_but_for_what_is_unsure() -> None:
    shapes = corners(ANCHORS)
    place = match(BOXES, shapes)
    iou = overlaps(BOXES, shapes)
    assert set(place.tolist()) == {-2, -1, 0, 1}
    assert (place[iou.max(0).values >= 0.5] >= 0).all()
    assert [int(place[iou[n].argmax()]) for n in (0, 1)] == [0, 1]
    unsure = place == -2
    assert ((iou.max(0).values[unsure] >= 0.4) & (iou.max(0).values[unsure] < 0.5)).all()
    assert (match(torch.zeros(0, 4), shapes) == -1).all()


def test_of_two_boxes_with_one_best_anchor_the_smaller_one_has_it() -> None:
    shapes = torch.tensor([[0.4, 0.4, 0.6, 0.6], [0.0, 0.0, 0.1, 0.1]])
    boxes = torch.tensor([[0.45, 0.45, 0.55, 0.55], [0.3, 0.3, 0.7, 0.7]])
    assert match(boxes, shapes).tolist() == [0, -1]


def test_what_is_right_costs_nothing_and_every_mistake_something() -> None:
    codes, logits = told()
    right = total(codes, logits, TARGET)
    assert right["loss_box_reg"] == pytest.approx(0, abs=1e-5)
    assert right["loss_classifier"] == pytest.approx(0, abs=1e-5)
    assert total(codes + 1, logits, TARGET)["loss_box_reg"] > 0.1
    other = {"boxes": BOXES, "labels": torch.tensor([2, 1])}
    assert total(codes, logits, other)["loss_classifier"] > 1
    missed = total(codes, torch.full_like(logits, -12.0), TARGET)
    assert missed["loss_classifier"] > 1
    nothing = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)}
    found = total(codes, logits, nothing)
    assert found["loss_box_reg"] == 0
    assert found["loss_classifier"] > 1


def test_the_background_column_learns_nothing() -> None:
    codes, logits = told()
    logits[..., 0] = 5.0
    logits.requires_grad = True
    found = losses(codes, logits, [TARGET], ANCHORS, ANCHORS)
    found["loss_classifier"].backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert (logits.grad[..., 0] == 0).all()


def test_the_focal_loss_forgets_what_is_easy() -> None:
    easy, hard = focal_loss(torch.tensor([-4.0, 1.0]), torch.zeros(2)).tolist()
    cross = torch.nn.functional.softplus(torch.tensor([-4.0, 1.0]))
    chance = torch.sigmoid(torch.tensor([-4.0, 1.0]))
    assert [easy, hard] == pytest.approx((0.75 * chance**2 * cross).tolist(), rel=1e-5)


def test_generalised_iou_grows_with_the_distance_of_boxes_that_do_not_meet() -> None:
    box = torch.tensor([[0.0, 0.0, 1.0, 1.0]])
    near, far = torch.tensor([[2.0, 0.0, 3.0, 1.0]]), torch.tensor([[4.0, 0.0, 5.0, 1.0]])
    assert float(generalised_iou_loss(box, box)) == pytest.approx(0)
    # Of 3 and of 5 around, 2 are of the boxes.
    assert float(generalised_iou_loss(box, near)) == pytest.approx(1 + 1 / 3)
    assert float(generalised_iou_loss(box, far)) == pytest.approx(1 + 3 / 5)
    assert np.isfinite(float(generalised_iou_loss(box, torch.zeros(1, 4))))
