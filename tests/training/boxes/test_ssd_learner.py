from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from visioncli.models import registry
from visioncli.models.row import ModelRow
from visioncli.networks.anchors import ssd_anchors
from visioncli.networks.ssd_mobilenet_v2 import build
from visioncli.tasks.detect import ssd
from visioncli.training.boxes.ssd_learner import SsdLearner
from visioncli.training.recipe import Start, Unfreeze
from visioncli.training.rows import with_classes
from visioncli.weights.load import load_network
from visioncli.weights.runs import write_model

BASE = registry.find("ssd_mobilenet_v2", "detect")
SIDES = np.random.default_rng(0).uniform(0.1, 0.2, (200, 2))


def learner(classes: tuple[str, ...], start: Start = Start.PRETRAINED) -> tuple[SsdLearner, ModelRow]:
    row = with_classes(BASE, classes)
    network = build(str(len(classes) + 1))
    settings = SsdLearner.settings(BASE, row, SIDES, SIDES, start)
    network.load_state_dict(SsdLearner.first_state(BASE, row, 0, start, **settings))
    return SsdLearner(network, row, start, **settings), row


@pytest.fixture(scope="module")
def of_blocks() -> SsdLearner:
    return learner(("bright", "dark"))[0]


def picture(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (120, 160, 3), np.uint8)


def test_labels_begin_after_the_background() -> None:
    row = with_classes(BASE, ("bright", "dark"))
    assert row.architecture == "ssd_mobilenet_v2:3"
    assert row.labels == ((1, "bright"), (2, "dark"))
    assert row.tasks == ("detect", "gradcam")


def test_a_network_of_known_classes_answers_as_before() -> None:
    found, _ = learner(("dog", "cat"))
    assert found.knows
    assert np.array_equal(found.shapes.numpy(), ssd_anchors())
    x = torch.from_numpy(ssd.preprocess(_image()))[None]
    with torch.no_grad():
        codes, logits = found.network(x)
        base_codes, base_logits = load_network(BASE)(x)
    ids = [0, *(next(i for i, name in _coco() if name == wanted) for wanted in ("dog", "cat"))]
    assert torch.allclose(codes, base_codes, atol=1e-5)
    assert torch.allclose(logits, base_logits[..., ids], atol=1e-5)


def _image():  # type: ignore[no-untyped-def]
    from PIL import Image

    return Image.fromarray(picture())


def _coco() -> list[tuple[int, str]]:
    from visioncli.models.labels import load_labels

    return list(load_labels("coco").items())


def test_heads_of_new_classes_believe_in_nothing_and_boxes_begin_at_fitted_anchors(of_blocks: SsdLearner) -> None:
    assert not of_blocks.knows
    assert not np.array_equal(of_blocks.shapes.numpy(), ssd_anchors())
    with torch.no_grad():
        _, logits = of_blocks.network(torch.from_numpy(ssd.preprocess(_image()))[None])
    assert float(torch.sigmoid(logits[..., 1:]).mean()) == pytest.approx(0.01, abs=0.02)
    base, own = load_network(BASE).state_dict(), of_blocks.network.state_dict()
    assert torch.equal(own["box_heads.0.weight"], base["box_heads.0.weight"])
    moved = (own["box_heads.0.bias"] - base["box_heads.0.bias"]).reshape(3, 4)
    assert (moved[:, :2] == 0).all()
    assert (moved[:, 2:] != 0).any()


def test_heads_that_were_trained_go_on_at_their_own_anchors(tmp_path: Path) -> None:
    found, row = learner(("bright", "dark"))
    shapes = SsdLearner.settings(BASE, row, SIDES, SIDES, Start.PRETRAINED)["shapes"]
    state = found.network.state_dict()
    run = write_model(tmp_path / "run", row, state, {"learner": {"shapes": shapes}})
    same = SsdLearner.settings(run, row, SIDES * 2, SIDES, Start.PRETRAINED)
    assert same == {"shapes": shapes, "knows": True}
    on = SsdLearner.first_state(run, row, 0, Start.PRETRAINED, **same)
    assert all(torch.allclose(on[name], tensor) for name, tensor in state.items())
    # For other classes anchors are fitted anew, and the heads moved by what they differ.
    other = with_classes(BASE, ("grey",))
    fitted = SsdLearner.settings(run, other, SIDES * 0.8, SIDES, Start.PRETRAINED)
    moved = SsdLearner.first_state(run, other, 0, Start.PRETRAINED, **fitted)
    anew = SsdLearner.first_state(BASE, other, 0, Start.PRETRAINED, **fitted)
    assert not fitted["knows"]
    assert torch.allclose(moved["box_heads.0.bias"], anew["box_heads.0.bias"], atol=1e-5)


def test_the_same_seed_gives_the_same_heads_and_another_seed_others() -> None:
    row = with_classes(BASE, ("bright", "dark"))
    a, b, c = (SsdLearner.first_state(BASE, row, seed, Start.PRETRAINED) for seed in (0, 0, 1))
    name = "class_heads.2.weight"
    assert torch.equal(a[name], b[name])
    assert not torch.equal(a[name], c[name])


def test_from_scratch_nothing_is_taken_over() -> None:
    row = with_classes(replace(BASE), ("dog",))
    state = SsdLearner.first_state(BASE, row, 0, Start.SCRATCH)
    known = load_network(BASE).state_dict()
    assert not torch.equal(state["stem.conv.weight"], known["stem.conv.weight"])
    assert state["class_heads.0.weight"].shape[0] == 3 * 2


@pytest.mark.parametrize(
    ("what", "learning", "resting"),
    [
        (Unfreeze.NONE, ("box_heads.0.weight", "class_heads.5.bias"), ("last.conv.weight", "stem.conv.weight")),
        (Unfreeze.LAST, ("last.conv.weight", "blocks.16.project.conv.weight"), ("blocks.13.project.conv.weight",)),
        (Unfreeze.ALL, ("stem.conv.weight", "blocks.0.project.conv.weight", "class_heads.0.weight"), ()),
    ],
)
def test_layers_learn_as_far_as_they_are_freed(
    of_blocks: SsdLearner, what: Unfreeze, learning: tuple[str, ...], resting: tuple[str, ...]
) -> None:
    ((parameters, share),) = of_blocks.learning(what)
    freed = {id(parameter) for parameter in parameters}
    named = dict(of_blocks.network.named_parameters())
    assert share == 1.0
    assert all(id(named[name]) in freed and named[name].requires_grad for name in learning)
    assert not any(id(named[name]) in freed or named[name].requires_grad for name in resting)


def test_kept_features_give_the_loss_of_the_picture_itself(of_blocks: SsdLearner) -> None:
    x, boxes = of_blocks.prepare(picture(), np.array([[16, 12, 48, 60]], np.float32))
    assert boxes.tolist() == [[30, 30, 90, 150]]
    target = {"boxes": torch.from_numpy(boxes), "labels": torch.tensor([1])}
    of_blocks.network.eval()
    device = torch.device("cpu")
    whole = of_blocks.loss(of_blocks.network, of_blocks.batch([x], device), [target])
    kept = of_blocks.loss(of_blocks.network, of_blocks.batch([of_blocks.features(x)], device), [target])
    assert float(kept.detach()) == pytest.approx(float(whole.detach()), rel=1e-2)
    assert float(whole.detach()) > 0


def test_large_pictures_are_kept_smaller(of_blocks: SsdLearner) -> None:
    assert of_blocks.wanted(4000, 3000) == (600, 450)
    assert of_blocks.wanted(320, 240) == (320, 240)
