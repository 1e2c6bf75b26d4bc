from pathlib import Path

import pytest

from small_sets import place, zipped
from visioncli.errors import UsageError
from visioncli.labelled import plain
from visioncli.labelled.interface import SetError
from visioncli.labelled.trees import Folder


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        (["1.png", "2.png"], ["", ""]),
        (["photos/1.png", "photos/2.png"], ["", ""]),
        (["a/b/1.png", "a/b/2.png"], ["", ""]),
        (["train/1.png", "val/2.png", "test/3.png"], ["test", "train", "val"]),
    ],
)
def test_pictures_side_by_side_have_no_classes(tmp_path: Path, names: list[str], splits: list[str]) -> None:
    tree = Folder(str(place(tmp_path / "set", names)))
    assert plain.has_no_classes(tree)
    found = plain.read(tree)
    assert found.classes == ()
    assert [example.split for example in found.examples] == splits
    assert all(example.labels == () for example in found.examples)


@pytest.mark.parametrize(
    "names",
    [
        ["cat/1.png", "dog/2.png"],
        ["train/cat/1.png", "train/dog/2.png"],
        ["cat/1.png", "2.png", "dog/3.png"],
        ["val/1.png", "test/2.png"],
        ["train/1.png", "dog/2.png"],
    ],
)
def test_folders_of_classes_are_left_to_their_reader(tmp_path: Path, names: list[str]) -> None:
    assert not plain.has_no_classes(Folder(str(place(tmp_path / "set", names))))


def test_a_zip_is_read_in_place(tmp_path: Path) -> None:
    zipped(place(tmp_path / "set", ["1.png", "2.png"]), tmp_path / "set.zip")
    tree = plain.tree_of(str(tmp_path / "set.zip"))
    assert tree is not None
    assert len(plain.read(tree)) == 2
    assert plain.read(tree).examples[0].content is not None


def test_a_folder_without_pictures_is_a_sentence(tmp_path: Path) -> None:
    place(tmp_path / "set", ["1.txt"])
    with pytest.raises(SetError, match="there are no pictures here"):
        plain.read(Folder(str(tmp_path / "set")))
    assert plain.tree_of(str(tmp_path / "set" / "1.txt")) is None
    assert not issubclass(SetError, UsageError)
