"""One network a family, with made-up weights saved as a checkpoint and loaded by its path, against torchvision."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torchvision import models

from torchvision_networks import CLASSIFIERS, theirs
from visioncli.api import build_task
from visioncli.engines.interface import EngineOptions
from visioncli.families import torchvision as family
from visioncli.models import registry
from visioncli.pictures import Picture
from visioncli.tasks.gradcam.methods import activation_map, choose_layer
from visioncli.weights.load import load_network

CLASSES = 7
CPU = EngineOptions(device="cpu", engine="torch")


def picture(height: int = 120, width: int = 160) -> Picture:
    rgb = np.random.default_rng(5).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Picture(Image.fromarray(rgb), 0.0)


def saved(network: nn.Module, folder: Path) -> tuple[Path, Path]:
    """The checkpoint of a network, and a file with as many names."""
    torch.save({"state_dict": {f"module.{k}": v for k, v in network.state_dict().items()}}, folder / "own.pth")
    (folder / "names.txt").write_text("\n".join(f"name {n}" for n in range(CLASSES)))
    return folder / "own.pth", folder / "names.txt"


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_classifier_answers_as_torchvisions_does_and_shows_where_it_looked(name: str, tmp_path: Path) -> None:
    network = theirs(name, num_classes=CLASSES)
    weights, labels = saved(network, tmp_path)
    task: Any = build_task("classify", name, weights=weights, labels=labels, options=CPU, top_k=CLASSES)
    x = task.prepare(picture())
    (answer,) = task.predict([x])
    with torch.inference_mode():
        scores = network(torch.from_numpy(np.ascontiguousarray(x))[None]).softmax(-1)[0].numpy()
    assert len(answer.predictions) == CLASSES
    for found in answer.predictions:
        assert found.label == f"name {found.label_id}"
        assert found.score == pytest.approx(scores[found.label_id], abs=1e-4)
    if "gradcam" in registry.find(name).tasks:
        side = 96 if name not in ("maxvit_t", "inception_v3") else task.spec.size
        small = torch.from_numpy(np.ascontiguousarray(x[:, :side, :side]))[None]
        layer = choose_layer(task.engine.network, small, "auto")
        heat = activation_map(task.engine.network, small.clone(), layer.name, 0, "gradcam")
        assert heat.shape == layer.shape[1:]
        assert min(layer.shape[1:]) > 1


DETECTORS = (
    *("fasterrcnn_mobilenet_v3_large_320_fpn", "fasterrcnn_resnet50_fpn_v2", "retinanet_resnet50_fpn_v2"),
    *("fcos_resnet50_fpn", "ssd300_vgg16", "ssdlite320_mobilenet_v3_large", "maskrcnn_resnet50_fpn"),
    "keypointrcnn_resnet50_fpn",
)


@pytest.mark.parametrize("name", DETECTORS)
def test_a_detector_answers_as_torchvisions_does(name: str, tmp_path: Path) -> None:
    count = 2 if name.startswith("keypoint") else CLASSES + 1
    network: Any = theirs(name, num_classes=count)
    weights, labels = saved(network, tmp_path)
    row = registry.find(name)
    from visioncli.resolve import own_weights

    if name.startswith("keypoint"):
        labels.write_text("person")
    ours: Any = load_network(own_weights(row, weights, labels))
    for each in (network, ours):
        if "ssd" not in name:
            each.transform.min_size, each.transform.max_size = (96,), 128
        for holder in (each, getattr(each, "roi_heads", each)):
            holder.score_thresh, holder.detections_per_img = 0.0, 20
    x = torch.from_numpy(picture(96, 128).rgb.transpose(2, 0, 1).astype(np.float32) / 255)
    with torch.inference_mode():
        (expected,) = network([x])
        found = ours(x[None])
    names = ("boxes", "labels", "scores", "masks", "keypoints", "keypoints_scores")
    expected = [expected[n] for n in names if n in expected]
    assert len(found) == len(expected)
    assert len(expected[0]) > 0
    for a, b in zip(found, expected, strict=True):
        assert torch.allclose(a[0], b, atol=1e-4)


@pytest.mark.parametrize("name", ["fcn_resnet50", "deeplabv3_mobilenet_v3_large", "lraspp_mobilenet_v3_large"])
def test_a_segmenter_answers_as_torchvisions_does(name: str, tmp_path: Path) -> None:
    network = theirs(name, num_classes=CLASSES)
    weights, labels = saved(network, tmp_path)
    labels.write_text("\n".join(["background", *(f"name {n}" for n in range(1, CLASSES))]))
    task: Any = build_task("segment", name, weights=weights, labels=labels, options=CPU, size=65)
    prepared = task.prepare(picture())
    assert prepared.x.shape == (3, 65, 86)
    (answer,) = task.predict([prepared])
    with torch.inference_mode():
        logits = network(torch.from_numpy(prepared.x)[None])["out"]
        logits = nn.functional.interpolate(logits, (120, 160), mode="bilinear", align_corners=False)
    classes = logits[0].argmax(0).numpy()
    assert (answer.arrays["classes"] == classes).mean() > 0.995
    assert {s.label_id for s in answer.predictions} == set(np.unique(answer.arrays["classes"])) - {0}


@pytest.mark.parametrize("name", ["retinanet_resnet50_fpn", "keypointrcnn_resnet50_fpn", "fasterrcnn_resnet50_fpn"])
def test_frozen_batch_normalisation_is_loaded_with_its_epsilon(name: str) -> None:
    with torch.device("meta"):
        network = family.build(name)
        state = network.state_dict()
    published = {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}
    assert family.import_state(published, name).keys() == state.keys()
    assert {m.eps for m in network.modules() if isinstance(m, nn.BatchNorm2d)} == {0.0}


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("densenet121", "denselayer1.norm.1.", "denselayer1.norm1."),
        ("vit_b_32", "mlp.linear_1.", "mlp.0."),
        ("fasterrcnn_resnet50_fpn", "fpn.inner_blocks.0.", "fpn.inner_blocks.0.0."),
        ("maskrcnn_resnet50_fpn", "mask_head.mask_fcn1.", "mask_head.0.0."),
    ],
)
def test_names_of_older_checkpoints_are_understood(name: str, old: str, new: str) -> None:
    with torch.device("meta"):
        state = family.build(name).state_dict()
    before = {k.replace(new, old): v for k, v in state.items()}
    assert before.keys() != state.keys()
    assert family.import_state(before, name).keys() == state.keys()


def test_classifiers_that_only_training_uses_are_left_out() -> None:
    full = models.get_model("googlenet", weights=None, aux_logits=True, init_weights=False).state_dict()
    with torch.device("meta"):
        expected = family.build("googlenet").state_dict()
    assert family.import_state(full, "googlenet").keys() == expected.keys()


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("fcos_resnet50_fpn", (800, 1333), (320, 533)),
        ("keypointrcnn_resnet50_fpn", (800, 1333), (320, 533)),
        ("ssd300_vgg16", (300, 300), (300, 300)),
    ],
)
def test_a_detector_can_be_set_to_another_size_unless_it_takes_one_alone(
    name: str, before: tuple[int, int], after: tuple[int, int]
) -> None:
    with torch.device("meta"):
        network = family.build(name)
    transform = network.get_submodule("transform")
    for size, (shorter, longer) in ((before[0], before), (320, after)):
        family.set_size(network, size)
        assert (transform.min_size[-1], transform.max_size) == (shorter, longer)
    if not transform.fixed_size:
        assert transform.min_size == (320,)


def test_keypoints_are_as_many_as_the_variant_says() -> None:
    for variant, count in (("keypointrcnn_resnet50_fpn", 17), ("keypointrcnn_resnet50_fpn/5", 5)):
        with torch.device("meta"):
            state = family.build(variant, "3").state_dict()
        assert state["roi_heads.keypoint_predictor.kps_score_lowres.bias"].shape == (count,)
        assert state["roi_heads.box_predictor.cls_score.bias"].shape == (3,)
