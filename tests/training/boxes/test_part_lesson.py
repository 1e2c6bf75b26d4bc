"""Whole runs that learn masks and keypoints: small networks of torchvision's parts, pictures that are drawn."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from killed_runs import KilledAt, same, tensors
from small_rcnn import SHAPES, draw_shapes, draw_sticks, instead, published
from visioncli import load, train
from visioncli.errors import UsageError
from visioncli.labelled.boxes import read_boxes
from visioncli.labelled.interface import SetError
from visioncli.training.boxes.scores import part_numbers
from visioncli.training.train import Run, Where
from visioncli.training.watch import read_log
from visioncli.weights.checkpoints import _shapes

MASKS, POINTS = "maskrcnn_resnet50_fpn", "keypointrcnn_resnet50_fpn"


@pytest.fixture(scope="module", autouse=True)
def patch() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as one:
        instead(one)
        yield one
    _shapes.cache_clear()


def small(data: Path, out: Path, model: str, **choices: Any) -> Run:
    plain: dict[str, Any] = {"start": "scratch", "epochs": 1, "batch_size": 4, "size": 64, "allow_leaks": True}
    run = train(data, out, task="detect", model=model, where=Where(threads=1), **(plain | choices))
    assert run is not None
    return run


def long(data: Path, out: Path, model: str) -> Run:
    return small(data, out, model, epochs=12, rate=3e-3, patience=99)


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_shapes(tmp_path_factory.mktemp("shapes") / "set", 32)


@pytest.fixture(scope="module")
def sticks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_sticks(tmp_path_factory.mktemp("sticks") / "set", 32)


@pytest.fixture(scope="module")
def masked(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return long(shapes, tmp_path_factory.mktemp("masked") / "run", MASKS)


@pytest.fixture(scope="module")
def pointed(sticks: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return long(sticks, tmp_path_factory.mktemp("pointed") / "run", POINTS)


def epochs(run: Run) -> list[dict[str, Any]]:
    return [e for e in read_log(run.folder) if e["event"] == "epoch"]


def test_masks_are_learned_with_their_boxes(masked: Run) -> None:
    told = epochs(masked)
    assert told[-1]["loss"] < told[0]["loss"]
    assert masked.numbers["mask_AP"] == max(e["val_mask_ap"] for e in told) > told[0]["val_mask_ap"] + 0.2
    assert masked.numbers["AP"] > 0.2
    assert masked.classes == SHAPES
    card = (masked.folder / "MODEL_CARD.md").read_text()
    assert f"Masks, validation part: AP {masked.numbers['mask_AP']:.3f}" in card


def test_a_run_of_masks_detects_and_segments(masked: Run, shapes: Path) -> None:
    example = read_boxes(str(shapes)).examples[0].path
    boxes = load("detect", model=str(masked.folder), score=0.2)(example).predictions
    segments = load("segment", model=str(masked.folder), mode="instance", score=0.2)(example).predictions
    assert boxes and segments
    assert {one.label for one in (*boxes, *segments)} <= set(SHAPES)
    assert segments[0].area > 100


def test_keypoints_are_learned_with_their_boxes(pointed: Run) -> None:
    told = epochs(pointed)
    assert told[-1]["loss"] < told[0]["loss"]
    assert pointed.numbers["OKS_AP"] == max(e["val_oks_ap"] for e in told) > told[0]["val_oks_ap"] + 0.1
    assert "Keypoints, by OKS, validation part" in (pointed.folder / "MODEL_CARD.md").read_text()


def test_a_run_of_keypoints_gives_each_its_name_where_it_is(pointed: Run, sticks: Path) -> None:
    found = read_boxes(str(sticks), parts="keypoints")
    pose, errors = load("pose", model=str(pointed.folder), person_score=0.2), []
    for example, objects in zip(found.examples, found.objects, strict=True):
        record = pose(example.path)
        for one in (record.predictions or ())[:1]:
            assert [point.name for point in one.keypoints] == ["head", "tail"]
            assert one.label == "stick"
            places = np.array([[point.x, point.y] for point in one.keypoints])
            assert objects.points is not None
            errors.append(np.linalg.norm(places - objects.points[0, :, :2], axis=1))
    assert len(errors) > len(found) / 2
    assert np.median(errors) < 6  # of 64 pixels: anywhere in the stick's box would be about 15
    detected = load("detect", model=str(pointed.folder), score=0.2)(found.examples[0].path)
    assert {one.label for one in detected.predictions or ()} <= {"stick"}


@pytest.mark.parametrize("model", [MASKS, POINTS])
def test_a_run_that_was_killed_ends_with_the_same_tensors(
    shapes: Path, sticks: Path, tmp_path: Path, model: str
) -> None:
    data = shapes if model == MASKS else sticks
    whole = small(data, tmp_path / "whole", model, epochs=2)
    with pytest.raises(KeyboardInterrupt):
        small(data, tmp_path / "run", model, epochs=2, watcher=KilledAt(8))
    assert same(tensors(small(data, tmp_path / "run", model, epochs=2, resume=True).folder), tensors(whole.folder))


def test_frozen_layers_stay_and_what_is_published_of_a_class_is_taken_over(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = published(monkeypatch, MASKS)
    own = tensors(small(shapes, tmp_path / "run", MASKS, start="pretrained").folder)
    body = [name for name in own if name.startswith("backbone.body")]
    assert body and all(same({"": known[name]}, {"": own[name]}) for name in body)
    assert own["roi_heads.mask_predictor.mask_fcn_logits.weight"].shape[0] == len(SHAPES) + 1
    changed = "roi_heads.mask_head.0.0.weight"
    assert not same({"": known[changed]}, {"": own[changed]})


def test_a_trained_network_is_learned_further(masked: Run, shapes: Path, tmp_path: Path) -> None:
    further = small(shapes, tmp_path / "run", str(masked.folder), start="pretrained")
    assert further.numbers["mask_AP"] >= masked.numbers["mask_AP"] - 5e-3


def test_data_without_what_is_learned_name_the_network_for_them(tmp_path: Path) -> None:
    boxes = draw_shapes(tmp_path / "boxes", 4, outlines=False)
    with pytest.raises(SetError, match=r"it has no mask.*fasterrcnn_resnet50_fpn"):
        small(boxes, tmp_path / "run", MASKS)
    with pytest.raises(SetError, match=r"no keypoints.*fasterrcnn_resnet50_fpn"):
        small(boxes, tmp_path / "run", POINTS)
    assert not (tmp_path / "run").exists()


def test_other_networks_for_poses_are_refused(shapes: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"movenet_lightning .*detect"):
        small(shapes, tmp_path / "run", "movenet_lightning")


def test_what_is_right_in_every_pixel_has_an_ap_of_one(shapes: Path, sticks: Path) -> None:
    for data, parts in ((shapes, "masks"), (sticks, "keypoints")):
        found = read_boxes(str(data), parts=parts)  # type: ignore[arg-type]
        rows = np.array([[n, *one.boxes[0], 0.9, one.labels[0]] for n, one in enumerate(found.objects)])
        true = [(one.masks or (None,))[0] if one.points is None else one.points[0] for one in found.objects]
        assert part_numbers(found, np.arange(len(found)), rows, true) == {"AP": 1.0, "AP50": 1.0}
        none = part_numbers(found, np.arange(len(found)), rows[:0], [])
        assert none == {"AP": 0.0, "AP50": 0.0}
