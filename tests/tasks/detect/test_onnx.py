import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image

from onnx_files import cells, constant, planes
from visioncli import load
from visioncli.errors import InputError, UsageError
from visioncli.results import Record

WIDE = Image.new("RGB", (200, 100), "black")
NAMES = "{0: 'cat', 1: 'dog', 2: 'bird'}"
YOLO = {"names": NAMES, "task": "detect", "imgsz": "[64, 64]", "stride": "32"}
# In an input of 64 x 64 a picture of 200 x 100 is scaled by .32 and lies between the rows 16 and 48.
DOG, DOG_IN_PICTURE = (32.0, 32.0, 16.0, 16.0), (75.0, 25.0, 125.0, 75.0)
SQUASHED = (75.0, 37.5, 125.0, 62.5)


def found(spec: str, picture: Any = WIDE, **settings: Any) -> list[tuple[str, int, float, list[float]]]:
    record = load("detect", spec, **settings)(picture)
    return [(p.label, p.label_id, round(p.score, 4), [round(n, 2) for n in p.box]) for p in record.predictions]


def columns(*rows: tuple[float, ...], count: int = 20) -> np.ndarray:
    """Rows of a YOLO network's answer, with others that are sure of nothing."""
    answer = np.zeros((count, len(rows[0])), np.float32)
    answer[: len(rows)] = rows
    return answer[None]


def dog(*columns_: float) -> tuple[float, ...]:
    return (*DOG, *columns_)


YOLO_STYLES = {
    "classes first": columns(dog(0.1, 0.9, 0.0)).transpose(0, 2, 1),
    "anchors first": columns(dog(0.1, 0.9, 0.0)),
    "objectness": columns(dog(0.9, 0.0, 1.0, 0.5)),
}


@pytest.mark.parametrize("style", YOLO_STYLES)
@pytest.mark.parametrize("open_shape", [False, True])
def test_yolo_boxes_are_pixels_of_the_picture_without_its_frame(style: str, open_shape: bool, tmp_path: Path) -> None:
    shape = (1, 3, "h", "w") if open_shape else (1, 3, 64, 64)
    spec = constant(tmp_path / "net.onnx", {"output0": YOLO_STYLES[style]}, shape, open_shape, **YOLO)
    assert found(spec) == [("dog", 1, 0.9, list(DOG_IN_PICTURE))]
    assert found(spec, classes="cat") == []


def test_boxes_of_one_object_are_one_and_of_two_classes_two(tmp_path: Path) -> None:
    rows = columns(dog(0.1, 0.9, 0.0), (33, 32, 16, 16, 0.0, 0.8, 0.0), (33, 32, 16, 16, 0.7, 0.0, 0.0))
    spec = constant(tmp_path / "net.onnx", {"output0": rows.transpose(0, 2, 1)}, **YOLO)
    assert [(label, score) for label, _, score, _ in found(spec)] == [("dog", 0.9), ("cat", 0.7)]
    assert [label for label, *_ in found(spec, agnostic=True)] == ["dog"]


def test_masks_and_joints_behind_the_classes_are_no_classes(tmp_path: Path) -> None:
    rows = columns(dog(0.1, 0.9, 0.0, *[5.0] * 32)).transpose(0, 2, 1)
    answers = {"output0": rows, "output1": np.zeros((1, 32, 16, 16), np.float32)}
    spec = constant(tmp_path / "seg.onnx", answers, **(YOLO | {"task": "segment"}))
    assert found(spec) == [("dog", 1, 0.9, list(DOG_IN_PICTURE))]
    joints = columns(dog(0.9, *[50.0] * 51)).transpose(0, 2, 1)
    spec = constant(
        tmp_path / "pose.onnx", {"output0": joints}, **(YOLO | {"task": "pose", "names": "{0: 'person'}"})
    )
    assert found(spec) == [("person", 0, 0.9, list(DOG_IN_PICTURE))]


@pytest.mark.parametrize("size", [(200, 100), (90, 240), (64, 64), (31, 47), (640, 63)])
@pytest.mark.parametrize("letterbox", [True, False])
def test_a_planted_square_is_found_where_it_is(size: tuple[int, int], letterbox: bool, tmp_path: Path) -> None:
    given = {"size": 128, "resize": 0, "interpolation": "bilinear", "mean": [0] * 3, "std": [1] * 3}
    said = json.dumps(given | {"letterbox": letterbox})
    spec = cells(tmp_path / "net.onnx", 128, 4, names="['green']", input=said)
    width, height = size
    picture = Image.new("RGB", size)
    left, top = width * 5 // 8, height // 8
    right, bottom = left + width // 4, top + height // 2
    picture.paste((0, 255, 0), (left, top, right, bottom))
    boxes = [box for *_, box in found(spec, picture, score=0.9, iou=1.0, max_detections=2000)]
    assert boxes
    # Only cells within the square are as green as that.
    across, down = (max(size) / 128,) * 2 if letterbox else (width / 128, height / 128)
    assert left - across <= min(b[0] for b in boxes) <= left + 5 * across
    assert top - down <= min(b[1] for b in boxes) <= top + 5 * down
    assert right - 5 * across <= max(b[2] for b in boxes) <= right + across
    assert bottom - 5 * down <= max(b[3] for b in boxes) <= bottom + down


def test_boxes_are_those_of_the_upright_picture(tmp_path: Path) -> None:
    spec = cells(tmp_path / "net.onnx", names="['green']")
    upright = Image.new("RGB", (100, 200))
    upright.paste((0, 255, 0), (50, 100, 100, 150))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "a.png", exif=exif.tobytes())
    assert found(spec, tmp_path / "a.png") == found(spec, upright)
    assert found(spec, upright)


@pytest.mark.parametrize("style", ["DETR", "RT-DETR"])
def test_queries_of_detr_are_read(style: str, tmp_path: Path) -> None:
    # Of four logits the last stands for nothing; of three each is a chance by itself.
    rows = [[0, 3, 0, 0], [0, 0, 0, 9]] if style == "DETR" else [[-9, 2, -9], [-9, -9, -9]]
    boxes = [[0.5, 0.5, 0.25, 0.25], [0.1, 0.1, 0.2, 0.2]]
    answers = {"logits": np.array([rows], np.float32), "pred_boxes": np.array([boxes], np.float32)}
    spec = constant(tmp_path / "net.onnx", answers, names=NAMES)
    expected = np.exp(3) / (np.exp(3) + 3) if style == "DETR" else 1 / (1 + np.exp(-2))
    assert found(spec) == [("dog", 1, pytest.approx(expected, abs=1e-4), list(SQUASHED))]


def test_boxes_after_suppression_are_read(tmp_path: Path) -> None:
    rows = np.zeros((1, 10, 6), np.float32)
    rows[0, 0] = (24, 24, 40, 40, 0.9, 1)
    spec = constant(tmp_path / "net.onnx", {"output0": rows}, **YOLO, end2end="True")
    assert found(spec) == [("dog", 1, 0.9, list(DOG_IN_PICTURE))]
    spec = constant(tmp_path / "flat.onnx", {"output0": rows[0, :1]}, names=NAMES)
    assert found(spec) == [("dog", 1, 0.9, list(DOG_IN_PICTURE))]


def test_boxes_scores_and_labels_apart_are_read(tmp_path: Path) -> None:
    answers: dict[str, Any] = {
        "boxes": np.array([[24.0, 24, 40, 40], [0, 0, 9, 9]]),
        "labels": np.array([1, 0]),
        "scores": np.array([0.9, 0.1]),
    }
    spec = constant(tmp_path / "net.onnx", answers, names=NAMES)
    assert found(spec) == [("dog", 1, 0.9, list(DOG_IN_PICTURE))]
    counted = {
        f"{n}s": a[None] for n, a in (("detection_boxe", answers["boxes"]), ("detection_score", answers["scores"]))
    }
    counted |= {"num_dets": np.array([[2]]), "detection_classes": answers["labels"][None]}
    assert found(constant(tmp_path / "trt.onnx", counted, names=NAMES)) == [("dog", 1, 0.9, list(DOG_IN_PICTURE))]


def test_coco_names_carry_coco_ids(tmp_path: Path) -> None:
    from visioncli.models.labels import load_labels

    scores = np.zeros(80)
    scores[79] = 0.9
    rows = columns(dog(*scores), count=100).transpose(0, 2, 1)
    names = str(dict(enumerate(load_labels("coco").values())))
    for metadata in ({"names": names}, {}):
        spec = constant(tmp_path / "net.onnx", {"output0": rows}, **metadata)
        assert [(label, i) for label, i, *_ in found(spec)] == [("toothbrush", 90)]


def test_own_names_tell_the_layout(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("red\ngreen\nblue\n")
    spec = constant(tmp_path / "net.onnx", {"output0": YOLO_STYLES["objectness"]})
    with pytest.raises(UsageError, match=r"output0 \(1, 20, 8\).*without names: give them with --labels FILE"):
        found(spec)
    assert [label for label, *_ in found(spec, labels=tmp_path / "names.txt")] == ["green"]


@pytest.mark.parametrize(
    ("answers", "metadata", "words"),
    [
        ({"y": np.zeros((1, 7, 20))}, {"names": NAMES + " "}, None),
        ({"y": np.zeros((1, 9, 20))}, {"names": NAMES}, r"y \(1, 9, 20\)\. With the 3 names .* fits no layouts"),
        ({"y": np.zeros((1, 7, 7))}, {"names": NAMES}, "fits several layouts"),
        ({"y": np.zeros((1, 300, 6))}, {"names": "['a', 'b']"}, "may be boxes before suppression or after it"),
        ({"y": np.zeros((1, 300, 6))}, {}, "says no names of its classes"),
        ({"y": np.zeros((1, 3, 300))}, {}, "No row is left for the score"),
        ({"y": np.zeros((1, 3, 8, 8))}, {"names": NAMES}, "none of the layouts that are known"),
        ({"y": np.zeros((1, 8, 20))}, {**YOLO, "task": "obb"}, "Its boxes are turned"),
        ({"logits": np.zeros((1, 5, 7)), "boxes": np.zeros((1, 5, 4))}, {"names": NAMES}, "7 classes and 3 names"),
        ({"logits": np.zeros((1, 5, 7)), "boxes": np.zeros((1, 5, 4))}, {}, "no names of its 7 classes"),
    ],
)
def test_what_cannot_be_told_is_shown_with_what_is_taken(
    answers: dict[str, Any], metadata: dict[str, str], words: str | None, tmp_path: Path
) -> None:
    spec = constant(tmp_path / "net.onnx", answers, **metadata)
    if words is None:
        assert found(spec) == []
        return
    with pytest.raises(UsageError, match=rf"net\.onnx answers .*{words}.*Taken are \(N, 4 \+ C, A\)"):
        found(spec)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (columns((5, 5, -2, 3, 0.1, 0.9, 0.2)), "negative size"),
        (columns((5, 5, 2, 3, 0.1, 4.9, 0.2)), "scores outside 0 to 1"),
        (columns((5, 5, 2, 3, 0.1, -4.9, 0.2)), "scores below 0"),
        (columns((5, 5, 2, 3, 0.1, np.nan, 0.2)), "not finite"),
    ],
)
def test_numbers_that_cannot_be_boxes_are_an_error(rows: np.ndarray, words: str, tmp_path: Path) -> None:
    spec = constant(tmp_path / "net.onnx", {"output0": rows.transpose(0, 2, 1)}, **YOLO)
    with pytest.raises(InputError, match=words) as caught:
        found(spec)
    assert caught.value.kind == "prediction_failed"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ((24, 24, 40, 40, 0.9, 7), "class number 7, which has no name"),
        ((24, 24, 40, 40, 0.9, 0.5), "no whole numbers"),
        ((24, 24, 16, 16, 0.9, 1), "second corner comes before"),
        ((24, 24, 40, 40, 1.0, 0.9), "no whole numbers"),
    ],
)
def test_rows_of_another_order_are_an_error(row: tuple[float, ...], words: str, tmp_path: Path) -> None:
    spec = constant(tmp_path / "net.onnx", {"output0": np.array([[row]], np.float32)}, names=NAMES)
    with pytest.raises(InputError, match=words):
        found(spec)


def test_batches_tiles_and_fixed_sizes_change_nothing(tmp_path: Path) -> None:
    spec = cells(tmp_path / "net.onnx", names="['green']")
    pictures = [Image.new("RGB", (70 + 9 * n, 80), (0, 255, 0)) for n in range(5)]
    one, many = (list(load("detect", spec, batch_size=size)(pictures)) for size in (1, 5))
    assert [r.predictions for r in one] == [r.predictions for r in many]
    assert all(r.predictions for r in one)
    large = Image.new("RGB", (400, 200))
    large.paste((0, 255, 0), (300, 100, 340, 140))
    boxes = [box for *_, box in found(spec, large, score=0.9, tile="100:0")]
    assert boxes
    assert all(box[0] >= 295 and box[1] >= 95 and box[2] <= 345 and box[3] <= 145 for box in boxes)


def shown(spec: str, picture: Image.Image, **settings: Any) -> tuple[Record, np.ndarray]:
    task: Any = load("segment", spec, **settings)
    from visioncli.pictures import of_memory

    (answer,) = task.task.predict([task.task.prepare(of_memory(picture))])
    return answer, answer.arrays["classes"]


HALVES = Image.new("RGB", (120, 80), "red")
HALVES.paste((0, 0, 255), (60, 0, 120, 80))


@pytest.mark.parametrize("shape", [("N", 3, "H", "W"), (1, 3, 64, 64), (1, 3, 64, 96)])
def test_maps_of_logits_are_read(shape: tuple[Any, ...], tmp_path: Path) -> None:
    answer, classes = shown(planes(tmp_path / "net.onnx", shape, names=NAMES), HALVES)
    assert classes.shape == (80, 120)
    assert (classes[:, :58] == 0).all()
    assert (classes[:, 62:] == 2).all()
    assert sorted((s.label, s.label_id) for s in answer.predictions) == [("bird", 2), ("cat", 0)]


def test_class_numbers_are_read(tmp_path: Path) -> None:
    numbers = np.zeros((1, 64, 64), int)
    numbers[0, :, 32:] = 2
    spec = constant(tmp_path / "net.onnx", {"y": numbers}, names="['background', 'cat', 'dog']")
    answer, classes = shown(spec, HALVES)
    assert [(s.label, s.label_id, round(s.share, 2)) for s in answer.predictions] == [("dog", 2, 0.5)]
    assert (classes[:, 62:] == 2).all()
    spec = constant(tmp_path / "more.onnx", {"y": numbers + 5}, names="['background', 'cat', 'dog']")
    with pytest.raises(InputError, match="class number 7, which has no name"):
        load("segment", spec)(HALVES)


@pytest.mark.parametrize("share", [False, True])
def test_one_map_is_the_foreground(share: bool, tmp_path: Path) -> None:
    logits = np.full((1, 1, 64, 64), -3.0)
    logits[..., 32:] = 3
    values = 1 / (1 + np.exp(-logits)) if share else logits
    spec = constant(tmp_path / "net.onnx", {"y": values})
    answer, classes = shown(spec, HALVES, mode="foreground")
    assert [s.label for s in answer.predictions] == ["foreground"]
    assert (classes[:, 62:] == 1).all()
    assert not classes[:, :58].any()


@pytest.mark.parametrize(
    ("answers", "metadata", "words"),
    [
        ({"y": np.zeros((1, 32, 32, 5))}, {}, r"y \(1, 32, 32, 5\)\. That is no map in the proportions"),
        ({"y": np.zeros((1, 300, 8, 8))}, {}, "More than 256 classes"),
        ({"y": np.zeros((1, 8, 8), int)}, {}, "no names of its classes"),
        ({"y": np.zeros((1, 5, 8, 8))}, {"names": NAMES}, "5 classes and 3 names"),
        ({"y": np.zeros((1, 5))}, {}, "That is no map"),
        ({"y": np.zeros((1, 39, 84))}, {**YOLO, "task": "segment"}, "`vision detect` takes the boxes"),
    ],
)
def test_what_is_no_map_is_shown(
    answers: dict[str, Any], metadata: dict[str, str], words: str, tmp_path: Path
) -> None:
    spec = constant(tmp_path / "net.onnx", answers, **metadata)
    with pytest.raises(UsageError, match=rf"net\.onnx answers .*{words}.*Taken are maps"):
        load("segment", spec)


def test_a_detector_given_to_classify_is_said_to_be_one(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"should answer \(N, classes\)\. It looks like a network for `vision detect`"
    ):
        load("classify", cells(tmp_path / "net.onnx"))


def test_other_tasks_do_not_take_onnx_files(tmp_path: Path) -> None:
    spec = cells(tmp_path / "net.onnx")
    for task in ("pose", "gradcam", "caption"):
        with pytest.raises(UsageError, match=f"ONNX files are taken for classify, detect, segment, not for {task}"):
            load(task, spec)
