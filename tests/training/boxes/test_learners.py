"""What holds for every detector that learns, on two tiny pictures."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from box_sets import draw_boxes
from darknet_files import write_weights
from killed_runs import KilledAt, same, tensors
from visioncli import train
from visioncli.engines.interface import Engine
from visioncli.labelled.interface import SetError
from visioncli.models import registry
from visioncli.models.labels import load_labels
from visioncli.models.row import ModelRow
from visioncli.resolve import describe
from visioncli.tasks.detect.detectors import Limits
from visioncli.tasks.detect.task import detector_on, open_detector
from visioncli.training import checkpoint
from visioncli.training.boxes.heads import fresh
from visioncli.training.boxes.learner import BoxLearner, Target
from visioncli.training.boxes.learners import learner_class
from visioncli.training.boxes.lesson import LiveEngine
from visioncli.training.checkpoint import Progress
from visioncli.training.recipe import Start, Unfreeze
from visioncli.training.rows import with_classes
from visioncli.training.train import Run, Where
from visioncli.weights.load import load_network
from visioncli.weights.runs import read_run, write_model

SIZES = {
    "yolov3_tiny": 64,
    "yolov3": 32,
    "rfcn_resnet50": 64,
    "fasterrcnn_mobilenet_v3_large_320_fpn": 64,
    "retinanet_resnet50_fpn": 64,
    "fcos_resnet50_fpn": 64,
    "ssdlite320_mobilenet_v3_large": 320,
}
"""Networks, and a size of input that makes them light."""
EVERY = pytest.mark.parametrize("name", SIZES)
LIGHT = pytest.mark.parametrize("name", [name for name in SIZES if name != "yolov3"])
"""YOLOv3's own parts are those of its tiny one, and its 62 million weights take their time."""
BODIES = (
    "backbone.body.",
    "backbone.stem.",
    "backbone.layer",
    "backbone.features.",
    "stem.",
    "stages.",
    "early.",
    "late.",
)
BODIES += ("backbone.extra.",)


def row_of(name: str, *classes: str) -> ModelRow:
    row = with_classes(registry.find(name), classes)
    kind = learner_class(row)
    assert kind is not None
    return kind.resized(row, SIZES[name])


def learner_of(row: ModelRow, network: nn.Module, start: Start = Start.SCRATCH, **settings: Any) -> BoxLearner:
    kind = learner_class(row)
    assert kind is not None
    return kind(network, row, start, **settings)


def examples(learner: BoxLearner) -> tuple[Any, list[Target]]:
    """Two pictures of noise with a bright square each, one with nothing in it, as the network takes them."""
    rng = np.random.default_rng(0)
    inputs, targets = [], []
    for corners in ([[8, 8, 40, 44]], [[20, 12, 56, 50]], []):
        pixels = rng.integers(0, 60, (64, 64, 3), dtype=np.uint8)
        for x1, y1, x2, y2 in corners:
            pixels[y1:y2, x1:x2] = 250
        x, boxes = learner.prepare(pixels, np.array(corners, np.float32).reshape(-1, 4))
        inputs.append(x)
        labels = torch.full((len(boxes),), 1 + learner.background)
        targets.append({"boxes": torch.from_numpy(boxes.astype(np.float32)), "labels": labels})
    return learner.batch(inputs, torch.device("cpu")), targets


class Learning:
    """A learner with its optimizer, step by step as the loop does it."""

    def __init__(
        self, row: ModelRow, state: dict[str, Tensor], start: Start, what: Unfreeze, **settings: Any
    ) -> None:
        self.network = fresh(row, 1)
        self.network.load_state_dict(state)
        self.learner = learner_of(row, self.network, start, **settings)
        groups = [{"params": p, "lr": 1e-4 * share} for p, share in self.learner.learning(what)]
        self.optimizer = torch.optim.AdamW(groups)
        self.learner.learning_mode()
        self.inputs, self.targets = examples(self.learner)

    def step(self, number: int) -> float:
        torch.manual_seed(number)
        self.optimizer.zero_grad()
        loss = self.learner.loss(self.network, self.inputs, self.targets)
        loss.backward()
        nn.utils.clip_grad_norm_([p for g in self.optimizer.param_groups for p in g["params"]], 1.0)
        self.optimizer.step()
        return float(loss.detach())

    def state(self) -> dict[str, Tensor]:
        return {name: tensor.detach().clone() for name, tensor in self.network.state_dict().items()}


def first_state(row: ModelRow, seed: int = 0) -> dict[str, Tensor]:
    kind = learner_class(row)
    assert kind is not None
    return kind.first_state(registry.find(row.name), row, seed, Start.SCRATCH)


@LIGHT
def test_the_loss_falls_and_a_stopped_run_goes_on_to_the_same_tensors(name: str, tmp_path: Path) -> None:
    row = row_of(name, "circle", "square")
    begun = first_state(row)
    assert same(begun, first_state(row))
    whole = Learning(row, begun, Start.SCRATCH, Unfreeze.ALL)
    losses = [whole.step(n) for n in range(3)]
    path = tmp_path / "state.safetensors"
    checkpoint.save(path, Progress(), whole.state(), {}, whole.optimizer)
    losses += [whole.step(n) for n in range(3, 5)]
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]
    kept = checkpoint.read(path)
    stopped = Learning(row, kept.network, Start.SCRATCH, Unfreeze.ALL)
    kept.restore(stopped.optimizer)
    for n in range(3, 5):
        stopped.step(n)
    assert same(stopped.state(), whole.state())


@LIGHT
def test_a_frozen_backbone_and_its_statistics_stay_and_heads_learn(name: str, tmp_path: Path) -> None:
    known = row_of(name, "circle", "square")
    base = write_model(tmp_path / "base", known, first_state(known), {})
    row = with_classes(base, ("triangle", "square"))
    kind = learner_class(row)
    assert kind is not None
    state = kind.first_state(base, row, 3, Start.PRETRAINED)
    before = load_network(base).state_dict()
    body = [tensor for tensor in before if tensor.startswith(BODIES)]
    assert body and all(torch.equal(state[tensor], before[tensor]) for tensor in body)
    learning = Learning(row, state, Start.PRETRAINED, Unfreeze.NONE)
    for n in range(2):
        learning.step(n)
    after = learning.state()
    assert all(torch.equal(after[tensor], before[tensor]) for tensor in body)
    learned = {tensor for tensor in after if not torch.equal(after[tensor], state[tensor])}
    assert learned and not any("running_" in tensor for tensor in learned)
    # Levels of which no anchor is near an object may have nothing to learn from yet.
    assert learned <= set(dict(learning.network.named_parameters())) - set(body)


@EVERY
def test_last_frees_a_part_of_the_backbone_and_all_everything(name: str) -> None:
    row = row_of(name, "circle", "square")
    with torch.device("meta"):
        network = fresh(row, 0)
    learner = learner_of(row, network, Start.PRETRAINED)
    freed = {}
    for what in (Unfreeze.NONE, Unfreeze.LAST, Unfreeze.ALL):
        given = {id(p) for parameters, _ in learner.learning(what) for p in parameters}
        assert given == {id(p) for p in network.parameters() if p.requires_grad}
        freed[what] = {tensor for tensor, p in network.named_parameters() if id(p) in given}
    assert freed[Unfreeze.NONE] < freed[Unfreeze.LAST] < freed[Unfreeze.ALL]
    assert freed[Unfreeze.ALL] == set(dict(network.named_parameters()))


@LIGHT
def test_a_run_folder_detects_what_validation_saw(name: str, tmp_path: Path) -> None:
    row = row_of(name, "circle", "square")
    learning = Learning(row, first_state(row), Start.SCRATCH, Unfreeze.ALL)
    # Nearly untrained networks answer everything with low scores, some of which two-stage networks leave out.
    for head in (getattr(learning.network, "roi_heads", None), learning.network):
        if hasattr(head, "score_thresh"):
            head.score_thresh = 0.0  # type: ignore[union-attr]
    network = learning.network.eval()
    made = write_model(tmp_path / "run", row, learning.state(), {})
    assert read_run(tmp_path / "run") == made
    assert list(load_labels(made.labels).values()) == ["circle", "square"]
    assert (made.form, made.input) == (row.form, row.input)
    reread = load_network(made)
    for head in (getattr(reread, "roi_heads", None), reread):
        if hasattr(head, "score_thresh"):
            head.score_thresh = 0.0  # type: ignore[union-attr]
    found = []
    for one, engine in (
        (row, LiveEngine(network, torch.device("cpu"))),
        (made, LiveEngine(reread, torch.device("cpu"))),
    ):
        found.append(detected(one, engine))
    assert len(found[0]) > 0
    assert set(found[0][:, 5]) <= set(load_labels(made.labels))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-4, atol=1e-4)


def detected(row: ModelRow, engine: Engine) -> np.ndarray:
    from PIL import Image

    detector = detector_on(row, engine)
    pixels = np.random.default_rng(0).integers(0, 255, (48, 90, 3), dtype=np.uint8)
    picture = Image.fromarray(pixels)
    (boxes,) = detector.detect([detector.prepare(picture)], [picture.size], Limits(score=1e-6))
    return np.concatenate([boxes.boxes, boxes.scores[:, None], boxes.label_ids[:, None]], 1)


def test_what_vision_detect_opens_is_the_run_s_size(tmp_path: Path) -> None:
    row = row_of("rfcn_resnet50", "circle", "square")
    made = write_model(tmp_path / "run", row, first_state(row), {})
    transform: Any = load_network(made).transform
    assert (transform.min_size, transform.max_size) == ((64,), 107)
    assert open_detector(made).precision == "fp32"


def test_networks_that_learn_no_boxes_have_no_learner() -> None:
    assert learner_class(registry.find("efficientdet_lite0")) is None
    assert learner_class(dataclasses.replace(registry.find("yolov3"), tasks=("classify",))) is None


@pytest.fixture(scope="module")
def blocks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_boxes(tmp_path_factory.mktemp("blocks") / "set", 16)


@pytest.fixture(scope="module")
def darknet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("darknet") / "own.weights"
    write_weights(path, "tiny", 80)
    return path


def trained(data: Path, out: Path, **choices: Any) -> Run:
    plain: dict[str, Any] = {"task": "detect", "model": "yolov3_tiny", "size": 64, "epochs": 2, "batch_size": 4}
    run = train(data, out, where=Where(threads=1), **(plain | choices))
    assert run is not None
    return run


def test_a_run_begins_with_darknet_s_weights_and_keeps_their_backbone(
    blocks: Path, darknet: Path, tmp_path: Path
) -> None:
    run = trained(blocks, tmp_path / "run", weights=str(darknet))
    row = read_run(run.folder)
    assert (row.architecture, row.form, row.input.size) == ("yolov3:tiny:2", "grids", 64)
    assert row.labels == ((0, "bright"), (1, "dark"))
    learned = tensors(run.folder)
    known = load_network(describe("yolov3_tiny", "detect", weights=darknet)).state_dict()
    assert all(torch.equal(learned[name], known[name]) for name in known if name.startswith(("early.", "late.")))
    assert not torch.equal(learned["neck.conv.weight"], known["neck.conv.weight"])


def test_a_run_from_scratch_that_was_killed_ends_with_the_same_tensors(blocks: Path, tmp_path: Path) -> None:
    choices: dict[str, Any] = {"start": "scratch"}
    whole = trained(blocks, tmp_path / "whole", **choices)
    with pytest.raises(KeyboardInterrupt):
        trained(blocks, tmp_path / "run", watcher=KilledAt(5), **choices)
    resumed = trained(blocks, tmp_path / "run", resume=True, **choices)
    assert same(tensors(resumed.folder), tensors(whole.folder))


def test_a_network_with_masks_names_the_one_without_where_there_are_none(blocks: Path, tmp_path: Path) -> None:
    with pytest.raises(SetError, match=r"learns from outlines: begin with fasterrcnn_resnet50_fpn"):
        trained(blocks, tmp_path / "run", model="maskrcnn_resnet50_fpn_v2")
