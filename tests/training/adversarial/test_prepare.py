from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from made_digits import signs, without_classes
from visioncli.errors import UsageError
from visioncli.labelled.interface import TRAIN, VAL
from visioncli.models import registry
from visioncli.training.adversarial.prepare import PicturesReady, prepare_pictures, read_pictures
from visioncli.training.one_run import Where
from visioncli.training.recipe import Recipe
from visioncli.training.watch import Watcher
from visioncli.weights.downloads import Access


def ready(folder: Path, **choices: Any) -> PicturesReady:
    pictures = read_pictures(str(folder), None, Access.of(offline=True))
    return prepare_pictures(pictures, registry.find("dcgan"), Recipe.of(**choices), Where(), Watcher())


def test_classes_are_those_of_the_folders_and_every_picture_has_its_part(tmp_path: Path) -> None:
    found = ready(signs(tmp_path / "set"))
    assert found.classes == ("lying", "standing")
    train, val = found.part(TRAIN), found.part(VAL)
    assert len(train) + len(val) == 40
    assert set(found.labels(train).tolist()) == set(found.labels(val).tolist()) == {0, 1}


def test_some_of_a_part_are_of_every_class_and_the_same_each_time(tmp_path: Path) -> None:
    found = ready(signs(tmp_path / "set", 60))
    some = found.some_of(TRAIN, 20)
    assert len(set(some.tolist())) == 20
    assert set(some.tolist()) <= set(found.part(TRAIN).tolist())
    assert (some == found.some_of(TRAIN, 20)).all()
    assert 5 <= found.labels(some).sum() <= 15
    assert (found.some_of(VAL, 1000) == found.part(VAL)).all()


def test_pictures_side_by_side_are_learned_without_classes(tmp_path: Path) -> None:
    found = ready(without_classes(tmp_path / "set"))
    assert found.classes == ()
    assert set(found.labels(found.part(TRAIN)).tolist()) == {0}
    assert found.mirror


def test_grey_pictures_have_one_channel_whatever_they_are_stored_as(tmp_path: Path) -> None:
    found = ready(without_classes(tmp_path / "set"))
    assert found.squares.several(np.array([0, 1])).shape == (2, 28, 28, 1)


def test_one_coloured_picture_makes_all_of_them_coloured(tmp_path: Path) -> None:
    folder = without_classes(tmp_path / "set")
    Image.new("RGB", (28, 28), (200, 10, 10)).save(folder / "red.png")
    found = ready(folder)
    several = found.squares.several(np.arange(len(found.listed)))
    assert several.shape == (41, 28, 28, 3)
    assert several[-1, 0, 0].tolist() == [200, 10, 10]


def test_mixed_sizes_become_squares_of_the_shorter_side_from_the_middle(tmp_path: Path) -> None:
    folder = without_classes(tmp_path / "set", size=40)
    wide = np.zeros((32, 96, 3), np.uint8)
    wide[:, 32:64] = (255, 0, 0)
    Image.fromarray(wide).save(folder / "wide.png")
    found = ready(folder)
    assert found.row.input.size == 32
    assert (found.squares.get(len(found.listed) - 1)[:, :] == (255, 0, 0)).all()
    assert ready(folder, size=48).row.input.size == 48
    with pytest.raises(UsageError, match="multiple of 4 from 28 to 64"):
        ready(folder, size=30)


def test_broken_files_are_counted_and_left_out(tmp_path: Path) -> None:
    folder = without_classes(tmp_path / "set")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing")
    found = ready(folder)
    assert len(found.look.unreadable) == 1
    assert len(found.part(TRAIN)) + len(found.part(VAL)) == 40


@pytest.mark.parametrize(("count", "words"), [(1, "one picture"), (6, "6 pictures")])
def test_too_few_pictures_are_a_sentence(tmp_path: Path, count: int, words: str) -> None:
    with pytest.raises(UsageError, match=f"{words} that can be read.*give at least 8 and 4"):
        ready(without_classes(tmp_path / "set", count))


def test_a_folder_of_nothing_but_broken_files_says_why(tmp_path: Path) -> None:
    for n in range(20):
        (tmp_path / f"{n}.png").write_bytes(b"nothing")
    with pytest.raises(UsageError, match="No picture of"):
        ready(tmp_path)


def test_digits_are_not_mirrored(tmp_path: Path) -> None:
    for name, source in (("1", "lying"), ("7", "standing")):
        (tmp_path / "set").mkdir(exist_ok=True)
        (signs(tmp_path / "made") / source).rename(tmp_path / "set" / name)
    assert not ready(tmp_path / "set").mirror
    assert ready(tmp_path / "set", mirror=True).mirror
