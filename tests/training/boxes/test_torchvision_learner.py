from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.models import resnet50

from torchvision_networks import made_up
from visioncli.errors import UsageError
from visioncli.families import torchvision as family
from visioncli.models import registry
from visioncli.models.trainable import has_class_for_nothing
from visioncli.training.boxes.heads import fresh
from visioncli.training.boxes.learners import learner_class
from visioncli.training.boxes.run import box_recipe, knows_something
from visioncli.training.boxes.torchvision_learner import FocalLearner, TorchvisionLearner
from visioncli.training.recipe import Start, Unfreeze
from visioncli.training.rows import with_classes


def test_ssd_takes_pictures_of_its_own_size_only() -> None:
    row = registry.find("ssd300_vgg16")
    assert TorchvisionLearner.resized(row, 300) == row
    with pytest.raises(UsageError, match="--size: ssd300_vgg16 takes pictures of 300 pixels only"):
        TorchvisionLearner.resized(row, 320)
    assert TorchvisionLearner.resized(registry.find("rfcn_resnet50"), 320).input.size == 320


def test_a_detector_that_is_validated_resizes_as_the_run_will() -> None:
    row = TorchvisionLearner.resized(with_classes(registry.find("fcos_resnet50_fpn"), ("cat",)), 320)
    with torch.device("meta"):
        network = fresh(row, 0)
    FocalLearner(network, row, Start.SCRATCH)
    transform = network.get_submodule("transform")
    assert (transform.min_size, transform.max_size) == ((320,), 533)


def test_only_networks_of_a_sigmoid_a_class_have_no_class_for_nothing() -> None:
    without = {"retinanet_resnet50_fpn", "retinanet_resnet50_fpn_v2", "fcos_resnet50_fpn", "yolov3", "yolov3_tiny"}
    kinds = {row.name: learner_class(row) for row in registry.rows_for("detect")}
    assert {name for name, kind in kinds.items() if kind is not None and not kind.background} == without


def test_published_features_are_the_same_in_a_network_for_other_classes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Torchvision's published network adds no epsilon to variances, one that it builds for other classes does.
    base = registry.find("retinanet_resnet50_fpn")
    known = family.build("retinanet_resnet50_fpn")
    known.load_state_dict({name: tensor.clone() for name, tensor in made_up(known).items()})
    for module in known.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_var.fill_(1e-5)  # so small that an epsilon would take a third of what comes out
            torch.nn.init.constant_(module.weight, 1e-3)
    monkeypatch.setattr("visioncli.weights.load.load_network", lambda row: known.eval())
    row = with_classes(base, ("gnome", "dog"))
    network = fresh(row, 0).eval()
    network.load_state_dict(FocalLearner.first_state(base, row, 0, Start.PRETRAINED))
    x = torch.from_numpy(np.random.default_rng(0).random((1, 3, 64, 64), np.float32))
    with torch.no_grad():
        ours, theirs = (one.get_submodule("backbone.body")(x) for one in (network, known))
    for level in theirs:
        torch.testing.assert_close(ours[level], theirs[level], rtol=1e-3, atol=1e-3)


def test_where_labels_begin_follows_from_the_architecture() -> None:
    for row in registry.rows_for("detect"):
        if (kind := learner_class(row)) is not None:
            assert has_class_for_nothing(row.architecture) == kind.background, row.name


def small_resnet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, there: bool) -> torch.nn.Module:
    """ResNet-50's weights are in the cache, or not; the network is one with random weights."""
    file = tmp_path / "resnet50.pth"
    if there:
        file.write_bytes(b"")
    known = resnet50(weights=None).eval()
    monkeypatch.setattr("visioncli.training.boxes.torchvision_learner.stored_file", lambda source: file)
    monkeypatch.setattr("visioncli.weights.load.load_network", lambda row: known)
    return known


def test_rfcn_begins_with_a_backbone_that_is_in_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    known = small_resnet(monkeypatch, tmp_path, there=True)
    base = registry.find("rfcn_resnet50")
    recipe = box_recipe(base, 10, {})
    assert (recipe.start, recipe.unfreeze) == (Start.PRETRAINED, Unfreeze.NONE)
    row = with_classes(base, ("person", "gnome"))
    settings = TorchvisionLearner.settings(base, row, np.zeros((0, 2)), np.zeros((0, 2)), Start.PRETRAINED)
    assert settings == {"knows": False}
    first, again = (TorchvisionLearner.first_state(base, row, 3, Start.PRETRAINED) for _ in range(2))
    assert torch.equal(first["backbone.layer4.2.conv3.weight"], known.state_dict()["layer4.2.conv3.weight"])
    head = "roi_heads.box_roi_pool.scores.weight"
    assert torch.equal(first[head], again[head])
    assert not torch.equal(first[head], TorchvisionLearner.first_state(base, row, 4, Start.PRETRAINED)[head])
    with torch.device("meta"):
        network = fresh(row, 0)
    learner = TorchvisionLearner(network, row, Start.PRETRAINED)
    learner.learning(Unfreeze.NONE)
    free = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    assert head in free and "backbone.reduce.0.weight" in free
    assert not any(name.startswith(("backbone.stem", "backbone.layer")) for name in free)


def test_without_it_rfcn_begins_from_scratch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    small_resnet(monkeypatch, tmp_path, there=False)
    base = registry.find("rfcn_resnet50")
    assert box_recipe(base, 10, {}).start is Start.SCRATCH
    assert not knows_something(base)
    # Networks without a backbone of another's have nothing to begin with, whatever is in the cache.
    assert not knows_something(registry.find("yolov3_tiny"))
