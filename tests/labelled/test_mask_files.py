"""Masks that are files: numbers, or colours with a palette."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mask_sets import draw_masks, save_mask
from visioncli.errors import InputError
from visioncli.labelled.mask_sets import is_mask_set, read_masks
from visioncli.labelled.masks import IGNORED, with_classes

COLOURS = "128 64 128\tRoad\n0 0 0\tVoid\n64 128 64\tAnimal\n"


def camvid(folder: Path) -> Path:
    """A picture under CamVid's names, whose mask is of three colours."""
    for name in ("701_StillsRaw_full", "LabeledApproved_full"):
        (folder / name).mkdir(parents=True)
    Image.new("RGB", (3, 1)).save(folder / "701_StillsRaw_full/0001TP_1.png")
    colours = np.array([[[128, 64, 128], [0, 0, 0], [64, 128, 64]]], np.uint8)
    Image.fromarray(colours).save(folder / "LabeledApproved_full/0001TP_1_L.png")
    (folder / "label_colors.txt").write_text(COLOURS)
    return folder


def test_camvids_colours_are_classes_and_its_void_does_not_count(tmp_path: Path) -> None:
    assert is_mask_set(str(camvid(tmp_path)))
    pictures = read_masks(str(tmp_path))
    assert pictures.names == ("Road", "Animal")
    found, _ = with_classes(pictures, [0, 1, 255], None, None)
    assert found.mask(0, (1, 3)).tolist() == [[0, IGNORED, 1]]


def test_a_palette_that_is_named_goes_before_the_one_that_lies_there(tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_text("128 64 128 way\n0 0 0 nothing\n64 128 64 cow\n")
    pictures = read_masks(str(camvid(tmp_path / "set")), palette=str(tmp_path / "own.txt"))
    assert pictures.names == ("way", "nothing", "cow")
    assert pictures.numbers(0, (1, 3)).tolist() == [[0, 1, 2]]


def test_masks_of_numbers_stay_numbers_beside_a_palette_that_lies_there(tmp_path: Path) -> None:
    draw_masks(tmp_path, 2)
    (tmp_path / "label_colors.txt").write_text(COLOURS)
    pictures = read_masks(str(tmp_path))
    assert pictures.names is None
    assert set(np.unique(pictures.numbers(0, (48, 64)))) == {0, 1}


def test_the_digest_of_a_mask_is_also_of_what_its_colours_mean(tmp_path: Path) -> None:
    one = read_masks(str(camvid(tmp_path))).sha256(0)
    (tmp_path / "label_colors.txt").write_text(COLOURS.replace("Animal", "Cow"))
    assert read_masks(str(tmp_path)).sha256(0) != one


def test_splits_may_be_the_names_of_the_folders(tmp_path: Path) -> None:
    for folder in ("train", "train_labels", "val", "val_labels"):
        (tmp_path / folder).mkdir()
        save_mask(tmp_path / folder / "a.png", np.zeros((4, 4)))
    assert is_mask_set(str(tmp_path))
    pictures = read_masks(str(tmp_path))
    assert [(e.relative, e.split) for e in pictures.examples] == [("train/a.png", "train"), ("val/a.png", "val")]
    assert [Path(path).parent.name for path in pictures.paths] == ["train_labels", "val_labels"]


def test_a_zip_holds_the_same(tmp_path: Path) -> None:
    draw_masks(tmp_path / "set", 3)
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for path in sorted((tmp_path / "set").rglob("*.png")):
            archive.write(path, path.relative_to(tmp_path))
    assert is_mask_set(str(tmp_path / "set.zip"))
    packed, plain = read_masks(str(tmp_path / "set.zip")), read_masks(str(tmp_path / "set"))
    assert [packed.sha256(n) for n in range(3)] == [plain.sha256(n) for n in range(3)]
    assert packed.numbers(1, (48, 64)).tolist() == plain.numbers(1, (48, 64)).tolist()


def test_colours_without_a_palette_say_how_to_give_one(tmp_path: Path) -> None:
    camvid(tmp_path)
    (tmp_path / "label_colors.txt").unlink()
    with pytest.raises(InputError, match=r"this is RGB\. .*--palette FILE") as problem:
        read_masks(str(tmp_path)).numbers(0, (1, 3))
    assert problem.value.kind == "unreadable_mask"


def test_sixteen_bits_are_numbers(tmp_path: Path) -> None:
    draw_masks(tmp_path, 1)
    Image.fromarray(np.full((48, 64), 700, np.uint16)).save(tmp_path / "masks/0.png")
    assert read_masks(str(tmp_path)).numbers(0, (48, 64)).max() == 700
