"""Two folders of pictures without pairs."""

from collections import Counter
from pathlib import Path

import pytest

from small_sets import place, zipped
from visioncli.labelled.interface import SetError
from visioncli.labelled.two_kinds import read_two_kinds


def test_the_folders_of_published_sets_are_two_kinds_with_pictures_held_out(tmp_path: Path) -> None:
    place(tmp_path, ["trainA/1.jpg", "trainA/2.jpg", "trainB/1.jpg", "testA/9.jpg", "testB/9.jpg"])
    found = read_two_kinds(str(tmp_path))
    assert found.classes == ("A", "B")
    assert Counter((e.label, e.split) for e in found.examples) == {
        (0, "train"): 2, (1, "train"): 1, (0, "val"): 1, (1, "val"): 1
    }  # fmt: skip


def test_where_there_is_a_validation_part_the_test_part_stays_apart(tmp_path: Path) -> None:
    names = [f"{part}{side}/1.jpg" for part in ("train", "val", "test") for side in "AB"]
    found = read_two_kinds(str(place(tmp_path, names)))
    assert Counter(e.split for e in found.examples) == {"train": 2, "val": 2, "test": 2}


@pytest.mark.parametrize(
    ("names", "kinds"),
    [
        (["A/1.jpg", "B/1.jpg"], ("A", "B")),
        (["zebras/1.jpg", "horses/2022/1.jpg"], ("horses", "zebras")),
        (["train_a/1.jpg", "train_b/1.jpg"], ("A", "B")),
        (["train/a/1.jpg", "train/B/1.jpg", "test/A/2.jpg", "test/b/2.jpg"], ("A", "B")),
        (["set/trainA/1.jpg", "set/trainB/1.jpg"], ("A", "B")),
        (["a/1.jpg", "b/1.jpg", "notes.txt", ".hidden/1.jpg"], ("A", "B")),
    ],
)
def test_two_folders_are_two_kinds_the_first_by_name_first(
    tmp_path: Path, names: list[str], kinds: tuple[str, str]
) -> None:
    found = read_two_kinds(str(place(tmp_path, names)))
    assert found.classes == kinds
    assert {found.classes[e.label] for e in found.examples} == set(kinds)


def test_a_zip_is_read_as_its_folder_is(tmp_path: Path) -> None:
    folder = place(tmp_path / "set", ["trainA/1.jpg", "trainB/1.jpg"])
    found = read_two_kinds(str(zipped(folder, tmp_path / "set.zip")))
    assert found.classes == ("A", "B")
    assert all(e.content is not None for e in found.examples)


def test_pictures_beside_the_folders_are_left_out_with_a_warning(tmp_path: Path) -> None:
    found = read_two_kinds(str(place(tmp_path, ["x/1.jpg", "y/1.jpg", "cover.jpg"])))
    assert len(found) == 2
    assert "1 picture outside of the two folders is left out: cover.jpg" in found.warnings[0]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([], "there are no pictures here"),
        (["1.jpg"], "1 picture lies side by side"),
        (["1.jpg", "2.jpg"], "2 pictures lie side by side"),
        (["photos/1.jpg"], "pictures in one folder only, photos"),
        (["trainA/1.jpg", "testA/1.jpg"], "pictures in one folder only, A"),
        (["x/1.jpg", "y/1.jpg", "z/1.jpg"], r"holds 3 folders of pictures \(x, y, z\)"),
        (["trainA/1.jpg", "trainB/1.jpg", "others/1.jpg"], r"3 folders of pictures \(A, B, others\)"),
    ],
)
def test_what_is_not_two_folders_is_refused_in_a_sentence(tmp_path: Path, names: list[str], words: str) -> None:
    with pytest.raises(SetError, match=words):
        read_two_kinds(str(place(tmp_path, names)))


def test_one_file_and_no_file_are_refused_in_a_sentence(tmp_path: Path) -> None:
    place(tmp_path, ["trainA/1.jpg"])
    with pytest.raises(SetError, match=r"1\.jpg is one file. A translation is learned from two folders"):
        read_two_kinds(str(tmp_path / "trainA" / "1.jpg"))
    with pytest.raises(SetError, match=r"trainC does not exist\. Did you mean trainA\?"):
        read_two_kinds(str(tmp_path / "trainC"))


def test_a_damaged_zip_is_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "half.zip").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(SetError, match="this zip is damaged"):
        read_two_kinds(str(tmp_path / "half.zip"))
