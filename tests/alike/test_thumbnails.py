"""Thumbnails: their hash, and whether one lies over another."""

import numpy as np
import pytest
from PIL import Image
from scipy.fft import dctn

from photographs import photograph
from visioncli.alike.thumbnails import SIDE, fit, hashes, thumbnail

PICTURES = 6


def stack(*images: Image.Image) -> np.ndarray:
    return np.stack([thumbnail(image) for image in images])


def test_hashes_are_signs_of_the_lowest_frequencies_of_the_cosine_transform() -> None:
    small = stack(*(photograph(n) for n in range(PICTURES)))
    means = small.reshape(PICTURES, 32, 2, 32, 2).mean(axis=(2, 4))
    # Without SciPy's scale the two differ by one factor for all frequencies.
    low = np.stack([dctn(m, type=2)[:8, :8].ravel() for m in means])
    expected = low > np.median(low, axis=1, keepdims=True)
    bits = np.unpackbits(hashes(small)[:, None].view(np.uint8), axis=1).astype(bool)
    assert (bits == expected).mean() > 0.99


def test_a_resized_picture_has_the_same_hash_but_for_some_bits_and_others_do_not() -> None:
    images = [photograph(n) for n in range(PICTURES)]
    one, other = hashes(stack(*images)), hashes(stack(*(im.resize((120, 90)) for im in images)))
    assert (np.bitwise_count(one ^ other) <= 4).all()
    apart = np.bitwise_count(one[:, None] ^ one[None])[~np.eye(PICTURES, dtype=bool)]
    assert apart.min() > 10


@pytest.mark.parametrize("box", [(16, 12, 304, 228), (0, 0, 304, 228), (32, 0, 320, 240), (16, 0, 304, 240)])
def test_a_cut_is_found_where_it_was_made(box: tuple[int, int, int, int]) -> None:
    images = [photograph(n) for n in range(PICTURES)]
    fits = fit(stack(*images), stack(*(image.crop(box) for image in images)))
    left, top, right, bottom = box
    scale = (right - left) / 320, (bottom - top) / 240
    shift = (left + right) / 640 - 0.5, (top + bottom) / 480 - 0.5
    assert np.allclose(fits.warp, [scale[0], shift[0], scale[1], shift[1]], atol=0.01)
    assert fits.score.min() > 0.99
    assert fits.worst.max() < 0.3


def test_other_tones_are_no_difference() -> None:
    images = [photograph(n) for n in range(PICTURES)]
    darker = [image.point(lambda v: int(255 * (v / 255) ** 1.5)) for image in images]
    assert fit(stack(*images), stack(*darker)).score.min() > 0.99


def test_different_pictures_do_not_fit() -> None:
    first = stack(*(photograph(n) for n in range(PICTURES)))
    second = stack(*(photograph(n + 100) for n in range(PICTURES)))
    assert fit(first, second).score.max() < 0.9


def test_an_object_that_moved_is_left_over_in_its_place() -> None:
    images = [photograph(n) for n in range(PICTURES)]
    moved = []
    for image in images:
        frame = image.copy()
        frame.paste(photograph(50).crop((0, 0, 60, 60)), (200, 100))
        moved.append(frame)
    assert fit(stack(*images), stack(*moved)).worst.min() > 0.4
    assert fit(stack(*images), stack(*images)).worst.max() < 1e-3


def test_flat_pictures_are_like_nothing() -> None:
    grey = stack(Image.new("RGB", (40, 30), "grey"))
    assert fit(grey, grey).score.tolist() == [0]


def test_no_pairs_give_no_fits() -> None:
    none = np.zeros((0, SIDE, SIDE), np.uint8)
    assert fit(none, none).score.shape == (0,)


def test_the_fit_of_a_pair_does_not_depend_on_the_others() -> None:
    images = stack(*(photograph(n) for n in range(40)))
    other = stack(*(photograph(n).crop((10, 10, 310, 230)) for n in range(40)))
    every = fit(images, other)
    alone = fit(images[37:38], other[37:38])
    assert abs(every.score[37] - alone.score[0]) < 1e-4
    assert np.allclose(every.warp[37], alone.warp[0], atol=1e-3)
