"""What numbers the options of tasks may have."""

from visioncli.errors import UsageError


def between_0_and_1(**values: float) -> None:
    """Raises UsageError for one that is not, in the words of its option: `min_score` is `--min-score`."""
    for name, value in values.items():
        if not 0.0 <= value <= 1.0:
            raise UsageError(f"--{name.replace('_', '-')} must lie between 0 and 1, not {value}.")
