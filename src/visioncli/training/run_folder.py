"""The folder of a run, which one process at a time may write into."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from visioncli.errors import OutputError, UsageError
from visioncli.training.checkpoint import FOLDER
from visioncli.weights.runs import NOTES, tidy

LOCK = "lock"


@contextmanager
def locked(run: Path, *, check: bool, resume: bool) -> Iterator[None]:
    """The run's folder for this process alone, made where it is not there; with `check` nothing is done.

    Raises UsageError where it holds something that would be lost, OutputError where it is in use or not writable.
    """
    if check:
        yield
        return
    from filelock import FileLock, Timeout

    state = run / FOLDER
    if (run / NOTES).is_file() and not state.is_dir() and not resume:
        raise UsageError(f"{run} holds a trained network. Choose another folder with -o, or remove it.")
    if state.is_dir() and not resume:
        raise UsageError(f"{run} holds a run that did not end. Go on with --resume, or remove the folder.")
    if run.exists() and not run.is_dir():
        raise UsageError(f"{run} is a file. Choose another folder with -o.")
    if run.is_dir() and not state.is_dir() and not (run / NOTES).is_file() and any(run.iterdir()):
        raise UsageError(f"{run} holds other things. Choose a new folder with -o.")
    try:
        state.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise OutputError(f"{run} cannot be written: {problem.strerror or problem}.") from None
    lock = FileLock(state / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise OutputError(f"{run} is in use by another run.") from None
    except (OSError, NotImplementedError) as problem:
        raise OutputError(f"{run} cannot be locked: {problem}.") from None
    try:
        tidy(run)
        yield
    finally:
        lock.release()
        _tidy(state)


def _tidy(state: Path) -> None:
    """Removes the folder of a run that has ended, or that wrote nothing."""
    if state.is_dir() and not any(p.name != LOCK for p in state.iterdir()):
        (state / LOCK).unlink(missing_ok=True)
        state.rmdir()
        if not any(state.parent.iterdir()):
            state.parent.rmdir()
