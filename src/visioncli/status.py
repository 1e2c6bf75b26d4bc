"""How a run of the program ended, as the shell sees it."""

from enum import IntEnum


class Status(IntEnum):
    """Exit statuses of every command. Scripts may rely on them."""

    OK = 0
    """Every input succeeded."""
    SOME_FAILED = 1
    """Some inputs failed; their records say why."""
    USAGE = 2
    """The command line was wrong; nothing was done."""
    NONE_SUCCEEDED = 3
    """No input succeeded, or there was no input."""
    MODEL_UNAVAILABLE = 4
    """A model's weights are missing, damaged or of the wrong shape."""
    GATE_MISSED = 5
    """A number fell below its `--fail-under` bound."""
    INTERRUPTED = 130
    """Stopped by Ctrl-C or SIGTERM; what was finished is on disk and valid."""
    PIPE_CLOSED = 141
    """The reader of standard output went away (`| head -1`)."""
