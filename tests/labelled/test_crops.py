"""Boxes of annotations as pictures."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from small_sets import place, zipped
from visioncli.labelled import content
from visioncli.labelled.interface import PictureSet, SetError
from visioncli.labelled.recognise import read_set


def halves() -> bytes:
    """40 x 20 pixels: red at the left, blue at the right."""
    image = Image.new("RGB", (40, 20), "red")
    image.paste("blue", (20, 0, 40, 20))
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def coco(*boxes: tuple[str, int, list[float], int], size: bool = True) -> str:
    """A COCO file: picture, category, x y width height, crowd."""
    names = list(dict.fromkeys(name for name, *_ in boxes))
    sides = {"width": 40, "height": 20} if size else {}
    body: dict[str, Any] = {
        "images": [{"id": n, "file_name": name, **sides} for n, name in enumerate(names)],
        "categories": [{"id": 1, "name": "red"}, {"id": 2, "name": "blue"}, {"id": 3, "name": "unused"}],
        "annotations": [
            {"id": n, "image_id": names.index(name), "category_id": category, "bbox": box, "iscrowd": crowd}
            for n, (name, category, box, crowd) in enumerate(boxes)
        ],
    }
    return json.dumps(body)


def voc(*boxes: tuple[str, int, int, int, int]) -> str:
    """The annotation of one picture."""
    objects = "".join(
        f"<object><name>{name}</name><bndbox><xmin>{a}</xmin><ymin>{b}</ymin><xmax>{c}</xmax><ymax>{d}</ymax>"
        "</bndbox></object>"
        for name, a, b, c, d in boxes
    )
    return f"<annotation><filename>1.png</filename>{objects}</annotation>"


def colours(found: PictureSet) -> list[tuple[str, tuple[int, int, int], tuple[int, int]]]:
    """Class, colour and size of each picture."""
    loaded = [(found.classes[e.label], content.load(e).rgb) for e in found.examples]
    assert all(len(np.unique(rgb.reshape(-1, 3), axis=0)) == 1 for _, rgb in loaded)
    return [(name, tuple(rgb[0, 0].tolist()), rgb.shape[1::-1]) for name, rgb in loaded]  # type: ignore[misc]


RED_AND_BLUE = [("red", (255, 0, 0), (20, 10)), ("blue", (0, 0, 255), (15, 20))]
BOXES: list[tuple[str, int, list[float], int]] = [("1.png", 1, [0, 0, 20, 10], 0), ("1.png", 2, [25, 0, 15, 20], 0)]


@pytest.mark.parametrize("inside", ["images", "val2017", "."])
def test_each_box_of_a_coco_file_is_a_picture(tmp_path: Path, inside: str) -> None:
    place(tmp_path, [f"{inside}/1.png"], halves())
    (tmp_path / "truth.json").write_text(coco(*BOXES))
    for named in (tmp_path / "truth.json", tmp_path):
        found = read_set(str(named), crops=True)
        assert found.format == "coco crops"
        assert found.classes == ("blue", "red")
        assert colours(found) == RED_AND_BLUE
        assert len({e.relative for e in found.examples}) == 2
        assert found.examples[0].path.endswith("1.png")


def test_a_coco_file_among_annotations_finds_the_folder_beside_its_own(tmp_path: Path) -> None:
    place(tmp_path, ["train2017/1.png", "val2017/1.png"], halves())
    (tmp_path / "annotations").mkdir()
    for split in ("train2017", "val2017"):
        (tmp_path / "annotations" / f"instances_{split}.json").write_text(coco(*BOXES))
    one = read_set(str(tmp_path / "annotations" / "instances_val2017.json"), crops=True)
    assert colours(one) == RED_AND_BLUE
    assert {(e.split, Path(e.path).parent.name) for e in one.examples} == {("val", "val2017")}
    both = read_set(str(tmp_path), crops=True)
    assert sorted({(e.split, Path(e.path).parent.name) for e in both.examples}) == [
        ("train", "train2017"),
        ("val", "val2017"),
    ]
    assert both.classes_by_split == {"train": ("blue", "red"), "val": ("blue", "red")}


def test_a_picture_that_may_be_any_of_two_is_not_guessed(tmp_path: Path) -> None:
    place(tmp_path, ["a/1.png", "b/1.png"], halves())
    (tmp_path / "truth.json").write_text(coco(*BOXES))
    with pytest.raises(SetError, match=r"1\.png may be .*a/1\.png or .*b/1\.png"):
        read_set(str(tmp_path / "truth.json"), crops=True)
    assert len(read_set(str(tmp_path / "truth.json"), crops=True, images=str(tmp_path / "b"))) == 2


def test_voc_annotations_are_read(tmp_path: Path) -> None:
    place(tmp_path, ["JPEGImages/1.png"], halves())
    place(tmp_path, ["Annotations/1.xml"], voc(("red", 0, 0, 20, 10), ("blue", 25, 0, 40, 20)).encode())
    found = read_set(str(tmp_path), crops=True)
    assert found.format == "voc crops"
    assert colours(found) == RED_AND_BLUE


def test_pictures_may_lie_in_a_folder_that_is_named(tmp_path: Path) -> None:
    place(tmp_path / "elsewhere", ["deep/1.png"], halves())
    place(tmp_path / "a", ["truth.json"], coco(*BOXES).encode())
    found = read_set(str(tmp_path / "a" / "truth.json"), crops=True, images=str(tmp_path / "elsewhere"))
    assert colours(found) == RED_AND_BLUE


def test_annotations_in_a_zip_are_read_with_its_pictures(tmp_path: Path) -> None:
    place(tmp_path / "set", ["images/1.png"], halves())
    place(tmp_path / "set", ["instances.json"], coco(*BOXES).encode())
    found = read_set(str(zipped(tmp_path / "set", tmp_path / "set.zip")), crops=True)
    assert colours(found) == RED_AND_BLUE
    assert found.source == f"{tmp_path}/set.zip"


def test_crowds_and_boxes_without_a_pixel_are_left_out_and_counted(tmp_path: Path) -> None:
    place(tmp_path, ["1.png"], halves())
    odd = [("1.png", 1, [0, 0, 9, 9], 1), ("1.png", 1, [5, 5, 0, 3], 0), ("1.png", 2, [60, 0, 9, 9], 0)]
    (tmp_path / "truth.json").write_text(coco(*BOXES, *odd))
    found = read_set(str(tmp_path / "truth.json"), crops=True)
    assert colours(found) == RED_AND_BLUE
    assert found.warnings == (
        "1 regions of many objects (crowd) are left out.",
        "2 boxes without a pixel inside of the picture are left out.",
    )


def test_missing_pictures_are_left_out_and_counted(tmp_path: Path) -> None:
    place(tmp_path, ["1.png"], halves())
    (tmp_path / "truth.json").write_text(coco(*BOXES, ("gone.png", 1, [0, 0, 9, 9], 0)))
    found = read_set(str(tmp_path / "truth.json"), crops=True)
    assert len(found) == 2
    assert found.warnings[-1].endswith("the first is gone.png")
    (tmp_path / "1.png").unlink()
    with pytest.raises(SetError, match=r"none of the 2 pictures .* was found, such as 1\.png\. Name their folder"):
        read_set(str(tmp_path / "truth.json"), crops=True)


@pytest.mark.parametrize("text", ["{", "{}", "[]", '{"images": [], "annotations": [], "categories": []}', "\0"])
def test_damaged_annotations_are_a_sentence(tmp_path: Path, text: str) -> None:
    place(tmp_path, ["1.png"], halves())
    (tmp_path / "truth.json").write_text(text)
    with pytest.raises(SetError, match=r"truth\.json"):
        read_set(str(tmp_path / "truth.json"), crops=True)


def test_without_crops_annotations_are_pointed_out(tmp_path: Path) -> None:
    place(tmp_path, ["images/1.png"], halves())
    (tmp_path / "truth.json").write_text(coco(*BOXES))
    for named in (tmp_path, tmp_path / "truth.json"):
        with pytest.raises(SetError, match="say --crops"):
            read_set(str(named))


def test_a_folder_without_annotations_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SetError, match="no boxes were found here"):
        read_set(str(place(tmp_path, ["cat/1.png"])), crops=True)
