"""Pictures with masks: which mask is whose, and what the numbers in them mean."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mask_sets import draw_masks, save_mask
from visioncli.errors import InputError
from visioncli.labelled.interface import SetError
from visioncli.labelled.mask_sets import is_mask_set, read_masks
from visioncli.labelled.masks import IGNORED, MaskSet, read_names, with_classes


def place(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        save_mask(path, np.zeros((4, 4)))
    return folder


def pairs(found: MaskSet, folder: Path) -> dict[str, tuple[str, str]]:
    """The mask and the split of each picture."""
    cut = len(str(folder)) + 1
    return {
        example.path[cut:]: (mask[cut:], example.split)
        for example, mask in zip(found.examples, found.paths, strict=True)
    }


def test_a_mask_is_called_as_its_picture_is(tmp_path: Path) -> None:
    place(tmp_path, "images/a.png", "masks/a.png", "images/b.jpg", "masks/b_mask.png", "images/c.png")
    assert pairs(read_masks(str(tmp_path)), tmp_path) == {
        "images/a.png": ("masks/a.png", ""),
        "images/b.jpg": ("masks/b_mask.png", ""),
        "images/c.png": ("", ""),
    }


@pytest.mark.parametrize("pattern", ["{split}/{kind}/{n}.png", "{kind}/{split}/{n}.png"])
def test_splits_stand_above_or_below(tmp_path: Path, pattern: str) -> None:
    names = [
        pattern.format(split=split, kind=kind, n=1) for split in ("train", "valid") for kind in ("images", "masks")
    ]
    found = read_masks(str(place(tmp_path, *names)))
    assert [example.split for example in found.examples] == ["train", "val"]
    assert all(found.paths)
    assert is_mask_set(str(tmp_path))


def test_of_voc_pictures_without_a_mask_are_left_out_and_its_lists_are_the_splits(tmp_path: Path) -> None:
    place(tmp_path, "VOC/JPEGImages/a.jpg", "VOC/JPEGImages/b.jpg", "VOC/JPEGImages/c.jpg")
    place(tmp_path, "VOC/SegmentationClass/a.png", "VOC/SegmentationClass/b.png", "VOC/SegmentationObject/a.png")
    lists = tmp_path / "VOC/ImageSets/Segmentation"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("a\n")
    (lists / "val.txt").write_text("b\n")
    found = read_masks(str(tmp_path))
    assert [(Path(e.path).name, e.split) for e in found.examples] == [("a.jpg", "train"), ("b.jpg", "val")]
    assert any("1 pictures without a mask" in warning for warning in found.warnings)


def test_masks_without_a_picture_are_told_of(tmp_path: Path) -> None:
    found = read_masks(str(place(tmp_path, "images/a.png", "masks/a.png", "masks/z.png")))
    assert len(found) == 1
    assert any("masks/z.png" in warning for warning in found.warnings)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["masks/a.png"], "images/"),
        (["images/a.png"], "masks/"),
        (["images/a.png", "masks/b.png"], "no mask has the name"),
        (["images/a.png", "images/a.jpg", "masks/a.png"], "the same mask"),
    ],
)
def test_what_is_no_set_is_a_sentence(tmp_path: Path, names: list[str], words: str) -> None:
    with pytest.raises(SetError, match=words):
        read_masks(str(place(tmp_path, *names)))


def test_folders_of_classes_and_of_annotations_are_no_masks(tmp_path: Path) -> None:
    place(tmp_path / "classes", "cat/a.png", "dog/a.png")
    place(tmp_path / "coco", "images/a.png")
    (tmp_path / "coco/annotations").mkdir()
    (tmp_path / "coco/annotations/instances.json").write_text("{}")
    assert not is_mask_set(str(tmp_path / "classes"))
    assert not is_mask_set(str(tmp_path / "coco"))
    assert not is_mask_set(str(tmp_path / "nothing"))


def numbered(seen: list[int], names: tuple[str, ...] | None = None, ignore: int | None = None) -> MaskSet:
    return with_classes(MaskSet("set", "", (), ()), seen, names, ignore)[0]


def test_numbers_in_masks_are_classes() -> None:
    found = numbered([0, 1, 3])
    assert found.classes == ("background", "1", "2", "3")
    assert dict(found.values) == {0: 0, 1: 1, 2: 2, 3: 3}
    assert found.ignore_index is None


def test_255_does_not_count_beside_other_classes() -> None:
    assert numbered([0, 1, 255]).ignore_index == 255
    assert numbered([0, 1, 255]).classes == ("background", "1")
    assert numbered([0, 1, 9], ignore=9).ignore_index == 9
    assert dict(numbered([0, 1, 255], ignore=-1).values)[255] == 2


@pytest.mark.parametrize("high", [1, 7, 128, 255])
def test_masks_of_two_numbers_have_two_classes(high: int) -> None:
    found = numbered([0, high])
    assert dict(found.values) == {0: 0, high: 1}
    assert found.ignore_index is None
    assert numbered([0, high], ("ground", "block")).classes == ("ground", "block")


def test_numbers_far_apart_are_numbered_anew() -> None:
    assert dict(numbered([0, 60, 120, 180]).values) == {0: 0, 60: 1, 120: 2, 180: 3}


def test_shades_are_no_classes_and_one_number_is_none() -> None:
    with pytest.raises(SetError, match="look like shades"):
        numbered(list(range(100)))
    with pytest.raises(SetError, match="nothing to tell apart"):
        numbered([0])


def test_names_come_from_a_file(tmp_path: Path) -> None:
    assert read_names(str(tmp_path), None) is None
    (tmp_path / "classes.txt").write_text("ground\nroad\n\n")
    assert read_names(str(tmp_path), None) == ("ground", "road")
    (tmp_path / "own.txt").write_text("a\n\nb\n")
    with pytest.raises(SetError, match="one name a line"):
        read_names(str(tmp_path), str(tmp_path / "own.txt"))
    with pytest.raises(SetError, match=r"missing\.txt"):
        read_names(str(tmp_path), str(tmp_path / "missing.txt"))


def test_pixels_become_places_and_others_do_not_count(tmp_path: Path) -> None:
    place(tmp_path, "images/a.png", "masks/a.png")
    save_mask(tmp_path / "masks/a.png", np.array([[0, 60], [255, 120]]))
    found, _ = with_classes(read_masks(str(tmp_path)), [0, 60, 120, 180, 255], None, None)
    assert found.mask(0, (2, 2)).tolist() == [[0, 1], [IGNORED, 2]]


def test_palette_masks_are_their_numbers(tmp_path: Path) -> None:
    place(tmp_path, "images/a.png", "masks/a.png")
    image = Image.fromarray(np.array([[0, 1], [2, 1]], np.uint8), "P")
    image.putpalette([0, 0, 0, 200, 0, 0, 0, 200, 0])
    image.save(tmp_path / "masks/a.png")
    found, _ = with_classes(read_masks(str(tmp_path)), [0, 1, 2], None, None)
    assert found.mask(0, (2, 2)).tolist() == [[0, 1], [2, 1]]


def test_a_mask_that_cannot_be_used_says_why(tmp_path: Path) -> None:
    draw_masks(tmp_path, 4)
    save_mask(tmp_path / "masks/0.png", np.zeros((9, 9)))
    Image.new("RGB", (64, 48)).save(tmp_path / "masks/1.png")
    (tmp_path / "masks/2.png").write_bytes(b"nothing")
    save_mask(tmp_path / "masks/3.png", np.full((48, 64), 77))
    found, _ = with_classes(read_masks(str(tmp_path)), [0, 1], ("ground", "block"), None)
    for n, words in enumerate(("9 x 9 pixels, but the picture 64 x 48", "this is RGB", "cannot be read", "of 77")):
        with pytest.raises(InputError, match=words) as problem:
            found.mask(n, (48, 64))
        assert problem.value.kind == "unreadable_mask"
