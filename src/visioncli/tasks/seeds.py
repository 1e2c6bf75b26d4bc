"""Which seeds torch's generators take."""

from visioncli.errors import UsageError

MOST_SEED = 2**63 - 1


def check_seed(seed: int) -> None:
    """Raises UsageError for a seed that they do not take."""
    if not 0 <= seed <= MOST_SEED:
        raise UsageError(f"--seed is a number from 0 to {MOST_SEED}, not {seed}.")
