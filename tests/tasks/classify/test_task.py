import csv
import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from run_folders import row_of
from visioncli import load
from visioncli.engines.interface import Engine
from visioncli.errors import UsageError
from visioncli.models import registry
from visioncli.models.row import ModelRow
from visioncli.pictures import Picture
from visioncli.tasks.classify.scores import sigmoid, softmax
from visioncli.tasks.classify.task import Classify
from visioncli.tasks.preprocess import preprocess

ROW = registry.find("efficientnet_lite0", "classify")


class Fixed(Engine):
    """Answers the same logits for every picture."""

    def __init__(self, logits: np.ndarray) -> None:
        self.logits = logits

    def compute(self, batch: np.ndarray) -> tuple[np.ndarray, ...]:
        return (np.repeat(self.logits[None], len(batch), 0),)


def task(logits: np.ndarray | None = None, **settings: float) -> Classify:
    if logits is None:
        logits = np.zeros(1000, np.float32)
    return Classify(ROW, Fixed(logits), **settings)  # type: ignore[arg-type]


def logits(**values: float) -> np.ndarray:
    row = np.full(1000, -20.0, np.float32)
    for name, value in values.items():
        row[int(name[1:])] = value
    return row


def test_the_best_classes_come_first_with_their_names() -> None:
    (answer,) = task(logits(c281=3.0, c282=2.0, c7=5.0), top_k=2).predict([np.zeros(1)])
    assert [(p.label, p.label_id) for p in answer.predictions] == [("cock", 7), ("tabby", 281)]
    assert answer.predictions[0].score == pytest.approx(np.exp(5) / (np.exp(5) + np.exp(3) + np.exp(2)), abs=1e-4)


def test_classes_below_the_threshold_are_left_out() -> None:
    made = task(logits(c1=5.0, c2=4.0), threshold=0.5)
    assert [p.label_id for p in made.predict([np.zeros(1)])[0].predictions] == [1]


def test_equal_scores_keep_the_order_of_their_ids() -> None:
    (answer,) = task(top_k=4).predict([np.zeros(1)])
    assert [p.label_id for p in answer.predictions] == [0, 1, 2, 3]


@pytest.mark.parametrize("settings", [{"top_k": 0}, {"top_k": -3}, {"threshold": 1.5}, {"threshold": -0.1}])
def test_impossible_settings_are_wrong_usage(settings: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        task(**settings)


def test_a_threshold_that_is_no_number_is_wrong_usage() -> None:
    with pytest.raises(UsageError):
        task(threshold=float("nan"))


def test_more_classes_than_there_are_gives_all() -> None:
    assert len(task(top_k=5000).predict([np.zeros(1)])[0].predictions) == 1000


def test_softmax_sums_to_one_and_does_not_overflow() -> None:
    scores = softmax(np.array([[1000.0, 999.0], [0.0, 0.0]], np.float32))
    np.testing.assert_allclose(scores.sum(1), 1, rtol=1e-6)
    np.testing.assert_allclose(scores[0, 0], 1 / (1 + np.exp(-1)), rtol=1e-5)


def test_preprocessing_is_resize_centre_crop_and_normalise() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    image = Image.fromarray(rgb).resize((341, 256), Image.Resampling.BICUBIC).crop((58, 16, 282, 240))
    expected = (np.asarray(image, np.float32) - 127) / 128
    # Resizing only what the crop keeps rounds to 8 bits in another order.
    assert np.abs(preprocess(Image.fromarray(rgb), ROW.input).transpose(1, 2, 0) - expected).max() <= 3 / 128


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 5000, 3), (3000, 2, 3), (224, 224, 3)])
def test_any_shape_becomes_the_networks_input(shape: tuple[int, int, int]) -> None:
    made = task().prepare(Picture(Image.fromarray(np.full(shape, 127, np.uint8)), 0.0))
    assert made.shape == (3, 224, 224)
    assert made.dtype == np.float32
    np.testing.assert_allclose(made, 0, atol=1e-5)


@pytest.mark.shared_data
def test_the_real_network_answers_as_the_reference_does(shared_data: Path) -> None:
    reference = json.loads((shared_data / "reference" / "efficientnet_lite0.json").read_text())
    with (shared_data / "imagenet" / "labels.csv").open() as file:
        truth = {row["file"]: int(row["class_index"]) for row in csv.DictReader(file)}
    paths = [next((shared_data / "imagenet").rglob(name)) for name in truth]
    right = 0
    for path, record in zip(paths, load("classify")(paths), strict=True):
        found = [(p.label_id, p.score) for p in record.predictions or ()]
        expected = reference["top5"][path.name]
        assert [n for n, _ in found] == [n for n, _ in expected], path.name
        assert [s for _, s in found] == pytest.approx([s for _, s in expected], abs=0.01), path.name
        right += found[0][0] == truth[path.name]
    assert right == 87


@pytest.mark.shared_data
def test_lite3_answers_as_the_8_bit_runtime_does(shared_data: Path) -> None:
    reference = json.loads((shared_data / "reference" / "efficientnet_lite3.json").read_text())["pictures"]
    with (shared_data / "imagenet" / "labels.csv").open() as file:
        truth = {row["file"]: int(row["class_index"]) for row in csv.DictReader(file)}
    paths = [next((shared_data / "imagenet").rglob(name)) for name in truth]
    right, off = 0, []
    for path, record in zip(paths, load("classify", model="efficientnet_lite3")(paths), strict=True):
        best = (record.predictions or ())[0]
        expected, score = reference[path.name]["squash"][0]
        assert best.label_id == expected, path.name
        off.append(abs(best.score - score))
        right += best.label_id == truth[path.name]
    assert right == 95
    # What eight bits between layers cost; scores of the reference are 256ths.
    assert max(off) < 0.1
    assert sum(off) / len(off) < 0.015


@pytest.mark.shared_data
def test_reduced_decoding_names_the_same_class(shared_data: Path, tmp_path: Path) -> None:
    from visioncli import pictures
    from visioncli.api import build_task

    task = build_task("classify")
    assert task.enough is not None
    for n, path in enumerate(sorted((shared_data / "imagenet" / "images").iterdir())[::8]):
        with Image.open(path) as image:
            image.convert("RGB").resize((2000, 1600), Image.Resampling.LANCZOS).save(
                tmp_path / f"{n}.jpg", quality=90
            )
        whole, reduced = (pictures.read(str(tmp_path / f"{n}.jpg"), enough=e) for e in (None, task.enough))
        assert reduced.rgb.shape[0] < whole.rgb.shape[0]
        a, b = (task.predict([task.prepare(p)])[0].predictions[0] for p in (whole, reduced))
        assert a.label_id == b.label_id
        assert abs(a.score - b.score) < 0.06


THREE = row_of(labels=("cat", "dog", "bird"))


def of_row(row: ModelRow, values: list[float], **settings: float) -> list[tuple[str, float]]:
    made = Classify(row, Fixed(np.array(values, np.float32)), **settings)  # type: ignore[arg-type]
    (answer,) = made.predict([np.zeros(1)])
    return [(p.label, p.score) for p in answer.predictions]


def test_scores_are_the_softmax_at_the_temperature_of_the_row() -> None:
    warm = dataclasses.replace(THREE, temperature=2.5)
    values = np.array([3.0, 1.0, -2.0])
    expected = np.exp(values / 2.5) / np.exp(values / 2.5).sum()
    assert [s for _, s in of_row(warm, values.tolist())] == pytest.approx(expected.tolist(), abs=1e-6)


def test_several_labels_a_picture_are_those_that_reach_their_thresholds() -> None:
    several = dataclasses.replace(THREE, thresholds=(0.9, 0.2, 0.5))
    sigmoid = [1 / (1 + math.exp(-x)) for x in (2.0, -1.0, 0.5)]
    found = of_row(several, [2.0, -1.0, 0.5])
    assert [label for label, _ in found] == ["bird", "dog"]
    assert [score for _, score in found] == pytest.approx([sigmoid[2], sigmoid[1]], abs=1e-6)
    assert of_row(several, [2.0, -9.0, -9.0]) == []


def test_the_best_classes_are_counted_among_those_that_reach_their_thresholds() -> None:
    several = dataclasses.replace(THREE, thresholds=(0.99, 0.2, 0.2))
    assert [label for label, _ in of_row(several, [3.0, 1.0, 2.0], top_k=1)] == ["bird"]


def test_a_threshold_of_the_users_own_replaces_the_trained_ones() -> None:
    several = dataclasses.replace(THREE, thresholds=(0.9, 0.2, 0.5))
    assert [label for label, _ in of_row(several, [2.0, -1.0, 0.5], threshold=0.0)] == ["cat", "bird", "dog"]
    assert [label for label, _ in of_row(several, [2.0, -1.0, 0.5], threshold=0.8)] == ["cat"]


def test_the_temperature_counts_for_several_labels_too() -> None:
    several = dataclasses.replace(THREE, thresholds=(0.0,) * 3, temperature=4.0)
    assert dict(of_row(several, [2.0, 0.0, -2.0]))["cat"] == pytest.approx(1 / (1 + math.exp(-0.5)), abs=1e-6)


@pytest.mark.filterwarnings("error")
def test_a_sigmoid_of_any_number_is_a_probability() -> None:
    found = sigmoid(np.array([-1e30, -200.0, -30.0, 0.0, 30.0, 1e30], np.float32))
    assert found.dtype == np.float32
    assert found.tolist() == pytest.approx([0, 0, math.exp(-30), 0.5, 1, 1])


def test_what_shapes_a_trained_networks_answer_is_part_of_its_key() -> None:
    rows = [THREE, *(dataclasses.replace(THREE, **c) for c in ({"temperature": 2.0}, {"thresholds": (0.5,) * 3}))]  # type: ignore[arg-type]
    assert len({json.dumps(r.shaping()) for r in rows}) == 3


class LeftIsAnt(Engine):
    """Class 7 as sure as the left half of the input is bright."""

    def compute(self, batch: np.ndarray) -> tuple[np.ndarray, ...]:
        found = np.zeros((len(batch), 1000), np.float32)
        found[:, 7] = 20 * batch[..., : batch.shape[-1] // 2].mean((1, 2, 3)) - 10
        return (found,)


def test_probabilities_of_the_mirror_image_are_averaged_in() -> None:
    half = np.zeros((3, 4, 4), np.float32)
    half[..., :2] = 1
    plain = Classify(ROW, LeftIsAnt()).scores([half])[0, 7]
    both = Classify(ROW, LeftIsAnt(), tta="flip").scores([half, np.ascontiguousarray(half[..., ::-1])])[:, 7]
    turned = Classify(ROW, LeftIsAnt()).scores([np.ascontiguousarray(half[..., ::-1])])[0, 7]
    assert plain > 0.9
    assert turned < 0.1
    assert both == pytest.approx([(plain + turned) / 2] * 2)


def test_without_a_word_the_mirror_image_is_not_looked_at() -> None:
    assert task().settings["tta"] == "none"
    with pytest.raises(UsageError, match="--tta is one of none, flip"):
        Classify(ROW, LeftIsAnt(), tta="crops")
