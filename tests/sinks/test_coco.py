import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from sinks.samples import BRUSH, CAT, LABELS, MODEL, failed, folder, person, record, ring, segment
from visioncli.errors import UsageError
from visioncli.results import Record
from visioncli.sinks.coco import CocoSink, coco_result, find_image

TRUTH: dict[str, Any] = {
    "images": [{"id": 42, "file_name": "cat.jpg"}, {"id": 7, "file_name": "a/dog.jpg"}],
    "categories": [{"id": i, "name": n} for i, n in LABELS.items()],
    "annotations": [],
}


def written(tmp_path: Path, *records: Record, truth: Path | None = None) -> Path:
    out = folder(tmp_path)
    sink = CocoSink(out, LABELS, truth)
    for body in records:
        sink.write(body)
    sink.close()
    return tmp_path / "out" / "predictions.coco.json"


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    path = tmp_path / "truth.json"
    path.write_text(json.dumps(TRUTH))
    return path


def test_without_a_truth_it_is_a_data_set_that_pycocotools_reads(tmp_path: Path) -> None:
    bodies = (record("detect", "a/cat.jpg", CAT, BRUSH), record("detect", "b.jpg"), failed("detect", "c.jpg"))
    data = COCO(str(written(tmp_path, *bodies)))
    assert {i["file_name"] for i in data.imgs.values()} == {"a/cat.jpg", "b.jpg"}
    assert {c["id"]: c["name"] for c in data.cats.values()} == LABELS
    ((image,),) = ([i for i in data.imgs.values() if i["file_name"] == "a/cat.jpg"],)
    assert (image["width"], image["height"]) == (120, 100)
    cat, brush = data.loadAnns(data.getAnnIds(imgIds=[image["id"]]))
    assert (cat["category_id"], cat["score"], cat["iscrowd"]) == (17, 0.9, 0)
    assert cat["bbox"] == pytest.approx([10.25, 20.5, 49.875, 69.5])
    assert cat["area"] == pytest.approx(49.875 * 69.5, abs=1e-3)
    assert brush["bbox"] == [0, 0, 120, 100]
    assert len(data.anns) == 2


def test_with_a_truth_it_is_a_list_of_results_with_the_truths_ids(tmp_path: Path, truth: Path) -> None:
    path = written(tmp_path, record("detect", "cat.jpg", CAT), record("detect", "x/a/dog.jpg", BRUSH), truth=truth)
    results = json.loads(path.read_text())
    assert [(r["image_id"], r["category_id"]) for r in results] == [(42, 17), (7, 90)]
    loaded = COCO(str(truth)).loadRes(str(path))
    assert len(loaded.anns) == 2


def test_pictures_that_the_truth_does_not_list_are_left_out_and_named(tmp_path: Path, truth: Path) -> None:
    out = folder(tmp_path)
    sink = CocoSink(out, LABELS, truth)
    assert sink.remark is None
    sink.write(record("detect", "other.jpg", CAT))
    sink.close()
    assert json.loads((tmp_path / "out" / "predictions.coco.json").read_text()) == []
    assert sink.remark is not None and "photos/other.jpg" in sink.remark


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "--images .*: there is no such file"),
        ("{", "--images .*: malformed JSON at line 1"),
        ("[" * 100_000, "--images .* nested too deeply"),
        ('{"images": [{"file_name": "a", "id": 1e999}]}', "images list"),
        ("[]", "not a COCO"),
        ('{"images": [{}]}', "images list"),
    ],
)
def test_a_truth_that_is_none_is_wrong_usage(content: str | None, words: str, tmp_path: Path) -> None:
    path = tmp_path / "truth.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UsageError, match=words):
        CocoSink(folder(tmp_path), LABELS, path)


def test_a_truth_that_never_ends_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--images /dev/zero: this is a device"):
        CocoSink(folder(tmp_path), LABELS, Path("/dev/zero"))


def test_the_number_in_a_files_name_is_its_id_and_ids_are_the_same_in_every_run(tmp_path: Path) -> None:
    bodies = [record("detect", n) for n in ("000000022892.jpg", "cat.jpg", "a/000000022892.jpg")]

    def ids(run: str, order: list[Record]) -> dict[str, int]:
        data = json.loads(written(tmp_path / run, *order).read_text())
        return {i["file_name"]: i["id"] for i in data["images"]}

    first = ids("one", bodies)
    assert first["000000022892.jpg"] == 22892
    assert len(set(first.values())) == 3
    assert ids("two", bodies) == first
    assert ids("three", bodies[1:2])["cat.jpg"] == first["cat.jpg"]


def test_masks_are_run_lengths_with_holes_and_parts(tmp_path: Path, truth: Path) -> None:
    for case, given_truth in (("own", None), ("results", truth)):
        path = written(tmp_path / case, record("segment", "cat.jpg", segment(ring())), truth=given_truth)
        data = COCO(str(path)) if given_truth is None else COCO(str(truth)).loadRes(str(path))
        (annotation,) = data.anns.values()
        np.testing.assert_array_equal(coco_mask.decode(annotation["segmentation"]), ring())
        assert annotation["area"] == ring().sum()
        assert list(annotation["bbox"]) == [10, 10, 110, 80]


def test_a_class_mask_without_score_gets_one() -> None:
    body = record("segment", "cat.jpg", segment(ring())).to_json()
    assert coco_result(body["predictions"][0])["score"] == 1.0


def test_keypoints_are_51_numbers_and_count_the_sure(tmp_path: Path, truth: Path) -> None:
    path = written(tmp_path, record("pose", "cat.jpg", person()), truth=truth)
    (result,) = json.loads(path.read_text())
    assert len(result["keypoints"]) == 51
    assert result["keypoints"][:3] == [10, 20, 1] and result["keypoints"][-3:] == [26, 52, 2]
    assert result["num_keypoints"] == sum(v == 2 for v in result["keypoints"][2::3]) == 13
    loaded = COCO(str(truth)).loadRes(str(path))
    assert len(loaded.anns) == 1


def test_no_detection_at_all_is_an_empty_list_or_data_set(tmp_path: Path, truth: Path) -> None:
    assert json.loads(written(tmp_path / "a", record("detect", "cat.jpg"), truth=truth).read_text()) == []
    data = json.loads(written(tmp_path / "b", record("detect", "cat.jpg")).read_text())
    assert data["annotations"] == [] and len(data["images"]) == 1


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=5), st.integers(0, 4))
def test_a_picture_is_found_by_the_longest_end_of_its_path(parts: list[str], start: int) -> None:
    ids = {"/".join(parts[n:]): n for n in range(len(parts))}
    assert find_image(ids, "/".join(parts)) == ids["/".join(parts)]
    assert find_image({"/".join(parts[min(start, len(parts) - 1) :]): 5}, "/".join(parts)) == 5
    assert find_image({"other": 1}, "/".join(parts)) is None


def test_names_that_are_the_same_number_get_ids_that_are_no_others_and_the_same_in_each_run(tmp_path: Path) -> None:
    inputs = ("a/000042.jpg", "b/000042.jpg", "c/000042.jpg", "c/000043.jpg")
    outputs = ("000042.jpg", "b/000042.jpg", "c/000042.jpg", "000043.jpg")

    def images(name: str) -> tuple[list[int], list[str], str]:
        sink = CocoSink(folder(tmp_path / name), LABELS)
        for path, output in zip(inputs, outputs, strict=True):
            sink.write(Record("detect", path, 120, 100, MODEL, (CAT,), output=output))
        sink.close()
        body = json.loads((tmp_path / name / "out" / "predictions.coco.json").read_bytes())
        assert {a["image_id"] for a in body["annotations"]} == {i["id"] for i in body["images"]}
        return [i["id"] for i in body["images"]], [i["file_name"] for i in body["images"]], sink.remark or ""

    ids, names, remark = images("first")
    assert ids[::3] == [42, 43]
    assert len({*ids}) == 4
    assert names == ["a/000042.jpg", "b/000042.jpg", "c/000042.jpg", "000043.jpg"]
    assert remark.startswith("2 pictures had the same number for a name")
    assert "b/000042.jpg, c/000042.jpg" in remark
    assert images("second")[0] == ids


def test_pictures_of_one_folder_keep_their_names_below_it(tmp_path: Path) -> None:
    records = [Record("detect", f"photos/{n}", 120, 100, MODEL, (CAT,), output=n) for n in ("1.jpg", "b/1.jpg")]
    body = json.loads(written(tmp_path, *records).read_bytes())
    assert [i["file_name"] for i in body["images"]] == ["1.jpg", "b/1.jpg"]
