from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from run_folders import make_run
from tasks.tiny_networks import RedGreenBlue
from visioncli import load
from visioncli.errors import InputError, UsageError
from visioncli.models import registry
from visioncli.models.registry import InputSpec
from visioncli.pictures import Picture, read
from visioncli.results import ModelInfo
from visioncli.tasks.gradcam.heat import FULL, unpacked
from visioncli.tasks.gradcam.methods import METHODS, Layer
from visioncli.tasks.gradcam.task import ExplainableClassifier, ExplainableDetector, GradCam, Target
from visioncli.tasks.preprocess import crop_box, preprocess

ROW = registry.find("efficientnet_lite0", "gradcam")
SQUASHED = InputSpec(64, 0, "bilinear", (0.0,) * 3, (1.0,) * 3)
CROPPED = InputSpec(64, 72, "bicubic", (0.0,) * 3, (1.0,) * 3)


class Colours:
    """Explains which colour a picture shows, by a network of nine weights with a known answer."""

    def __init__(self, spec: InputSpec, name: str = "colours") -> None:
        self.labels = {0: "red", 1: "green", 2: "blue"}
        self.info = ModelInfo(name, None)
        self._spec, self._network = spec, RedGreenBlue().eval()

    def prepare(self, image: Image.Image) -> tuple[np.ndarray, tuple[float, float, float, float]]:
        return preprocess(image, self._spec), crop_box(*image.size, self._spec)

    def targets(self, x: torch.Tensor, width: int, height: int) -> tuple[torch.nn.Module, list[Target]]:
        with torch.no_grad():
            scores = torch.softmax(self._network(x)[0], 0)
        best = int(scores.argmax())
        return self._network, [Target(best, self.labels[best], best, float(scores[best]), "pool")]

    def layers(self) -> list[Layer]:
        return []


def explain(task: GradCam, picture: Picture) -> tuple[Any, np.ndarray]:
    (answer,) = task.predict([task.prepare(picture)])
    return answer.predictions[0], unpacked(answer.arrays, 0, picture.width, picture.height)


def colours(spec: InputSpec, method: str = "gradcam") -> GradCam:
    return GradCam([Colours(spec)], method=method, seed=0, settings={})


def planted(width: int, height: int, x: int, y: int, side: int) -> Picture:
    """A grey picture with a green square whose top left corner is at x, y."""
    rgb = np.full((height, width, 3), 40, np.uint8)
    rgb[y : y + side, x : x + side] = (0, 255, 0)
    return Picture(Image.fromarray(rgb), 1.0)


SHAPES = [(640, 480), (480, 640), (300, 300), (900, 200), (50, 120), (64, 64)]


@pytest.mark.parametrize(("width", "height"), SHAPES)
@pytest.mark.parametrize("spec", [SQUASHED, CROPPED], ids=["squashed", "cropped"])
def test_the_peak_is_where_the_pattern_is_in_pixels_of_the_picture(width: int, height: int, spec: InputSpec) -> None:
    shorter = min(width, height)
    side = max(8, shorter // 5)
    middle_x, middle_y = width // 2, height // 2
    # Within the square that is left when the sides are cut off.
    for dx, dy in ((-0.4, -0.4), (0.15, 0.2), (-0.1, 0.15)):
        x, y = round(middle_x + dx * shorter), round(middle_y + dy * shorter)
        found, heat = explain(colours(spec), planted(width, height, x, y, side))
        assert found.label == "green"
        cell = (width / 8, height / 8) if spec is SQUASHED else (shorter / 7, shorter / 7)
        assert x - cell[0] / 2 <= found.peak[0] <= x + side + cell[0] / 2
        assert y - cell[1] / 2 <= found.peak[1] <= y + side + cell[1] / 2
        assert heat.shape == (height, width)
        column, row = int(found.peak[0]), int(found.peak[1])
        assert heat[row, column] == heat.max() > FULL * 0.9
        assert found.energy > 0.3
        x1, y1, x2, y2 = found.box
        assert x1 < x + side and x2 > x and y1 < y + side and y2 > y


@pytest.mark.parametrize("method", METHODS)
def test_every_method_points_at_the_pattern(method: str) -> None:
    found, _ = explain(colours(CROPPED, method), planted(640, 480, 400, 100, 90))
    assert 380 <= found.peak[0] <= 510 and 80 <= found.peak[1] <= 210
    assert found.method == method


def test_a_cropped_network_saw_nothing_of_the_sides() -> None:
    _, heat = explain(colours(CROPPED), planted(900, 200, 400, 50, 60))
    assert not heat[:, :340].any() and not heat[:, 560:].any()


def test_an_exif_orientation_turns_the_map_with_the_picture(tmp_path: Path) -> None:
    upright = planted(200, 300, 20, 200, 60).rgb
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned a quarter to the right
    Image.fromarray(np.rot90(upright)).save(tmp_path / "turned.png", exif=exif)
    picture = read(str(tmp_path / "turned.png"))
    assert (picture.width, picture.height) == (200, 300)
    found, heat = explain(colours(SQUASHED), picture)
    assert heat.shape == (300, 200)
    assert 10 <= found.peak[0] <= 90 and 190 <= found.peak[1] <= 270


def test_models_are_explained_one_after_the_other() -> None:
    task = GradCam([Colours(SQUASHED, "a"), Colours(CROPPED, "b")], method="gradcam", seed=0, settings={})
    (answer,) = task.predict([task.prepare(planted(200, 100, 80, 40, 30))])
    assert [e.model for e in answer.predictions] == ["a", "b"]
    assert {"map_0", "map_1"} <= set(answer.arrays)
    assert task.settings["models"] == ["a", "b"]


def real(**settings: Any) -> GradCam:
    task = load("gradcam", **settings).task
    assert isinstance(task, GradCam)
    return task


@pytest.fixture(scope="module")
def cat(request: pytest.FixtureRequest) -> Picture:
    return read(str(request.config.rootpath / "sample_images" / "chelsea.png"))


def test_the_top_classes_are_explained_best_first(cat: Picture) -> None:
    task = real(target="top-3")
    (answer,) = task.predict([task.prepare(cat)])
    scores = [e.score for e in answer.predictions]
    assert len(scores) == 3 and scores == sorted(scores, reverse=True)
    best = load("classify").task
    (classes,) = best.predict([best.prepare(cat)])
    assert [e.label for e in answer.predictions] == [c.label for c in classes.predictions[:3]]


def test_classes_are_chosen_by_name_id_and_rank_together(cat: Picture) -> None:
    task = real(target="tabby, 7, top-1")
    (answer,) = task.predict([task.prepare(cat)])
    labels = [e.label for e in answer.predictions]
    assert {"tabby", "cock"} <= set(labels)
    assert len(labels) == len(set(labels))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"target": "tabbi"}, "Did you mean tabby"),
        ({"target": "top-0"}, "top-0"),
        ({"target": ""}, "--class takes"),
        ({"target": "1000"}, "'1000'"),
        ({"layer": "wrong"}, "--list-layers"),
        ({"method": "wrong"}, "Methods: gradcam"),
        ({"score": 2}, "--score"),
    ],
)
def test_wrong_names_are_wrong_usage_that_helps(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        real(**settings)
    assert words in str(caught.value)


def test_a_real_map_changes_when_the_weights_are_shuffled(cat: Picture) -> None:
    maps = []
    for shuffle in (False, True):
        task = real(target="tabby")
        if shuffle:
            network = task.networks[0]
            assert isinstance(network, ExplainableClassifier)
            torch.manual_seed(0)
            with torch.no_grad():
                for p in network._network.parameters():
                    p.copy_(p.flatten()[torch.randperm(p.numel())].reshape(p.shape))
        maps.append(explain(task, cat)[1].astype(float) / FULL)
    assert np.abs(maps[0] - maps[1]).mean() > 0.1


def test_the_number_of_threads_changes_a_map_by_rounding_only(cat: Picture) -> None:
    before, maps = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            maps.append(explain(real(target="tabby"), cat)[1].astype(float) / FULL)
    finally:
        torch.set_num_threads(before)
    assert np.abs(maps[0] - maps[1]).max() < 1e-4


def test_a_network_that_answers_no_numbers_is_not_explained(cat: Picture) -> None:
    task = real()
    network = task.networks[0]._network  # type: ignore[attr-defined]
    with torch.no_grad():
        next(network.parameters()).fill_(torch.nan)
    with pytest.raises(InputError, match="not finite"):
        task.predict([task.prepare(cat)])


def test_another_layer_gives_a_map_of_its_own_grid(cat: Picture) -> None:
    layers = real().networks[0].layers()
    early = next(layer for layer in layers if layer.shape[1] >= 28)
    found, heat = explain(real(layer=early.name), cat)
    assert found.layer == early.name
    assert heat.shape == cat.rgb.shape[:2]


def test_the_answer_does_not_depend_on_neighbours(cat: Picture) -> None:
    task = real(target="top-2")
    other = planted(64, 48, 10, 10, 20)
    together = task.predict([task.prepare(p) for p in (other, cat, other)])
    (alone,) = task.predict([task.prepare(cat)])
    assert together[1].predictions == alone.predictions


@pytest.mark.shared_data
def test_a_detected_box_is_explained_from_inside_it(shared_data: Path) -> None:
    row = registry.find("ssd_mobilenet_v2", "gradcam")
    task = load("gradcam", row.name, detect=True, method="layercam", score=0.6).task
    hits = boxes = 0
    for path in sorted((shared_data / "coco" / "images").iterdir())[:12]:
        picture = read(str(path))
        (answer,) = task.predict([task.prepare(picture)])
        for n, e in enumerate(answer.predictions):
            assert e.target is not None and e.score >= 0.6
            assert unpacked(answer.arrays, n, picture.width, picture.height).shape == picture.rgb.shape[:2]
            boxes += 1
            hits += e.target[0] <= e.peak[0] <= e.target[2] and e.target[1] <= e.peak[1] <= e.target[3]
    assert boxes >= 5
    assert hits / boxes >= 0.7


@pytest.mark.shared_data
def test_boxes_of_a_named_class_are_those_that_detection_finds(shared_data: Path) -> None:
    detect = load("detect", score=0.4)
    task = load("gradcam", "ssd_mobilenet_v2", detect=True, method="layercam", target="person", score=0.4).task
    assert isinstance(task.networks[0], ExplainableDetector)  # type: ignore[attr-defined]
    for path in sorted((shared_data / "coco" / "images").iterdir())[:8]:
        people = [p for p in detect(path).predictions or () if p.label == "person"]
        (answer,) = task.predict([task.prepare(read(str(path)))])
        assert len(answer.predictions) == min(len(people), 1)
        for e, p in zip(answer.predictions, people, strict=False):
            assert e.target == pytest.approx(p.box, abs=0.01)
            assert e.score == pytest.approx(p.score, abs=1e-4)


@pytest.mark.parametrize(("thresholds", "total"), [((), 1.0), ((0.5, 0.5, 0.5), None)])
def test_scores_are_calibrated_and_heat_is_not(tmp_path: Path, thresholds: tuple[float, ...], total: Any) -> None:
    answers = []
    for temperature in (1.0, 5.0):
        make_run(tmp_path / f"at {temperature}", temperature=temperature, thresholds=thresholds)
        cam = load("gradcam", str(tmp_path / f"at {temperature}"), target="top-3").task
        picture = Picture(
            Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 48, 3), dtype=np.uint8)), 0.0
        )
        answers.append(cam.predict([cam.prepare(picture)])[0])
    plain, warm = answers
    scores = np.array([[p.score for p in answer.predictions] for answer in answers])
    assert np.ptp(scores[1]) < np.ptp(scores[0])
    assert total is None or scores.sum(1) == pytest.approx(total, abs=1e-5)
    assert [p.peak for p in plain.predictions] == [p.peak for p in warm.predictions]
    assert all(np.array_equal(plain.arrays[name], warm.arrays[name]) for name in plain.arrays)
