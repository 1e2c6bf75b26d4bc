import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from conftest import make_picture
from run_folders import row_of, seeded
from visioncli import load
from visioncli.api import build_task
from visioncli.engines.interface import Engine, EngineOptions
from visioncli.errors import ModelUnavailable, UsageError
from visioncli.models import registry
from visioncli.models.labels import load_labels
from visioncli.pictures import Picture
from visioncli.results import ModelInfo
from visioncli.tasks.beforehand import check_names, check_views
from visioncli.tasks.detect.detectors import Boxes
from visioncli.tasks.interface import Answer
from visioncli.tasks.segment.masks import decode
from visioncli.tasks.segment.segmenters import DeeplabSegmenter
from visioncli.tasks.segment.task import COCO_NAME_OF_VOC, SegmentTask, split_class_masks
from visioncli.tasks.segment.tiles import AUTO
from visioncli.weights.runs import read_run, read_weights, write_model

ROW = registry.find("deeplab_v3_mobilenet_v2", "segment")
VOC, COCO = load_labels("voc"), load_labels("coco")
CAT, DOG = 8, 12
COCO_PERSON, COCO_CAT, COCO_DOG, COCO_CUP, COCO_COUCH = 1, 17, 18, 47, 63


class Grid(Engine):
    """Answers with logits that put one class on each cell of a coarse picture, whatever the input shows."""

    def __init__(self, classes: np.ndarray, sure: float = 9.0) -> None:
        self._classes, self._sure = classes, sure

    def compute(self, batch: np.ndarray) -> tuple[np.ndarray, ...]:
        h, w = (batch.shape[2] - 1) // 8 + 1, (batch.shape[3] - 1) // 8 + 1
        cells = np.asarray(Image.fromarray(self._classes).resize((w, h), Image.Resampling.NEAREST))
        logits = np.where(np.arange(21)[:, None, None] == cells, self._sure, 0.0).astype(np.float32)
        return (np.repeat(logits[None], len(batch), 0),)


def found(*rows: tuple[float, float, float, float, float, int]) -> Any:
    """A detector that finds these boxes (x1, y1, x2, y2, score, category id) in every picture."""
    table = np.array(rows, np.float32).reshape(-1, 6)
    objects = Boxes(table[:, :4], table[:, 4], table[:, 5].astype(np.int64))
    return SimpleNamespace(
        labels=COCO,
        model=ModelInfo("detector", None),
        facts={"name": "detector", "weights_sha256": None, "precision": None, "tta": "flip"},
        settings={"score": 0.4},
        parallel=1,
        prepare=lambda picture: picture,
        find=lambda batch: [objects for _ in batch],
    )


def halves(left: int, right: int) -> np.ndarray:
    return np.repeat(np.array([[left] * 4 + [right] * 4], np.uint8), 8, 0)


def answer(classes: np.ndarray, width: int = 160, height: int = 120, sure: float = 9.0, **settings: Any) -> Answer:
    task = SegmentTask(ROW, DeeplabSegmenter(Grid(classes, sure)), **settings)
    return task.predict([task.prepare(Picture(Image.new("RGB", (width, height)), 1.0))])[0]


def test_each_class_is_one_segment_at_the_pictures_size_the_largest_first() -> None:
    given = answer(np.array([[0, 0, CAT, CAT, CAT, CAT, DOG, DOG]], np.uint8).repeat(8, 0))
    cat, dog = given.predictions
    assert [(s.label, s.label_id) for s in (cat, dog)] == [("cat", CAT), ("dog", DOG)]
    assert cat.share == pytest.approx(0.5, abs=0.02)
    assert cat.area == round(cat.share * 160 * 120)
    assert cat.score is None and cat.box is None and cat.approximate is None
    classes = given.arrays["classes"]
    assert classes.shape == (120, 160) and classes.dtype == np.uint8
    for segment in (cat, dog):
        np.testing.assert_array_equal(decode(segment.mask), classes == segment.label_id)


def test_background_alone_gives_no_segment() -> None:
    for mode in ("semantic", "foreground"):
        assert answer(halves(0, 0), mode=mode).predictions == ()


def test_the_foreground_is_everything_that_is_not_background_with_soft_edges() -> None:
    given = answer(halves(0, CAT), mode="foreground", sure=1.5)
    (segment,) = given.predictions
    alpha = given.arrays["alpha"]
    assert (segment.label, segment.label_id) == ("foreground", 1)
    np.testing.assert_array_equal(decode(segment.mask), alpha >= 128)
    assert (alpha[:, :60] == 0).all() and (alpha[:, 100:] == 255).all()
    edge = alpha[60, 60:100].astype(int)
    assert (np.diff(edge) >= 0).all()
    assert ((edge > 0) & (edge < 255)).any()
    assert segment.box is not None and segment.box[2:] == (160, 120)


def test_classes_that_differ_do_not_cut_the_foreground_apart() -> None:
    given = answer(halves(CAT, DOG), mode="foreground")
    assert (given.arrays["alpha"] == 255).all()


def test_an_object_is_the_class_inside_its_box_and_says_that_this_is_approximate() -> None:
    given = answer(
        halves(0, CAT),
        mode="instance",
        detector=found((60, 20, 140, 100, 0.8, COCO_CAT), (0, 0, 40, 40, 0.7, COCO_CUP)),
    )
    (cat,) = given.predictions
    assert (cat.label, cat.label_id, cat.approximate) == ("cat", COCO_CAT, True)
    assert cat.score == pytest.approx(0.8)
    mask = decode(cat.mask)
    assert mask[20:100, 90:140].all()
    assert not mask[:20].any() and not mask[100:].any() and not mask[:, :70].any() and not mask[:, 140:].any()
    assert cat.box == (pytest.approx(80, abs=3), 20, 140, 100)
    assert given.extra["approximate"] is True
    assert given.extra["detector"]["name"] == "detector"


def test_what_the_network_does_not_know_is_counted_and_what_has_no_pixels_too() -> None:
    cups = [(0, 0, 40, 40, 0.7, COCO_CUP), (50, 0, 90, 40, 0.6, COCO_CUP)]
    given = answer(halves(0, CAT), mode="instance", detector=found(*cups, (0, 0, 30, 30, 0.5, COCO_DOG)))
    assert given.predictions == ()
    assert given.extra["left_out"] == {"cup": 2}
    assert given.extra["without_pixels"] == 1


def test_classes_that_coco_calls_otherwise_are_the_same() -> None:
    sofa = next(i for i, name in VOC.items() if name == "sofa")
    (couch,) = answer(
        halves(0, sofa), mode="instance", detector=found((60, 0, 160, 120, 0.9, COCO_COUCH))
    ).predictions
    assert couch.label == "couch"
    names = set(COCO.values())
    assert all(COCO_NAME_OF_VOC.get(name, name) in names for i, name in VOC.items() if i)


def test_overlapping_objects_of_one_class_share_no_pixel_and_leave_none() -> None:
    classes = np.full((100, 200), CAT, np.uint8)
    boxes = np.array([[10, 10, 110, 90], [70, 10, 190, 90]], np.float32)
    one, two = split_class_masks(classes, boxes, np.array([CAT, CAT]))
    assert not (one & two).any()
    assert (one | two)[10:90, 10:190].all()
    assert one[50, 20] and two[50, 180]
    # Where they overlap, the border lies where both centres are equally near, in box sizes.
    assert one[50, 70:80].all() and two[50, 100:110].all()


def test_overlapping_objects_of_two_classes_each_take_their_own() -> None:
    classes = halves(CAT, DOG).repeat(10, 0).repeat(10, 1)
    whole = np.array([[0, 0, 80, 80], [0, 0, 80, 80]], np.float32)
    cat, dog = split_class_masks(classes, whole, np.array([CAT, DOG]))
    np.testing.assert_array_equal(cat, classes == CAT)
    np.testing.assert_array_equal(dog, classes == DOG)


def test_equal_boxes_go_to_the_better_one() -> None:
    classes = np.full((50, 50), CAT, np.uint8)
    boxes = np.array([[5, 5, 45, 45]] * 2, np.float32)
    one, two = split_class_masks(classes, boxes, np.array([CAT, CAT]))
    assert one.sum() == 1600 and not two.any()


def test_boxes_beyond_the_picture_are_cut_to_it() -> None:
    classes = np.full((20, 30), CAT, np.uint8)
    (mask,) = split_class_masks(classes, np.array([[-50, -50, 500, 500]], np.float32), np.array([CAT]))
    assert mask.all()


def test_polygons_are_given_on_demand() -> None:
    (segment,) = answer(halves(0, CAT), polygons=True).predictions
    (part,) = segment.polygons
    xs = part.exterior[::2]
    assert (min(xs), max(xs)) == (pytest.approx(80, abs=3), 160)
    assert answer(halves(0, CAT)).predictions[0].polygons is None


@pytest.mark.parametrize("settings", [{"mode": "panoptic"}, {"size": 1}, {"size": 5000}, {"mode": "instance"}])
def test_impossible_settings_are_wrong_usage(settings: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        SegmentTask(ROW, DeeplabSegmenter(Grid(halves(0, 0))), **settings)


def test_flipping_averages_with_the_mirrored_picture() -> None:
    # This network sees a cat on the left whatever it is shown: mirrored, as much speaks for it as against it.
    assert answer(halves(CAT, 0)).predictions[0].share == pytest.approx(0.5, abs=0.02)
    assert sum(s.share for s in answer(halves(CAT, 0), flip=True).predictions) < 0.05
    assert answer(halves(CAT, CAT), flip=True).predictions[0].share == 1


@pytest.mark.parametrize("mode", ["semantic", "instance", "foreground"])
def test_the_network_answers_alike_whatever_the_batch(mode: str) -> None:
    task = load("segment", mode=mode, size=129).task
    sizes = [(160, 120), (90, 200), (48, 40), (1, 1), (3, 400)]
    prepared = [task.prepare(Picture(make_picture(n, size), 1.0)) for n, size in enumerate(sizes)]
    together = task.predict(prepared)
    for one, answer in zip(prepared, together, strict=True):
        (alone,) = task.predict([one])
        assert alone.predictions == answer.predictions


def test_settings_are_json_and_differ_by_mode() -> None:
    plain, objects = (
        SegmentTask(ROW, DeeplabSegmenter(Grid(halves(0, 0))), mode=m, detector=d).settings
        for m, d in (("semantic", None), ("instance", found()))
    )
    assert json.loads(json.dumps(plain)) == plain
    assert plain != objects


@pytest.mark.shared_data
def test_classes_at_257_squashed_are_those_of_the_original_runtime(shared_data: Path) -> None:
    """The reference squashes pictures to 257 x 257; a picture of that size is not resized at all."""
    task = load("segment", size=257).task
    checked = 0
    for path in sorted((shared_data / "reference" / "deeplab_v3_257").glob("*.png")):
        with Image.open(path) as image:
            want = np.asarray(image)
        with Image.open(next((shared_data / "coco" / "images").glob(f"{path.stem}.*"))) as image:
            squashed = image.convert("RGB").resize((257, 257), Image.Resampling.BILINEAR)
        (given,) = task.predict([task.prepare(Picture(squashed, 1.0))])
        got = given.arrays["classes"]
        assert got.shape == want.shape
        assert (got == want).mean() >= 0.995, path.name
        checked += 1
    assert checked


def test_tta_flip_is_what_flip_is_short_for() -> None:
    assert answer(halves(CAT, 0), tta="flip").predictions == answer(halves(CAT, 0), flip=True).predictions
    flipped = SegmentTask(ROW, DeeplabSegmenter(Grid(halves(0, 0))), flip=True)
    assert flipped.settings["tta"] == "flip"
    with pytest.raises(UsageError, match="--tta is one of none, flip, turns"):
        SegmentTask(ROW, DeeplabSegmenter(Grid(halves(0, 0))), tta="both")


def test_the_mirror_image_and_the_named_detectors_reach_the_boxes_of_instances() -> None:
    task = load("segment", mode="instance", tta="flip", detector="ssd_mobilenet_v2").task
    assert task.settings["detector"]["tta"] == "flip"
    assert task.settings["detector"]["name"] == "ssd_mobilenet_v2"
    assert [row["name"] for row in task.settings["networks"]] == ["deeplab_v3_mobilenet_v2", "ssd_mobilenet_v2"]


def unet_run(folder: Path, **spec: Any) -> Path:
    """A RUN folder of a U-Net with random weights."""
    row = row_of("unet", labels=("background", "road", "water"))
    row = dataclasses.replace(row, input=dataclasses.replace(row.input, **spec))
    write_model(folder, row, seeded(row).state_dict(), {})
    return folder


@pytest.mark.parametrize("engine", ["torch", "onnx"])
def test_a_u_net_sees_every_pixel_of_a_picture_of_any_size(tmp_path: Path, engine: str) -> None:
    run = unet_run(tmp_path / "run", size=40)
    pixels = np.random.default_rng(0).integers(0, 256, (45, 70, 3), np.uint8)
    record = load("segment", str(run), engine=engine)(pixels)
    areas = {p.label: p.area for p in record.predictions or ()}
    with torch.inference_mode():
        x = torch.from_numpy(pixels.transpose(2, 0, 1)[None].astype(np.float32) / 255 - 0.5) / 0.5
        best = seeded(row_of("unet", labels="abc"))(x)[0].argmax(0)
    for i, name in ((1, "road"), (2, "water")):
        assert abs(areas.get(name, 0) - int((best == i).sum())) <= 2
    assert sum(areas.values()) <= 45 * 70


def test_a_u_net_trained_on_smaller_pictures_is_shown_smaller_ones(tmp_path: Path) -> None:
    task = build_task("segment", str(unet_run(tmp_path / "run", resize=64)), EngineOptions(engine="torch"))
    prepared = task.prepare(Picture(Image.new("RGB", (200, 100)), 1.0))
    assert prepared.x.shape == (3, 64, 128)
    assert task.settings["size"] == 64


def test_in_all_eight_views_a_turned_picture_has_the_turned_answer(tmp_path: Path) -> None:
    run = str(unet_run(tmp_path / "run"))
    pixels = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    for tta, same in (("turns", True), ("none", False)):
        task = build_task("segment", run, EngineOptions(engine="torch"), tta=tta)

        def classes(array: np.ndarray, task: Any = task) -> np.ndarray:
            image = Image.fromarray(np.ascontiguousarray(array))
            (answer,) = task.predict([task.prepare(Picture(image, 1.0))])
            return answer.arrays["classes"]

        turned, mirrored = classes(np.rot90(pixels)), classes(pixels[:, ::-1])
        plain = classes(pixels)
        agree = [(np.rot90(plain) == turned).mean(), (plain[:, ::-1] == mirrored).mean()]
        assert bool(min(agree) > 0.999) is same, (tta, agree)


def test_a_run_says_in_which_views_it_looks_and_the_user_may_say_otherwise(tmp_path: Path) -> None:
    run = unet_run(tmp_path / "run")
    row = read_run(run)
    row = write_model(run, dataclasses.replace(row, views="turns"), read_weights(row), {})
    assert row.views == "turns" == read_run(run).views
    options = EngineOptions(engine="torch")
    assert build_task("segment", str(run), options).settings["tta"] == "turns"
    assert build_task("segment", str(run), options, tta="none").settings["tta"] == "none"
    notes = json.loads((run / "model.json").read_text())
    (run / "model.json").write_text(json.dumps(notes | {"views": "all"}))
    with pytest.raises(ModelUnavailable, match="views of masks are one of none, flip, turns, not 'all'"):
        read_run(run)


@pytest.mark.parametrize("tta", ["none", "turns"])
def test_answers_of_a_run_lie_where_the_masks_did_that_it_learned_from(tmp_path: Path, tta: str) -> None:
    run = unet_run(tmp_path / "run")
    picture = Picture(Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)), 1.0)

    def classes() -> np.ndarray:
        task = build_task("segment", str(run), EngineOptions(engine="torch"), tta=tta)
        (answer,) = task.predict([task.prepare(picture)])
        found: np.ndarray = answer.arrays["classes"]
        return found

    plain = classes()
    assert len(np.unique(plain)) > 1
    row = read_run(run)
    row = write_model(run, dataclasses.replace(row, offset=(-3.0, 2.0)), read_weights(row), {})
    assert row.offset == (-3.0, 2.0) == read_run(run).offset
    np.testing.assert_array_equal(classes()[:-3, 2:], plain[3:, :-2])
    notes = json.loads((run / "model.json").read_text())
    for wrong in ([1.0], [99.0, 0.0]):
        (run / "model.json").write_text(json.dumps(notes | {"offset": wrong}))
        with pytest.raises(ModelUnavailable, match="offset of masks is two numbers of pixels up to 16"):
            read_run(run)


def test_views_that_cannot_be_had_are_refused() -> None:
    with pytest.raises(UsageError, match=r"--tta turns is for masks of classes .* with --mode instance"):
        load("segment", mode="instance", tta="turns")
    with pytest.raises(UsageError, match="masks of its mirror image cannot be averaged"):
        check_views(registry.find("maskrcnn_resnet50_fpn"), "turns", "instance")


def test_large_pictures_go_through_a_u_net_in_tiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = build_task("segment", str(unet_run(tmp_path / "run")), EngineOptions(engine="torch"))
    small, large = (Picture(Image.new("RGB", size), 1.0) for size in ((1024, 1024), (1025, 1024)))
    assert task.prepare(small).tiling is None
    assert task.prepare(large).tiling == AUTO
    assert task.prepare(large).x is None


def test_tiles_are_blended_into_classes_of_the_whole_picture(tmp_path: Path) -> None:
    run = str(unet_run(tmp_path / "run"))
    rgb = np.zeros((96, 300, 3), np.uint8)
    rgb[:, 150:] = 255
    whole, tiled = (load("segment", run, engine="torch", tile=tile)(rgb) for tile in (None, "96:0.5"))
    count = [{p.label: p.share for p in record.predictions or ()} for record in (whole, tiled)]
    assert count[0].keys() == count[1].keys()
    # Beyond the middle of their overlap, tiles see nearly what the whole picture shows.
    assert all(abs(count[0][name] - count[1][name]) < 0.1 for name in count[0])
    with pytest.raises(UsageError, match="--tile takes SIZE"):
        load("segment", run, tile="none")


def test_deeplab_takes_tiles_too(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[tuple[int, int]] = []

    class Watched(DeeplabSegmenter):
        def prepare(self, image: Image.Image, size: int) -> np.ndarray:
            sizes.append(image.size)
            return super().prepare(image, size)

    task = SegmentTask(ROW, Watched(Grid(halves(CAT, CAT))), size=129, tile="100:0.2")
    (answer,) = task.predict([task.prepare(Picture(Image.new("RGB", (180, 90)), 1.0))])
    assert sizes == [(100, 90), (100, 90)]
    assert [(s.label, s.area) for s in answer.predictions] == [("cat", 180 * 90)]
    assert task.settings["tile"] == [100, 0.2]


def test_a_foreground_may_be_cut_out_tile_by_tile() -> None:
    task = SegmentTask(ROW, DeeplabSegmenter(Grid(halves(0, CAT))), mode="foreground", size=129, tile="64:0")
    (answer,) = task.predict([task.prepare(Picture(Image.new("RGB", (64, 128)), 1.0))])
    alpha = answer.arrays["alpha"]
    assert (alpha[:, :28] == 0).all() and (alpha[:, 36:] == 255).all()


@pytest.mark.parametrize("name", ["u2netp", "maskrcnn_resnet50_fpn"])
def test_networks_that_need_the_whole_picture_take_no_tiles(name: str) -> None:
    mode = "foreground" if name == "u2netp" else "instance"
    with pytest.raises(UsageError, match=f"{name} looks at the picture as a whole: --tile"):
        check_names("segment", registry.find(name), {"mode": mode, "tile": "512"})
