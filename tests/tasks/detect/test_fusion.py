import numpy as np
import pytest

from visioncli.tasks.detect.detectors import Boxes, Limits
from visioncli.tasks.detect.fusion import FLOOR, MOST, fuse, member_limits, mirrored, shifted

ALL = Limits(score=0.0)


def objects(*rows: tuple[float, float, float, float, float, int]) -> Boxes:
    """Each x1, y1, x2, y2, score, label id."""
    table = np.array(rows, np.float64).reshape(-1, 6)
    return Boxes(table[:, :4].astype(np.float32), table[:, 4].astype(np.float32), table[:, 5].astype(np.int64))


def crowd(rng: np.random.Generator, count: int) -> Boxes:
    """Boxes around a few places, so that many of them overlap; best first."""
    places = np.array([(20, 20, 60, 80), (30, 25, 70, 90), (100, 40, 160, 70), (5, 5, 150, 100)], np.float64)
    boxes = places[rng.integers(0, len(places), count)] + rng.normal(0, 4, (count, 4))
    scores = np.sort(rng.uniform(0.02, 1, count))[::-1]
    return Boxes(boxes.astype(np.float32), scores.astype(np.float32), rng.integers(1, 3, count))


def overlap(a: list[float], b: list[float]) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def straightforward(views: list[Boxes], iou: float) -> list[tuple[float, list[float], int]]:
    """The published algorithm box by box, each mean made anew from its members; no suppression at the end."""
    waiting = sorted(
        (
            (-float(score), n, k, box.tolist(), int(label))
            for n, view in enumerate(views)
            for k, (box, score, label) in enumerate(zip(view.boxes, view.scores, view.label_ids, strict=True))
        ),
        key=lambda entry: entry[:3],
    )
    clusters: list[list[tuple[float, int, list[float], int]]] = []

    def mean(cluster: list[tuple[float, int, list[float], int]]) -> list[float]:
        total = sum(score for score, *_ in cluster)
        return [sum(score * box[side] for score, _, box, _ in cluster) / total for side in range(4)]

    for negative, n, _, box, label in waiting:
        found = [(overlap(mean(c), box), -i) for i, c in enumerate(clusters) if c[0][3] == label]
        best = max(found, default=(0.0, 0))
        entry = (-negative, n, box, label)
        if best[0] > iou:
            clusters[-best[1]].append(entry)
        else:
            clusters.append([entry])
    answer = []
    for cluster in clusters:
        seen = {n: max(score for score, view, *_ in cluster if view == n) for _, n, *_ in cluster}
        answer.append((sum(seen.values()) / len(views), mean(cluster), cluster[0][3]))
    return sorted(answer, key=lambda found: -found[0])


def test_what_both_views_see_is_their_mean_box_weighted_by_score_with_their_mean_score() -> None:
    found = fuse([objects((10, 10, 50, 50, 0.9, 1)), objects((14, 10, 54, 50, 0.3, 1))], ALL)
    assert found.boxes.tolist() == [pytest.approx([11, 10, 51, 50])]
    assert found.scores == pytest.approx([0.6])
    assert found.label_ids.tolist() == [1]


def test_what_one_of_two_views_sees_keeps_half_its_score_and_its_very_box() -> None:
    box = (1.1, 2.2, 33.3, 44.4)
    found = fuse([objects((*box, 0.8, 7)), objects()], ALL)
    assert (found.boxes == np.array([box], np.float32)).all()
    assert found.scores == pytest.approx([0.4])


def test_a_view_counts_once_in_a_cluster_with_its_best_box() -> None:
    double = objects((10, 10, 50, 50, 0.8, 1), (10, 10, 50, 52, 0.6, 1))
    assert fuse([double, objects()], ALL).scores == pytest.approx([0.4])


def test_classes_are_fused_apart() -> None:
    found = fuse([objects((10, 10, 50, 50, 0.8, 1)), objects((10, 10, 50, 50, 0.6, 2))], ALL)
    assert found.label_ids.tolist() == [1, 2]
    assert found.scores == pytest.approx([0.4, 0.3])


def test_an_overlap_of_exactly_the_limit_is_two_objects() -> None:
    views = [objects((0, 0, 40, 40, 0.8, 1)), objects((0, 0, 40, 20, 0.6, 1))]
    assert len(fuse(views, Limits(score=0.0, iou=0.5))) == 2
    assert len(fuse(views, Limits(score=0.0, iou=0.49))) == 1


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("iou", [0.3, 0.55, 0.7])
def test_clusters_are_those_of_a_straightforward_implementation(seed: int, iou: float) -> None:
    rng = np.random.default_rng(seed)
    views = [crowd(rng, n) for n in (25, 0, 31, 12)]
    expected = straightforward(views, iou)
    # What still overlaps in the end is suppressed in `fuse`: here too, so that each cluster before it shows.
    kept: list[tuple[float, list[float], int]] = []
    for one in expected:
        if all(other[2] != one[2] or overlap(other[1], one[1]) <= iou for other in kept):
            kept.append(one)
    found = fuse(views, Limits(score=0.0, iou=iou, most=1000))
    assert len(expected) > 4
    assert found.scores == pytest.approx([score for score, *_ in kept], abs=1e-6)
    assert found.boxes == pytest.approx(np.array([box for _, box, _ in kept]), abs=1e-3)
    assert found.label_ids.tolist() == [label for *_, label in kept]


@pytest.mark.parametrize("seed", range(4))
def test_score_and_number_only_choose_among_what_is_fused(seed: int) -> None:
    rng = np.random.default_rng(seed)
    views = [crowd(rng, 30), crowd(rng, 20)]
    every = fuse(views, Limits(score=0.0, most=1000))
    some = fuse(views, Limits(score=0.3, most=5))
    count = min(5, int((every.scores >= 0.3).sum()))
    assert 0 < len(some) == count
    assert (some.boxes == every.boxes[:count]).all()
    assert (some.scores == every.scores[:count]).all()


def test_a_class_that_cannot_reach_the_score_is_no_object() -> None:
    found = fuse([objects((0, 0, 9, 9, 0.9, 1)), objects((0, 0, 9, 9, 0.7, 2))], Limits(score=0.4))
    assert found.label_ids.tolist() == [1]


def test_agnostic_fusion_leaves_the_better_of_two_classes() -> None:
    views = [objects((10, 10, 50, 50, 0.8, 1)), objects((10, 10, 50, 50, 0.6, 2))]
    assert fuse(views, Limits(score=0.0, agnostic=True)).label_ids.tolist() == [1]


def test_the_order_of_views_changes_no_box_by_more_than_rounding() -> None:
    rng = np.random.default_rng(5)
    views = [crowd(rng, 30), crowd(rng, 20), crowd(rng, 10)]
    one, other = fuse(views, ALL), fuse(views[::-1], ALL)
    assert one.boxes == pytest.approx(other.boxes, abs=1e-4)
    assert one.scores == pytest.approx(other.scores, abs=1e-6)
    assert (one.label_ids == other.label_ids).all()


def test_views_that_see_nothing_give_nothing() -> None:
    found = fuse([objects(), objects()], Limits())
    assert (found.boxes.shape, found.boxes.dtype, len(found)) == ((0, 4), np.float32, 0)


def test_of_a_view_more_goes_into_the_fusion_than_comes_out() -> None:
    inner = member_limits(Limits(score=0.4, iou=0.5, most=3, classes=frozenset({1}), agnostic=True))
    assert inner == Limits(FLOOR, 0.5, MOST, frozenset({1}), agnostic=False)
    assert member_limits(Limits(most=500)).most == 500


def test_a_mirrored_box_lies_as_far_from_the_other_border() -> None:
    found = mirrored(objects((10, 20, 30, 40, 0.5, 1)), 100)
    assert found.boxes.tolist() == [[70, 20, 90, 40]]
    assert mirrored(found, 100).boxes.tolist() == [[10, 20, 30, 40]]


def test_log_odds_are_added_and_the_order_of_scores_stays() -> None:
    scores = np.array([0.0, 0.1, 0.5, 0.9, 1.0], np.float32)
    moved = shifted(scores, 0.5)
    odds = moved[1:4].astype(float) / (1 - moved[1:4])
    assert np.log(odds) == pytest.approx(np.log(scores[1:4] / (1 - scores[1:4])) + 0.5, abs=1e-5)
    assert (moved[0], moved[4], moved.dtype) == (0, 1, np.float32)
    assert (shifted(scores, 0.0) == scores).all()
