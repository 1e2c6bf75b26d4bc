from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.models.resnet import resnet50

from run_folders import row_of, seeded
from visioncli import load
from visioncli.anatomy.layers import layer_table
from visioncli.models import registry
from visioncli.networks.rfcn import PARTS, RFCN, PositionSensitiveMaps, Split, build, pretrained
from visioncli.weights.runs import write_model


def small(classes: int = 3) -> RFCN:
    torch.manual_seed(0)
    return RFCN(classes, shorter=96, longer=160)


def test_the_row_tells_its_size() -> None:
    row = registry.find("rfcn_resnet50")
    table = layer_table(row)
    assert table.parameters == row.parameters
    assert table.multiply_adds / 1e9 == pytest.approx(row.gflops, rel=1e-3)


def test_each_part_of_a_region_is_taken_from_the_maps_made_for_it() -> None:
    maps = PositionSensitiveMaps(1)
    # Each map is flat and says its own number: 0 to 48 for the one class, then four times as many for boxes.
    with torch.no_grad():
        for layer in (maps.scores, maps.boxes):
            layer.weight.zero_()
            layer.bias.copy_(torch.arange(float(layer.out_channels)))  # type: ignore[union-attr]
        votes = maps({"telling": torch.zeros(1, 1024, 14, 14)}, [torch.tensor([[0.0, 0.0, 224.0, 224.0]])], None)
    parts = PARTS * PARTS
    expected = [(n * parts + (n + 1) * parts - 1) / 2 for n in range(1)] + [
        (n * parts + (n + 1) * parts - 1) / 2 for n in range(4)
    ]
    assert votes[0].tolist() == pytest.approx(expected)


def test_an_object_scores_where_its_parts_are_in_their_places() -> None:
    maps = PositionSensitiveMaps(1)
    with torch.no_grad():
        maps.scores.weight.zero_()
        # The map of a region's upper left part answers to feature 0, no other map to anything.
        maps.scores.weight[0, 0] = float(PARTS * PARTS)
        features = torch.zeros(1, 1024, 28, 28)
        features[0, 0, :14, :14] = 1.0
        regions = torch.tensor([[112.0, 112.0, 336.0, 336.0], [224.0, 224.0, 448.0, 448.0]])
        scores = maps({"telling": features}, [regions], None)[:, 0]
    assert scores[0] == pytest.approx(1, abs=1e-5)  # its upper left seventh lies in the lit corner
    assert scores[1] == pytest.approx(0, abs=1e-5)


def test_regions_at_the_edge_are_seen_to_their_end() -> None:
    maps = PositionSensitiveMaps(1)
    with torch.no_grad():
        maps.scores.weight.zero_()
        maps.scores.bias.fill_(1.0)  # type: ignore[union-attr]
        regions = torch.tensor([[0.0, 0.0, 96.0, 96.0], [30.0, 73.5, 61.0, 96.0], [80.0, 20.0, 96.0, 40.0]])
        regions = torch.cat([regions, torch.tensor([[17.0, 92.0, 37.0, 96.0]])])
        scores = maps({"telling": torch.zeros(1, 1024, 6, 6)}, [regions], None)[:, 0]
    assert scores.tolist() == pytest.approx([1.0] * 4)


def test_box_codes_are_the_same_for_every_class() -> None:
    logits, codes = Split()(torch.arange(14.0).reshape(2, 7))
    assert logits.tolist() == [[0, 1, 2], [7, 8, 9]]
    assert codes[1].tolist() == [10, 11, 12, 13] * 3


def test_training_gives_the_losses_of_two_stages_and_they_fall() -> None:
    network = small().train()
    picture = torch.zeros(3, 96, 128)
    picture[:, 30:70, 40:100] = 1
    target = {"boxes": torch.tensor([[40.0, 30.0, 100.0, 70.0]]), "labels": torch.tensor([2])}
    optimiser = torch.optim.Adam(network.parameters(), 1e-4)
    totals = []
    for _ in range(6):
        losses = network([picture, picture], [target, target])
        assert losses.keys() == {"loss_classifier", "loss_box_reg", "loss_objectness", "loss_rpn_box_reg"}
        total = sum(losses.values())
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
        totals.append(float(total.detach()))
    assert totals[-1] < totals[0]
    missing = [n for n, p in network.named_parameters() if p.grad is None and not n.startswith("backbone.fc")]
    assert missing == []


def test_a_picture_gives_boxes_inside_it() -> None:
    network = small().eval()
    network.roi_heads.score_thresh = 0.0
    with torch.inference_mode():
        boxes, labels, scores = network(torch.rand(1, 3, 50, 90))
    count = boxes.shape[1]
    assert boxes.shape == (1, count, 4) and labels.shape == scores.shape == (1, count)
    assert count > 0 and set(labels.flatten().tolist()) <= {1, 2}
    assert (boxes >= 0).all() and (boxes[..., [0, 2]] <= 90).all() and (boxes[..., [1, 3]] <= 50).all()


def test_a_run_folder_of_it_detects(tmp_path: Path) -> None:
    row = row_of("rfcn_resnet50", labels=("background", "cat", "dog"))
    row = write_model(tmp_path / "run", row, seeded(row).state_dict(), {})
    assert row.labels == ((1, "cat"), (2, "dog"))
    record = load("detect", str(tmp_path / "run"), score=0.05)(np.zeros((40, 60, 3), np.uint8))
    assert {p.label for p in record.predictions or ()} <= {"cat", "dog"}


def test_its_backbone_begins_with_torchvision_s(monkeypatch: pytest.MonkeyPatch) -> None:
    known = resnet50(weights=None).eval()
    monkeypatch.setattr("visioncli.weights.load.load_network", lambda row: known)
    body = pretrained("resnet50", "3").backbone
    for ours, theirs in ((body.stem[0], known.conv1), (body.stem[1], known.bn1), (body.layer4, known.layer4)):
        assert all(torch.equal(t, theirs.state_dict()[n]) for n, t in ours.state_dict().items())


def test_there_is_one_variant() -> None:
    with pytest.raises(ValueError, match="no 'resnet18'"):
        build("resnet18")
