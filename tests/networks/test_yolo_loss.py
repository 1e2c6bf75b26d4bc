import numpy as np
import pytest
import torch
from torch import Tensor

from visioncli.networks.anchors import YOLO_ANCHORS
from visioncli.networks.yolo_loss import losses
from visioncli.networks.yolov3 import build
from visioncli.tasks.detect.yolo import decode

ANCHORS, SIZE = YOLO_ANCHORS["tiny"], 128
BOXES = torch.tensor([[10.0, 12.0, 32.0, 40.0], [10.0, 20.0, 95.0, 100.0]])
"""The first is of the fine map's shapes, the second of the coarse one's."""
TARGET = {"boxes": BOXES, "labels": torch.tensor([1, 0])}


def empty(objectness: float = -12.0) -> list[Tensor]:
    maps = [torch.zeros(1, 3, 7, n, n) for n in (4, 8)]
    for one in maps:
        one[:, :, 4] = objectness
    return maps


def told() -> list[Tensor]:
    """Maps that say what is in `TARGET`, sure of it."""
    maps = empty()
    for box, label, n, (anchor, shape), cells in (
        (BOXES[0], 1, 1, (0, (23, 27)), 8),
        (BOXES[1], 0, 0, (0, (81, 82)), 4),
    ):
        at = (box[:2] + box[2:]) / 2 * cells / SIZE
        column, row = int(at[0]), int(at[1])
        place = maps[n][0, anchor, :, row, column]
        place[:2] = torch.logit(at - torch.tensor([column, row]))
        place[2:4] = torch.log((box[2:] - box[:2]) / torch.tensor(shape))
        place[4] = 12.0
        place[5:] = -12.0
        place[5 + label] = 12.0
    return maps


def loss(maps: list[Tensor], *targets: dict[str, Tensor]) -> dict[str, float]:
    flat = [one.reshape(len(one), 21, *one.shape[3:]) for one in maps]
    return {name: float(part) for name, part in losses(flat, targets, ANCHORS, SIZE).items()}


def test_maps_that_say_the_truth_are_decoded_to_it_and_cost_next_to_nothing() -> None:
    maps = told()
    boxes, _, classes = decode([one[0].reshape(21, *one.shape[3:]).numpy() for one in maps], ANCHORS, SIZE, 0.5)
    order = np.argsort(boxes[:, 1])
    np.testing.assert_allclose(boxes[order], BOXES.numpy(), atol=1e-3)
    assert classes[order].tolist() == [1, 0]
    parts = loss(maps, TARGET)
    assert parts["loss_objectness"] < 0.01 and parts["loss_classifier"] < 0.01
    # A sigmoid that says a share of a cell leaves that share's own entropy.
    entropy = 0.0
    for box, cells in ((BOXES[0], 8), (BOXES[1], 4)):
        share = ((box[:2] + box[2:]) / 2 * cells / SIZE) % 1
        weight = 2 - (box[2:] - box[:2]).prod() / SIZE**2
        entropy += float(weight * -(share * share.log() + (1 - share) * (1 - share).log()).nan_to_num().sum())
    assert parts["loss_box_reg"] == pytest.approx(entropy, abs=1e-4)


@pytest.mark.parametrize(
    ("channel", "part"), [(0, "loss_box_reg"), (3, "loss_box_reg"), (4, "loss_objectness"), (6, "loss_classifier")]
)
def test_each_part_notices_its_own_mistake(channel: int, part: str) -> None:
    maps = told()
    right = loss(maps, TARGET)
    maps[1][0, 0, channel, 1, 1] -= 14.0
    wrong = loss(maps, TARGET)
    assert wrong[part] > right[part] + 0.5
    others = {"loss_classifier", "loss_box_reg"} - {part}
    assert all(wrong[name] == pytest.approx(right[name], abs=1e-4) for name in others)


def test_a_place_that_finds_an_object_of_another_s_learns_nothing() -> None:
    maps = told()
    before = loss(maps, TARGET)["loss_objectness"]
    maps[1][0, 1, 2:4, 1, 1] = torch.log(torch.tensor([22 / 37, 28 / 58]))  # the same box, of the next anchor
    maps[1][0, 1, :2, 1, 1] = maps[1][0, 0, :2, 1, 1]
    maps[1][0, 1, 4, 1, 1] = 3.0
    assert loss(maps, TARGET)["loss_objectness"] == pytest.approx(before, abs=1e-3)
    maps[1][0, 1, 4, 3, 3] = 3.0  # far from any
    assert loss(maps, TARGET)["loss_objectness"] > before + 2


def test_pictures_without_objects_learn_that_there_are_none() -> None:
    nothing = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.long)}
    parts = loss(empty(0.0), nothing)
    assert (parts["loss_box_reg"], parts["loss_classifier"]) == (0, 0)
    assert parts["loss_objectness"] == pytest.approx(3 * (16 + 64) * np.log(2), rel=1e-5)


def test_losses_are_means_over_pictures() -> None:
    maps, twice = told(), [torch.cat([one, one]) for one in told()]
    maps[1][0, 0, 6, 1, 1] = twice[1][0, 0, 6, 1, 1] = twice[1][1, 0, 6, 1, 1] = -3.0
    assert loss(twice, TARGET, TARGET) == pytest.approx(loss(maps, TARGET), rel=1e-5)


def test_it_learns_where_an_object_is() -> None:
    torch.manual_seed(0)
    network = build("tiny", "2").train()
    x = torch.zeros(2, 3, SIZE, SIZE)
    x[:, :, 12:40, 10:32] = 1.0
    target = {"boxes": BOXES[:1], "labels": torch.tensor([1])}
    optimiser = torch.optim.Adam(network.parameters(), 1e-3)
    totals = []
    for _ in range(15):
        total = sum(losses(network(x), [target, target], ANCHORS, SIZE).values(), torch.zeros(()))
        optimiser.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        totals.append(total.item())
    assert totals[-1] < totals[0] / 2
