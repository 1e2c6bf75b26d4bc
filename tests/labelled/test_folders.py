"""Class folders, with and without splits."""

import os
from collections import Counter
from pathlib import Path

import pytest

from small_sets import place
from visioncli.labelled.interface import SetError
from visioncli.labelled.recognise import read_set


def test_each_folder_is_a_class_and_classes_are_sorted(tmp_path: Path) -> None:
    place(tmp_path, ["dog/1.jpg", "cat/2.png", "cat/1.png"])
    found = read_set(str(tmp_path))
    assert found.format == "class folders"
    assert found.classes == ("cat", "dog")
    assert [(e.relative, e.label, e.split) for e in found.examples] == [
        ("cat/1.png", 0, ""),
        ("cat/2.png", 0, ""),
        ("dog/1.jpg", 1, ""),
    ]
    assert found.examples[0].path == str(tmp_path / "cat/1.png")
    assert found.classes_by_split == {} and found.warnings == ()


def test_folders_within_a_class_are_of_that_class(tmp_path: Path) -> None:
    place(tmp_path, ["cat/2020/1.jpg", "cat/2021/may/2.jpg", "dog/1.jpg"])
    assert [e.label for e in read_set(str(tmp_path)).examples] == [0, 0, 1]


@pytest.mark.parametrize("val", ["val", "valid", "validation", "dev", "Val", "val2017"])
def test_splits_are_known_by_every_usual_name(tmp_path: Path, val: str) -> None:
    place(tmp_path, ["train/cat/1.jpg", "train/dog/1.jpg", f"{val}/cat/2.jpg", "test/dog/3.jpg"])
    found = read_set(str(tmp_path))
    assert Counter(e.split for e in found.examples) == {"train": 2, "val": 1, "test": 1}
    assert found.classes == ("cat", "dog")


def test_classes_of_splits_are_matched_by_name(tmp_path: Path) -> None:
    place(tmp_path, ["train/cat/1.jpg", "train/dog/1.jpg", "val/dog/2.jpg", "val/eel/2.jpg"])
    found = read_set(str(tmp_path))
    assert found.classes == ("cat", "dog", "eel")
    assert found.classes_by_split == {"train": ("cat", "dog"), "val": ("dog", "eel")}
    assert [found.classes[e.label] for e in found.examples if e.split == "val"] == ["dog", "eel"]


def test_a_class_may_be_called_like_a_split(tmp_path: Path) -> None:
    place(tmp_path, ["car/1.jpg", "train/1.jpg", "test/1.jpg"])
    found = read_set(str(tmp_path))
    assert found.classes == ("car", "test", "train")
    assert {e.split for e in found.examples} == {""}


def test_splits_may_be_without_one_to_learn_from(tmp_path: Path) -> None:
    found = read_set(str(place(tmp_path, ["val/cat/1.jpg", "val/dog/1.jpg"])))
    assert found.classes == ("cat", "dog")
    assert {e.split for e in found.examples} == {"val"}


def test_pictures_of_a_test_part_without_classes_are_left_out_and_counted(tmp_path: Path) -> None:
    found = read_set(str(place(tmp_path, ["train/cat/1.jpg", "train/dog/1.jpg", "test/1.jpg", "test/2.jpg"])))
    assert len(found) == 2
    assert "2 pictures of the split test lie in no folder of a class" in found.warnings[0]


def test_hidden_entries_and_results_of_earlier_runs_are_no_examples(tmp_path: Path) -> None:
    place(tmp_path, ["cat/1.jpg", "dog/1.jpg", ".git/x/1.jpg", "cat/.thumb.jpg", "out/a.jpg", "run/curves.png"])
    (tmp_path / "out" / ".visionfiles").write_bytes(b"a.jpg\0")
    place(tmp_path, ["run/model.json"], b'{"schema": "vision-model/1"}')
    found = read_set(str(tmp_path))
    assert found.classes == ("cat", "dog")
    assert len(found) == 2
    assert "Results of earlier runs are left out" in found.warnings[0]


@pytest.mark.parametrize(
    ("names", "pair"),
    [
        (["images/1.jpg", "masks/1.png"], "images/ and masks/"),
        (["Images/train/1.jpg", "annotations/trimaps/1.png"], "Images/ and annotations/"),
        (["train/img/1.jpg", "train/mask/1.png", "val/img/2.jpg", "val/mask/2.png"], "img/ and mask/"),
        (["JPEGImages/1.jpg", "SegmentationClass/1.png", "SegmentationObject/1.png"], "JPEGImages/ and Segmentation"),
        (["images/1.jpg", "label_maps/1.png", "overlays/1.png"], "images/ and label_maps/"),
    ],
)
def test_pictures_and_their_masks_are_no_classes(tmp_path: Path, names: list[str], pair: str) -> None:
    with pytest.raises(SetError, match=f"{pair}.*--task segment"):
        read_set(str(place(tmp_path, names)))


@pytest.mark.parametrize("names", [("masks", "faces"), ("images", "drawings"), ("labels", "boxes")])
def test_classes_may_be_called_like_masks_or_like_images(tmp_path: Path, names: tuple[str, ...]) -> None:
    assert len(read_set(str(place(tmp_path, [f"{name}/1.jpg" for name in names]))).classes) == 2


def test_one_folder_around_all_is_looked_into(tmp_path: Path) -> None:
    found = read_set(str(place(tmp_path, ["set/v1/train/cat/1.jpg", "set/v1/train/dog/1.jpg"])))
    assert found.classes == ("cat", "dog")


def test_a_single_class_is_a_warning(tmp_path: Path) -> None:
    found = read_set(str(place(tmp_path, ["cat/1.jpg", "cat/2.jpg"])))
    assert found.classes == ("cat",)
    assert found.warnings == ("There is only one class, cat.",)


def test_files_that_are_no_pictures_are_left_out_and_named(tmp_path: Path) -> None:
    place(tmp_path, ["cat/1.jpg", "dog/1.jpg", "dog/notes.txt"])
    assert read_set(str(tmp_path)).warnings == (
        "A file whose name does not end like a picture's is left out: dog/notes.txt",
    )


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["1.jpg", "2.jpg"], "the 2 pictures lie side by side, without folders of classes"),
        (["notes.txt"], "there are no pictures here"),
        ([], "there are no pictures here"),
        (["train/1.jpg", "val/2.jpg"], "hold pictures, but no folders of classes"),
    ],
)
def test_a_folder_without_classes_is_a_sentence(tmp_path: Path, names: list[str], words: str) -> None:
    with pytest.raises(SetError, match=words):
        read_set(str(place(tmp_path, names)))


def test_links_that_lead_back_end(tmp_path: Path) -> None:
    place(tmp_path, ["cat/1.jpg", "dog/1.jpg"])
    (tmp_path / "cat" / "again").symlink_to(tmp_path)
    (tmp_path / "dog" / "self.jpg").symlink_to("self.jpg")
    found = read_set(str(tmp_path))
    assert [e.relative for e in found.examples] == ["cat/1.jpg", "dog/1.jpg", "dog/self.jpg"]


def test_names_that_are_no_text_become_text(tmp_path: Path) -> None:
    os.mkdir(os.fsencode(tmp_path) + b"/caf\xe9")
    place(tmp_path, ["dog/1.jpg"])
    os.link(tmp_path / "dog/1.jpg", os.fsencode(tmp_path) + b"/caf\xe9/1.jpg")
    assert read_set(str(tmp_path)).classes == (r"caf\xe9", "dog")


def test_a_folder_called_like_a_picture_is_a_folder(tmp_path: Path) -> None:
    found = read_set(str(place(tmp_path, ["cat/a.jpg/1.jpg", "dog/1.jpg"])))
    assert [e.relative for e in found.examples] == ["cat/a.jpg/1.jpg", "dog/1.jpg"]


def test_folders_nested_beyond_reason_are_a_sentence(tmp_path: Path) -> None:
    place(tmp_path, ["cat/1.jpg", "dog/1.jpg"])
    here = os.getcwd()
    try:
        os.chdir(tmp_path / "cat")
        for _ in range(1500):
            os.mkdir("d")
            os.chdir("d")
    finally:
        os.chdir(here)
    try:
        found = read_set(str(tmp_path))
    except SetError as problem:
        assert "nested too deeply" in str(problem)
    else:
        assert len(found) == 2
    finally:
        _remove_chain(tmp_path / "cat")


def _remove_chain(folder: Path) -> None:
    """Removes what is too deep for a path."""
    here = os.getcwd()
    depth = 0
    os.chdir(folder)
    while os.path.isdir("d"):
        os.chdir("d")
        depth += 1
    for _ in range(depth):
        os.chdir("..")
        os.rmdir("d")
    os.chdir(here)


def test_a_name_is_the_same_however_its_accents_are_stored(tmp_path: Path) -> None:
    place(tmp_path, ["train/caf\u00e9/1.jpg", "train/tea/1.jpg", "val/cafe\u0301/2.jpg"])
    found = read_set(str(tmp_path))
    assert found.classes == ("caf\u00e9", "tea")
    assert [e.label for e in found.examples] == [0, 1, 0]


def test_names_that_differ_only_in_case_are_pointed_out(tmp_path: Path) -> None:
    found = read_set(str(place(tmp_path, ["train/Big Cat/1.jpg", "train/dog/1.jpg", "val/big_cat/1.jpg"])))
    assert found.classes == ("Big Cat", "big_cat", "dog")
    assert found.warnings == ("Big Cat, big_cat count as different classes, though their names are nearly the same.",)


def test_an_empty_folder_is_no_class_and_is_named(tmp_path: Path) -> None:
    place(tmp_path, ["cat/1.jpg", "dog/1.jpg"])
    (tmp_path / "eel").mkdir()
    found = read_set(tmp_path)
    assert found.classes == ("cat", "dog")
    assert found.warnings == (f"Empty folders are no classes: {tmp_path / 'eel'}",)
