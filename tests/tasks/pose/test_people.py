import numpy as np
import pytest
from PIL import Image

from visioncli.tasks.pose.people import find_keypoints, oks, oks_nms

MIDDLES = np.array([[60, 50], [200, 110]], np.float32)


def picture() -> Image.Image:
    """Two people, each a bright spot: red 255 marks the first, red 128 the second."""
    rgb = np.zeros((180, 260, 3), np.uint8)
    for (x, y), red in zip(MIDDLES.astype(int), (255, 128), strict=True):
        rgb[y - 4 : y + 5, x - 4 : x + 5, 0] = red
    return Image.fromarray(rgb)


def spot_finder(crops: np.ndarray) -> np.ndarray:
    """Puts all keypoints on the brightest spot of each crop, with its brightness as score."""
    answer = np.zeros((len(crops), 17, 3), np.float32)
    for found, crop in zip(answer, crops, strict=True):
        peak = crop[0].max()
        rows, columns = np.nonzero(crop[0] >= 0.6 * max(peak, 1))
        if rows.size:
            found[:] = (rows.mean() + 0.5) / 192, (columns.mean() + 0.5) / 192, peak / 255
    return answer


def boxes() -> np.ndarray:
    return np.array([[30, 20, 80, 90], [170, 70, 230, 150]], np.float32)


@pytest.mark.parametrize("flip", [True, False])
@pytest.mark.parametrize("second_pass", [True, False])
def test_each_person_gets_keypoints_in_picture_pixels(flip: bool, second_pass: bool) -> None:
    people = find_keypoints(picture(), boxes(), np.array([0.5, 0.8]), spot_finder, flip=flip, second_pass=second_pass)
    assert len(people) == 2
    for person, middle, box, score in zip(people, MIDDLES, boxes(), (0.5, 0.8 * 128 / 255), strict=True):
        np.testing.assert_allclose(person.keypoints[:, :2], np.tile(middle + 0.5, (17, 1)), atol=1)
        np.testing.assert_array_equal(person.box, box)
        assert person.score == pytest.approx(score, abs=0.06)  # bicubic edges overshoot


def test_two_boxes_of_one_person_leave_one_skeleton() -> None:
    near = np.concatenate((boxes(), boxes()[:1] + 5))
    people = find_keypoints(picture(), near, np.array([0.5, 0.8, 0.9]), spot_finder)
    assert [round(float(p.box[0])) for p in people] == [35, 170]


def test_without_boxes_the_network_is_not_asked() -> None:
    def refuse(crops: np.ndarray) -> np.ndarray:
        raise AssertionError("asked without a person")

    assert find_keypoints(picture(), np.zeros((0, 4), np.float32), np.zeros(0), refuse) == []


def test_the_surest_crop_says_where_a_joint_is_and_how_sure_that_is() -> None:
    calls: list[int] = []

    def worse_and_elsewhere(crops: np.ndarray) -> np.ndarray:
        calls.append(len(crops))
        answer = np.full((len(crops), 17, 3), 0.5, np.float32)
        answer[..., 0] += 0.2 * (len(calls) - 1)
        answer[..., 2] = 0.8 / len(calls)
        return answer

    (person,) = find_keypoints(picture(), boxes()[:1], np.ones(1), worse_and_elsewhere, flip=False)
    assert calls == [1, 1, 1]
    assert person.score == pytest.approx(0.8)
    np.testing.assert_allclose(person.keypoints[:, 1], 55, atol=1)


def test_crops_that_agree_are_averaged_by_their_scores() -> None:
    scores = [0.3, 0.6, 0.3]
    calls: list[int] = []

    def near(crops: np.ndarray) -> np.ndarray:
        answer = np.full((len(crops), 17, 3), 0.5, np.float32)
        answer[..., 2] = scores[len(calls)]
        if len(calls) == 1:
            answer[:, :, 1] += 0.04
        calls.append(len(crops))
        return answer

    (person,) = find_keypoints(picture(), boxes()[:1], np.ones(1), near, flip=False)
    assert person.score == pytest.approx(0.6)
    side = 70 * 1.25  # of the second crop, whose weight is that of both others
    np.testing.assert_allclose(person.keypoints[:, 0], 55 + 0.04 * side / 2, atol=0.6)


def test_nobody_unsure_is_looked_at_again() -> None:
    calls: list[int] = []

    def unsure(crops: np.ndarray) -> np.ndarray:
        calls.append(len(crops))
        answer = np.full((len(crops), 17, 3), 0.5, np.float32)
        answer[..., 2] = [[0.1], [0.5]][: len(crops)] if len(crops) == 2 else 0.5
        return answer

    find_keypoints(picture(), boxes(), np.array([1.0, 0.9]), unsure, flip=False)
    assert calls == [2, 1, 1]


def test_a_crowd_goes_through_in_small_batches() -> None:
    sizes: list[int] = []

    def count(crops: np.ndarray) -> np.ndarray:
        sizes.append(len(crops))
        return spot_finder(crops)

    many = np.repeat(boxes(), 15, axis=0)
    find_keypoints(picture(), many, np.full(30, 0.5), count)
    assert max(sizes) <= 8


def test_oks_is_one_for_the_same_and_small_for_the_far() -> None:
    keypoints = np.random.default_rng(0).random((17, 3)).astype(np.float32) * 100
    others = np.stack((keypoints, keypoints + 1, keypoints + 1000))
    similarity = oks(keypoints, others, 5000.0)
    assert similarity[0] == pytest.approx(1)
    assert 0.9 < similarity[1] < 1
    assert similarity[2] < 1e-6


def test_oks_is_that_of_pycocotools() -> None:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    rng = np.random.default_rng(1)
    truth = rng.random((17, 3)) * 60
    found = truth + rng.normal(size=(17, 3)) * 3
    rows = np.concatenate((truth[:, :2], np.full((17, 1), 2.0)), axis=1)
    gt = COCO()
    gt.dataset = {
        "info": {},
        "images": [{"id": 1}],
        "categories": [{"id": 1, "name": "person"}],
        "annotations": [
            {
                "id": 1,
                "image_id": 1,
                "category_id": 1,
                "iscrowd": 0,
                "area": 2000.0,
                "bbox": [0, 0, 60, 60],
                "num_keypoints": 17,
                "keypoints": rows.ravel().tolist(),
            }
        ],
    }
    gt.createIndex()
    result = np.concatenate((found[:, :2], np.ones((17, 1))), axis=1).ravel().tolist()
    evaluation = COCOeval(
        gt, gt.loadRes([{"image_id": 1, "category_id": 1, "score": 1.0, "keypoints": result}]), "keypoints"
    )
    evaluation.params.catIds = [1]
    evaluation._prepare()
    expected = evaluation.computeOks(1, 1)[0, 0]
    ours = oks(truth.astype(np.float32), found[None].astype(np.float32), 2000.0)[0]
    assert ours == pytest.approx(expected, rel=1e-4)


def test_oks_nms_keeps_the_best_of_those_alike() -> None:
    one = np.random.default_rng(0).random((17, 3)).astype(np.float32) * 100
    keypoints = np.stack((one, one + 1, one + 500))
    square = np.tile(np.array([0, 0, 100, 100], np.float32), (3, 1))
    assert oks_nms(keypoints, np.array([0.4, 0.9, 0.5]), square, 0.6) == [1, 2]
    assert oks_nms(keypoints[:0], np.zeros(0), square[:0], 0.6) == []
