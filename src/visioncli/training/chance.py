"""Chance that depends on what is learned, never on global state."""

import numpy as np


def seed_of(*numbers: int) -> int:
    """A seed of torch's generators, below 2**63, made of several whole numbers from 0 on, such as a run's seed and
    the step. In another order they make another one."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)
