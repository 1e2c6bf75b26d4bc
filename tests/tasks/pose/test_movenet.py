import numpy as np
import pytest
from PIL import Image

from visioncli.tasks.pose.movenet import preprocess, square_crop, unmirrored


def picture(height: int = 100, width: int = 80) -> Image.Image:
    rows, columns = np.mgrid[:height, :width]
    return Image.fromarray(np.stack((rows, columns, np.full_like(rows, 200)), axis=2).astype(np.uint8))


def test_a_crop_is_square_around_the_middle_of_the_box() -> None:
    crop, square = square_crop(picture(), (20, 30, 40, 70), 1.25)
    assert (square.left, square.top, square.side) == (5, 25, 50)
    assert np.array_equal(crop, picture().crop((5, 25, 55, 75)))


@pytest.mark.parametrize("box", [(-10, -20, 30, 20), (60, 70, 90, 130), (500, 500, 520, 520)])
def test_beyond_the_picture_a_crop_is_black(box: tuple[float, float, float, float]) -> None:
    crop, square = square_crop(picture(), box, 1.5)
    assert crop.size == (square.side, square.side)
    for y in range(square.side):
        for x in range(square.side):
            py, px = y + square.top, x + square.left
            inside = 0 <= py < 100 and 0 <= px < 80
            assert crop.getpixel((x, y)) == ((py, px, 200) if inside else (0, 0, 0))


def test_an_empty_box_gives_one_pixel() -> None:
    assert square_crop(picture(), (5, 5, 5, 5), 1.25)[0].size == (1, 1)


def test_keypoints_go_back_to_picture_pixels() -> None:
    _, square = square_crop(picture(), (20, 30, 40, 70), 1.25)
    found = square.to_picture(np.array([[0.0, 0.0, 0.9], [0.5, 1.0, 0.1]], np.float32))
    np.testing.assert_allclose(found, [[5, 25, 0.9], [55, 50, 0.1]], rtol=1e-6)


def test_unmirrored_exchanges_left_and_right() -> None:
    keypoints = np.random.default_rng(0).random((2, 17, 3)).astype(np.float32)
    found = unmirrored(keypoints)
    left_wrist, right_wrist = 9, 10
    np.testing.assert_allclose(found[:, left_wrist, 1], 1 - keypoints[:, right_wrist, 1])
    np.testing.assert_allclose(found[:, left_wrist, [0, 2]], keypoints[:, right_wrist][:, [0, 2]])
    np.testing.assert_allclose(unmirrored(found), keypoints, atol=1e-6)


def test_preprocess_keeps_the_range_of_bytes() -> None:
    x = preprocess(Image.new("RGB", (70, 50), "white"))
    assert x.shape == (3, 192, 192) and x.dtype == np.float32 and np.all(x == 255)
