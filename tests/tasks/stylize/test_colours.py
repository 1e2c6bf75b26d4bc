import numpy as np
import pytest
from PIL import Image

from visioncli.tasks.stylize.colours import finished, with_colours_of


def smooth(seed: int) -> np.ndarray:
    """Colours far from the corners of the cube, so that nothing is clipped on the way back."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(90, 166, (5, 6, 3), np.uint8))
    return np.asarray(small.resize((48, 40), Image.Resampling.BICUBIC))


def test_colours_are_the_photos_and_luminance_is_the_paintings() -> None:
    photo, painting = (Image.fromarray(smooth(n)) for n in (1, 2))
    mixed = np.asarray(with_colours_of(photo, painting).convert("YCbCr")).astype(int)
    assert np.abs(mixed[..., 0] - np.asarray(painting.convert("YCbCr"))[..., 0]).max() <= 2
    assert np.abs(mixed[..., 1:] - np.asarray(photo.convert("YCbCr"))[..., 1:]).max() <= 2


def test_no_strength_is_the_photo_itself() -> None:
    photo = Image.fromarray(smooth(1))
    for keep in (False, True):
        answer = finished(photo, smooth(2), strength=0, keep_colours=keep)
        np.testing.assert_array_equal(answer, np.asarray(photo))


def test_whole_strength_is_the_painting_itself() -> None:
    np.testing.assert_array_equal(
        finished(Image.fromarray(smooth(1)), smooth(2), strength=1, keep_colours=False), smooth(2)
    )


@pytest.mark.parametrize("strength", [0.25, 0.5, 0.9])
def test_strength_is_the_paintings_share(strength: float) -> None:
    photo, painting = smooth(1), smooth(2)
    answer = finished(Image.fromarray(photo), painting, strength=strength, keep_colours=False)
    expected = photo + strength * (painting.astype(float) - photo)
    assert np.abs(answer - expected).max() <= 1
