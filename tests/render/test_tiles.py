import numpy as np

from visioncli.render.tiles import scale_for, tiles, titled


def test_tiles_stand_in_rows_with_white_between_them() -> None:
    pictures = np.stack([np.full((4, 4, 1), value, np.uint8) for value in (10, 20, 30)])
    made = tiles(pictures, 2, gap=1, scale=2)
    assert made.shape == (2 * 9 + 1, 2 * 9 + 1, 3)
    assert (made[1:9, 1:9] == 10).all()
    assert (made[1:9, 10:18] == 20).all()
    assert (made[10:18, 1:9] == 30).all()
    assert (made[10:18, 10:18] == 255).all()
    assert (made[0] == 255).all()
    assert (made[:, 9] == 255).all()


def test_colours_and_pixels_stay_as_they_are() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (1, 5, 5, 3), np.uint8)
    assert (tiles(picture, 1, gap=0, scale=3)[1::3, 1::3] == picture[0]).all()


def test_small_pictures_are_enlarged_by_whole_factors() -> None:
    assert [scale_for(side) for side in (28, 32, 64, 200)] == [2, 2, 1, 1]


def test_a_title_stands_above_the_picture() -> None:
    picture = np.full((50, 400, 3), 7, np.uint8)
    made = titled(picture, "Made", ["and the nearest"])
    assert made.shape[1] == 400
    assert (made[-50:] == 7).all()
    assert (made[:-50] < 128).any()
