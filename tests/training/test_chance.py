"""Seeds made of several numbers."""

import itertools

from visioncli.training.chance import seed_of


def test_seeds_are_those_of_torch_and_differ_by_each_number_and_by_their_order() -> None:
    made = [seed_of(*numbers) for numbers in itertools.product(range(6), repeat=3)]
    assert len(set(made)) == 6**3
    assert all(0 <= seed < 2**63 for seed in made)


def test_a_seed_stays_the_same_from_version_to_version() -> None:
    assert seed_of(0, 1) == 2918264622725855778
