"""What is seen of two folders before, and while, a translation is learned."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from two_kinds import draw_two_kinds
from visioncli.errors import UsageError
from visioncli.labelled.interface import TRAIN, VAL
from visioncli.models import registry
from visioncli.models.row import InputSpec
from visioncli.training.adversarial.translate_pictures import (
    LOOKED_AT,
    Kind,
    part_of,
    prepare_two_kinds,
    whole_squares,
)
from visioncli.training.classes.prepare import Prepared
from visioncli.training.one_run import Where
from visioncli.training.recipe import Recipe
from visioncli.training.watch import Watcher


def looked_at(data: Path, **choices: Any) -> tuple[Prepared, tuple[str, ...]]:
    return prepare_two_kinds(str(data), registry.find("cyclegan"), Recipe.of(**choices), Where(), Watcher())


def save(path: Path, size: tuple[int, int], grey: bool = False) -> None:
    """A picture of noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(len(str(path)))
    shape = (size[1], size[0], 1 if grey else 3)
    pixels = np.broadcast_to(rng.integers(0, 256, shape, np.uint8), (size[1], size[0], 3))
    Image.fromarray(np.ascontiguousarray(pixels)).save(path)


@pytest.mark.parametrize(
    ("side", "chosen", "size", "resize"),
    [
        *((28, None, 28, 28), (30, None, 32, 32), (9, None, 16, 16), (64, None, 64, 64)),
        *((300, None, 64, 128), (100, None, 64, 100), (300, 128, 128, 256), (28, 48, 48, 48)),
    ],
)
def test_small_pictures_are_learned_from_as_they_are_and_of_others_parts(
    tmp_path: Path, side: int, chosen: int | None, size: int, resize: int
) -> None:
    found, _ = looked_at(draw_two_kinds(tmp_path / "set", 3, 1, side), size=chosen)
    assert (found.row.input.size, found.row.input.resize) == (size, resize)


def test_photographs_are_mirrored_and_small_pictures_which_may_be_digits_are_not(tmp_path: Path) -> None:
    small, large = (draw_two_kinds(tmp_path / str(side), 3, 1, side) for side in (28, 90))
    assert [looked_at(data)[0].mirror for data in (small, large)] == [False, True]
    assert [looked_at(small, mirror=True)[0].mirror, looked_at(large, mirror=False)[0].mirror] == [True, False]
    assert not looked_at(large, augment="none")[0].mirror


def test_pictures_of_each_kind_are_held_out_where_the_set_has_none(tmp_path: Path) -> None:
    for kind in "AB":
        for n in range(12):
            save(tmp_path / kind / f"{n}{'x' * n}.png", (20, 20))
    found, _ = looked_at(tmp_path)
    for label in (0, 1):
        learned, held = part_of(found, label, TRAIN), part_of(found, label, VAL)
        assert len(learned) + len(held) == 12 and len(held) >= 1
        assert {found.pictures.examples[n].label for n in learned} == {label}


def test_what_cannot_be_read_takes_no_place_among_those_held_out(tmp_path: Path) -> None:
    data = draw_two_kinds(tmp_path / "set", 6, 0)
    for n in range(40):
        (data / "trainA" / f"broken{n}.png").write_bytes(b"no picture %d" % n)
    found, _ = looked_at(data)
    assert len(found.look.unreadable) == 40
    assert len(part_of(found, 0, VAL)) >= 1 and len(part_of(found, 0, TRAIN)) >= 2


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ((1, 9), "has 1 picture of A that can be read"),
        ((9, 2), "has 2 pictures of B that can be read"),
    ],
)
def test_too_few_pictures_are_refused_in_a_sentence(tmp_path: Path, counts: tuple[int, int], words: str) -> None:
    for kind, count in zip("AB", counts, strict=True):
        for n in range(count):
            save(tmp_path / kind / f"{n}{'x' * n}.png", (20, 20))
    with pytest.raises(UsageError, match=f"{words}.*at least 3 of each kind"):
        looked_at(tmp_path)


def test_a_kind_without_a_readable_picture_is_refused_in_a_sentence(tmp_path: Path) -> None:
    data = draw_two_kinds(tmp_path / "set", 4, 0)
    for path in (data / "trainB").iterdir():
        path.write_bytes(b"nothing")
    with pytest.raises(UsageError, match="has 0 pictures of B that can be read"):
        looked_at(data)
    for path in (data / "trainA").iterdir():
        path.write_bytes(b"nothing")
    with pytest.raises(UsageError, match=r"No picture of .* can be read"):
        looked_at(data)


@pytest.mark.parametrize("size", [30, 8, 600])
def test_other_sizes_are_refused_in_a_sentence(tmp_path: Path, size: int) -> None:
    with pytest.raises(UsageError, match=f"multiple of 4 from 16 to 512 for --task translate, not {size}"):
        looked_at(draw_two_kinds(tmp_path / "set"), size=size)


def test_several_sizes_and_grey_pictures_of_one_kind_are_told_of(tmp_path: Path) -> None:
    for n, size in enumerate([(90, 70), (70, 90), (120, 80), (80, 80)]):
        save(tmp_path / "paintings" / f"{n}{'x' * n}.png", size)
        save(tmp_path / "drawings" / f"{n}{'x' * n}.png", size, grey=True)
    _, remarks = looked_at(tmp_path)
    said = " ".join(remarks)
    assert "several sizes: the shorter side of each becomes 75 pixels, and squares of 64 are cut" in said
    assert "The pictures of drawings are grey" in said and "paintings are grey" not in said


def kind_of(tmp_path: Path, size: tuple[int, int], spec: InputSpec, *, mirror: bool = False) -> Kind:
    data = draw_two_kinds(tmp_path / "set", 3, 1)
    save(data / "trainA" / "0.png", size)
    found, _ = looked_at(data)
    return Kind(found.pictures, part_of(found, 0, TRAIN), spec, mirror=mirror)


SPEC = InputSpec(16, 32, "bicubic", (0.5,) * 3, (0.5,) * 3)


def test_a_part_hangs_on_chance_and_is_a_square_of_the_size_that_is_learned(tmp_path: Path) -> None:
    kind = kind_of(tmp_path, (60, 40), SPEC)
    drawn = [kind.drawn(0, np.random.default_rng(n)) for n in (0, 0, 1)]
    assert all(one.shape == (16, 16, 3) and one.dtype == np.uint8 for one in drawn)
    assert np.array_equal(drawn[0], drawn[1]) and not np.array_equal(drawn[0], drawn[2])


def test_a_picture_of_the_size_that_is_learned_is_seen_whole_and_as_it_is(tmp_path: Path) -> None:
    kind = kind_of(tmp_path, (16, 16), SPEC)
    whole = np.asarray(Image.open(tmp_path / "set/trainA/0.png"))
    assert all(np.array_equal(kind.drawn(0, np.random.default_rng(n)), whole) for n in range(5))


def test_half_of_the_pictures_are_mirrored_where_they_may_be(tmp_path: Path) -> None:
    kind = kind_of(tmp_path, (16, 16), SPEC, mirror=True)
    whole = np.asarray(Image.open(tmp_path / "set/trainA/0.png"))
    drawn = [kind.drawn(0, np.random.default_rng(n)) for n in range(40)]
    turned = sum(np.array_equal(one, whole[:, ::-1]) for one in drawn)
    assert 10 < turned < 30
    assert turned + sum(np.array_equal(one, whole) for one in drawn) == 40


def test_a_picture_that_is_smaller_is_enlarged(tmp_path: Path) -> None:
    assert kind_of(tmp_path, (5, 9), SPEC).drawn(0, np.random.default_rng(0)).shape == (16, 16, 3)


def test_held_out_pictures_are_seen_as_the_largest_square_in_their_middle(tmp_path: Path) -> None:
    data = draw_two_kinds(tmp_path / "set", 3, 1)
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[:, 10:30] = 255
    Image.fromarray(pixels).save(data / "testA" / "0.png")
    found, _ = looked_at(data)
    squares = whole_squares(found.pictures, part_of(found, 0, VAL), SPEC)
    assert squares.shape == (1, 16, 16, 3)
    assert (squares > 240).all()  # resampling sees a little of what is beside it


def test_of_many_held_out_pictures_some_from_everywhere_are_looked_at(tmp_path: Path) -> None:
    data = draw_two_kinds(tmp_path / "set", 3, 1)
    for n in range(LOOKED_AT + 100):
        Image.new("RGB", (4, 4), (n % 250,) * 3).save(data / "testA" / f"{n:03d}.png")
    found, _ = looked_at(data)
    places = part_of(found, 0, VAL)
    squares = whole_squares(found.pictures, places, dataclasses.replace(SPEC, size=4))
    assert len(squares) == LOOKED_AT
    last = {n % 250 for n in range(LOOKED_AT, LOOKED_AT + 100)}
    assert sum(int(square[0, 0, 0]) in last for square in squares[LOOKED_AT - 90 :]) > 40
