import numpy as np
import pytest

from visioncli.errors import UsageError
from visioncli.tasks.generate.latents import between, class_of, drawn, slerp


def test_a_seed_stands_for_the_same_latent_on_every_machine() -> None:
    found = drawn(7, 3, 0)
    # numpy's PCG64, which does not change between versions.
    wanted = np.random.Generator(np.random.PCG64(7)).standard_normal(3, np.float32)
    assert found.z.tolist() == wanted.tolist()
    assert drawn(7, 3, 0).z.tolist() == found.z.tolist()
    assert drawn(8, 3, 0).z.tolist() != found.z.tolist()


def test_seeds_in_a_row_have_each_class_in_turn_unless_one_is_asked_for() -> None:
    assert [int(drawn(n, 2, 3).classes.argmax()) for n in range(5)] == [0, 1, 2, 0, 1]
    assert [int(drawn(n, 2, 3, label=2).classes.argmax()) for n in range(5)] == [2] * 5
    assert drawn(4, 2, 3, label=1).z.tolist() == drawn(4, 2, 3).z.tolist()


def test_a_walk_begins_and_ends_at_its_seeds_exactly() -> None:
    a, b = drawn(1, 16, 4, sides=[7, 14]), drawn(2, 16, 4, sides=[7, 14])
    for share, end in ((0.0, a), (1.0, b)):
        found = between(a, b, share)
        assert found.z.tolist() == end.z.tolist()
        assert all((x == y).all() for x, y in zip(found.noise, end.noise, strict=True))
    half = between(a, b, 0.5)
    assert half.classes.tolist() == [0, 0.5, 0.5, 0]


def test_interpolation_keeps_lengths_and_moves_at_one_speed() -> None:
    a, b = np.array([2.0, 0], np.float32), np.array([0, 2.0], np.float32)
    angles = []
    for n in range(5):
        x, y = slerp(a, b, n / 4)
        assert np.hypot(x, y) == pytest.approx(2, rel=1e-6)
        angles.append(np.degrees(np.arctan2(y, x)))
    assert angles == pytest.approx([0, 22.5, 45, 67.5, 90], abs=1e-4)


def test_latents_that_point_the_same_way_or_opposite_ways_have_a_line_between_them() -> None:
    a = np.array([1.0, 2], np.float32)
    assert slerp(a, 3 * a, 0.5) == pytest.approx(2 * a)
    assert slerp(a, -a, 0.5) == pytest.approx(0 * a)
    assert slerp(0 * a, a, 0.5) == pytest.approx(a / 2)


def test_classes_are_found_by_name_and_number() -> None:
    labels = {0: "cat", 1: "dog", 2: "1"}
    assert class_of("dog", labels, "run") == 1
    assert class_of(" DOG", labels, "run") == 1
    assert class_of("0", labels, "run") == 0
    assert class_of("1", labels, "run") == 2  # a name before a number
    with pytest.raises(UsageError, match="dog"):
        class_of("dig", labels, "run")
    with pytest.raises(UsageError, match="no classes"):
        class_of("0", {}, "run")
