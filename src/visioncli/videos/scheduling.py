"""Undoes what the encoder SVT-AV1 does to a process of root: it makes its own threads, and the one that opens it,
real-time ones of the highest priority, which take the machine from everything else on it."""

import os
from contextlib import suppress
from pathlib import Path

_TASKS = Path("/proc/self/task")


def be_ordinary() -> None:
    """Gives all threads of this process the scheduling that programs usually have, where Linux lets them have
    another."""
    if not hasattr(os, "sched_setscheduler") or not _TASKS.is_dir():
        return
    for task in _TASKS.iterdir():
        # Threads end while they are looked at; and some systems refuse.
        with suppress(OSError):
            if os.sched_getscheduler(int(task.name)) in (os.SCHED_FIFO, os.SCHED_RR):
                os.sched_setscheduler(int(task.name), os.SCHED_OTHER, os.sched_param(0))
