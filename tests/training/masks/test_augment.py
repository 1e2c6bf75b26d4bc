"""Crops of pictures and masks: both move alike, and all chance is the generator's."""

import numpy as np
import pytest

from visioncli.training.data.augment import generator
from visioncli.training.masks import augment as mask_augment
from visioncli.training.masks.augment import Params, apply, draw
from visioncli.training.recipe import Augment


def scene(height: int = 80, width: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """Large bright patches whose mask is where they are."""
    rng = np.random.default_rng(5)
    classes = np.kron(rng.integers(0, 2, (height // 20, width // 20)), np.ones((20, 20))).astype(np.uint8)
    return np.repeat((40 + 160 * classes)[..., None], 3, 2).astype(np.uint8), classes


@pytest.mark.parametrize("level", list(Augment))
def test_a_mask_moves_with_its_picture(level: Augment) -> None:
    pixels, classes = scene()
    for visit in range(30):
        drawn = draw(generator(0, 0, visit), level, mirror=True, turns=True)
        seen, mask = apply(pixels, classes, drawn, 48)
        assert seen.shape == (48, 48, 3)
        assert mask.shape == (48, 48)
        assert seen.dtype == mask.dtype == np.uint8
        assert set(np.unique(mask)) <= {0, 1}
        bright = seen.astype(int).sum(2)
        # Away from borders, which a picture smooths and a mask does not.
        if len(np.unique(mask)) == 2:
            assert ((bright > (bright.min() + bright.max()) / 2) == mask).mean() > 0.95


def test_without_augmentation_a_crop_is_a_piece_of_the_picture() -> None:
    pixels, classes = scene()
    seen, mask = apply(pixels, classes, draw(generator(1, 2, 3), Augment.NONE, mirror=True, turns=True), 32)
    windows = np.lib.stride_tricks.sliding_window_view(pixels, (32, 32), axis=(0, 1))
    found = np.argwhere((windows == seen.transpose(2, 0, 1)).all((2, 3, 4)))
    assert len(found)
    assert any((classes[y : y + 32, x : x + 32] == mask).all() for y, x in found)


def test_crops_reach_all_of_a_picture_and_go_on_mirrored_beyond_it() -> None:
    ramp = np.repeat(np.arange(40, dtype=np.uint8)[None].repeat(40, 0)[..., None], 3, 2)
    classes = ramp[..., 0].copy()
    assert apply(ramp, classes, Params((0.0, 0.0)), 16)[1][0].tolist() == list(range(16))
    assert apply(ramp, classes, Params((1.0, 1.0)), 16)[1][0].tolist() == list(range(24, 40))
    wide = apply(ramp, classes, Params((0.5, 0.5)), 64)[1][0].tolist()
    assert wide == [abs(n) if n < 40 else 78 - n for n in range(-12, 52)]


@pytest.mark.parametrize("side", [8, 200])
def test_any_picture_gives_a_crop(side: int) -> None:
    for shape in ((1, 1), (3, 90), (60, 60)):
        pixels, classes = np.zeros((*shape, 3), np.uint8), np.zeros(shape, np.uint8)
        for visit in range(6):
            drawn = draw(generator(0, 0, visit), Augment.STRONG, mirror=True, turns=True)
            assert apply(pixels, classes, drawn, side)[1].shape == (side, side)


def test_quarters_and_mirror_images_are_exact() -> None:
    pixels, classes = scene(60, 60)
    turned = apply(pixels, classes, Params((0.5, 0.5), quarters=1), 60)
    assert (turned[1] == np.rot90(classes)).all()
    assert (turned[0] == np.rot90(pixels)).all()
    mirrored = apply(pixels, classes, Params((0.5, 0.5), mirror=True), 60)
    assert (mirrored[1] == classes[:, ::-1]).all()


def test_nothing_is_turned_or_mirrored_where_that_makes_no_sense() -> None:
    drawn = [draw(generator(0, 0, n), Augment.STRONG, mirror=False, turns=False) for n in range(50)]
    assert not any(d.mirror or d.quarters for d in drawn)
    assert any(
        d.mirror for d in (draw(generator(0, 0, n), Augment.FLIP, mirror=True, turns=False) for n in range(50))
    )


def test_the_same_numbers_give_the_same_crop() -> None:
    pixels, classes = scene()

    def crop(*numbers: int) -> tuple[np.ndarray, np.ndarray]:
        return apply(pixels, classes, draw(generator(*numbers), Augment.STRONG, mirror=True, turns=True), 48)

    for a, b in zip(crop(0, 4, 7), crop(0, 4, 7), strict=True):
        assert (a == b).all()
    assert any((crop(0, 4, 7)[0] != crop(0, 5, 7)[0]).ravel())


def test_every_level_has_its_ranges() -> None:
    assert set(mask_augment.RANGES) == set(Augment)


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("quarters", range(4))
def test_directions_tell_where_down_and_right_are_in_a_crop(quarters: int, mirror: bool) -> None:
    """A mask that is moved and then cropped is the crop that is moved."""
    pixels, classes = scene(80, 80)
    params = Params((0.5, 0.5), quarters=quarters, mirror=mirror)
    way = np.array((3, -1))
    down, right = np.rint(mask_augment.directions(params) @ way).astype(int)
    before = apply(pixels, np.roll(classes, tuple(way), (0, 1)), params, 48)[1]
    after = np.roll(apply(pixels, classes, params, 48)[1], (down, right), (0, 1))
    assert (before == after)[4:-4, 4:-4].all()
    assert not (before == apply(pixels, classes, params, 48)[1]).all()


def test_directions_are_turned_and_scaled_as_the_crop_is() -> None:
    """By the middle of a spot that is moved in the picture by so many pixels."""
    pixels = np.zeros((101, 101, 3), np.uint8)
    for params in (Params((0.5, 0.5), turn=15.0), Params((0.5, 0.5), scale=1.25, turn=-15.0, quarters=1)):
        middles = []
        for down, right in ((0, 0), (10, -4)):
            classes = np.zeros((101, 101), np.uint8)
            classes[45 + down : 56 + down, 45 + right : 56 + right] = 1
            middles.append(np.argwhere(apply(pixels, classes, params, 96)[1]).mean(0))
        expected = mask_augment.directions(params) @ np.array((10, -4))
        np.testing.assert_allclose(middles[1] - middles[0], expected, atol=0.3)
