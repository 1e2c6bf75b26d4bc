"""Outlines of objects as masks."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from visioncli.errors import UsageError
from visioncli.labelled.interface import SetError
from visioncli.labelled.mask_sets import is_mask_set, read_masks
from visioncli.labelled.masks import IGNORED, MaskSet, with_classes

LARGE = [[2, 2, 10, 2, 10, 8, 2, 8]]
SMALL = [[4, 4, 6, 4, 6, 6, 4, 6]]


def square(category: int, outline: Any, **more: Any) -> dict[str, Any]:
    return {"image_id": 1, "category_id": category, "segmentation": outline, **more}


def coco(folder: Path, *objects: dict[str, Any], names: tuple[str, ...] = ("table", "cup")) -> Path:
    """A set of two pictures of 12 x 10, the second without objects."""
    (folder / "images").mkdir(parents=True)
    for n in (1, 2):
        Image.new("RGB", (12, 10)).save(folder / "images" / f"{n}.png")
    body = {
        "images": [{"id": n, "file_name": f"{n}.png", "width": 12, "height": 10} for n in (1, 2)],
        "categories": [{"id": 10 * n, "name": name} for n, name in enumerate(names, 1)],
        "annotations": [{"id": n, "iscrowd": 0, **one} for n, one in enumerate(objects, 1)],
    }
    (folder / "instances.json").write_text(json.dumps(body))
    return folder


def first(pictures: MaskSet) -> np.ndarray:
    """The mask of the first picture with 255 for what does not count."""
    seen = np.unique(
        np.concatenate([np.unique(pictures.numbers(n, (10, 12))) for n in range(len(pictures))])
    ).tolist()
    return with_classes(pictures, seen, None, None)[0].mask(0, (10, 12))


def test_categories_follow_the_background(tmp_path: Path) -> None:
    pictures = read_masks(str(coco(tmp_path, square(20, SMALL), square(10, LARGE))))
    assert pictures.names == ("background", "table", "cup")
    assert [Path(e.path).name for e in pictures.examples] == ["1.png", "2.png"]
    mask = first(pictures)
    assert mask[0, 0] == 0 and mask[3, 3] == 1
    assert (mask == 1).sum() + (mask == 2).sum() == 48
    assert not pictures.numbers(1, (10, 12)).any()


@pytest.mark.parametrize("order", [(LARGE, SMALL), (SMALL, LARGE)])
def test_the_smaller_object_lies_on_top(tmp_path: Path, order: tuple[Any, Any]) -> None:
    category = {id(LARGE): 10, id(SMALL): 20}
    mask = first(read_masks(str(coco(tmp_path, *(square(category[id(one)], one) for one in order)))))
    assert mask[4:6, 4:6].tolist() == [[2, 2], [2, 2]]
    assert (mask == 2).sum() == 4


def test_run_lengths_are_masks_too(tmp_path: Path) -> None:
    runs = {"size": [10, 12], "counts": [10, 20, 90]}
    mask = first(read_masks(str(coco(tmp_path, square(10, runs)))))
    assert mask[:, 1:3].all() and mask.sum() == 20


def test_crowds_do_not_count_but_where_an_object_is(tmp_path: Path) -> None:
    crowd = {"size": [10, 12], "counts": [0, 120]}
    set_ = coco(tmp_path, square(20, SMALL), square(10, crowd, iscrowd=1))
    pictures = read_masks(str(set_))
    mask = first(pictures)
    assert (mask == IGNORED).sum() == 116 and (mask == 2).sum() == 4
    assert any("1 regions of many objects" in warning for warning in pictures.warnings)
    counted = first(read_masks(str(set_), ignoring=False))
    assert (counted == 1).sum() == 116 and (counted == 2).sum() == 4


def test_a_zip_is_read_in_place(tmp_path: Path) -> None:
    set_ = coco(tmp_path / "set", square(10, LARGE))
    archive = shutil.make_archive(str(tmp_path / "packed"), "zip", set_)
    shutil.rmtree(set_)
    pictures = read_masks(archive)
    assert pictures.examples[0].path == f"{archive}!/images/1.png"
    assert (first(pictures) == 1).sum() == 48
    assert not is_mask_set(archive)


def test_masks_of_another_picture_are_told_of_with_their_size(tmp_path: Path) -> None:
    pictures = read_masks(str(coco(tmp_path, square(10, LARGE))))
    with pytest.raises(Exception, match=r"instances\.json#1\.png.*12 x 10 pixels, but the picture 9 x 9"):
        pictures.numbers(0, (9, 9))


def test_what_cannot_be_learned_from_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SetError, match="no objects"):
        read_masks(str(coco(tmp_path / "empty")))
    boxes = coco(tmp_path / "boxes", square(10, None, bbox=[1, 1, 4, 4]))
    with pytest.raises(SetError, match="annotation 0"):
        read_masks(str(boxes))
    lost = coco(tmp_path / "lost", square(10, LARGE))
    shutil.rmtree(lost / "images")
    with pytest.raises(SetError, match="--images"):
        read_masks(str(lost / "instances.json"))
    with pytest.raises(UsageError, match="--palette"):
        (tmp_path / "p.txt").write_text("0 0 0 a\n1 1 1 b\n")
        read_masks(str(boxes), palette=str(tmp_path / "p.txt"))
    with pytest.raises(SetError, match="does not exist"):
        read_masks(str(tmp_path / "nothing"))
