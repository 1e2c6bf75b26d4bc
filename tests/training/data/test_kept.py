import numpy as np

from visioncli.training.data.kept import Kept


def test_what_was_made_is_given_again() -> None:
    kept, made = Kept(100), []

    def make() -> np.ndarray:
        made.append(1)
        return np.zeros(10, np.uint8)

    assert kept.get("a", make) is kept.get("a", make)
    assert len(made) == 1


def test_what_goes_beyond_the_budget_is_made_each_time() -> None:
    kept = Kept(25)
    pair = kept.get(0, lambda: (np.zeros(10, np.uint8), np.zeros(10, np.uint8)))
    assert kept.get(0, lambda: (np.ones(10, np.uint8), np.ones(10, np.uint8))) is pair
    assert kept.get(1, lambda: np.zeros(10, np.uint8)) is not kept.get(1, lambda: np.zeros(10, np.uint8))
    small = kept.get(2, lambda: np.zeros(5, np.uint8))
    assert kept.get(2, lambda: np.ones(5, np.uint8)) is small
