"""Freed memory is kept, where the C library can do that."""

import platform
import subprocess
import sys

import pytest

from visioncli.training.processes.memory import keep_freed_memory

_FAULTS = """
import ctypes, resource, sys
from visioncli.training.processes.memory import keep_freed_memory
if sys.argv[1] == "kept":
    assert keep_freed_memory() and keep_freed_memory()
library = ctypes.CDLL(None)
library.malloc.restype = ctypes.c_void_p
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    block = ctypes.c_void_p(library.malloc(ctypes.c_size_t(64 << 20)))
    library.memset(block, 1, ctypes.c_size_t(64 << 20))
    library.free(block)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="what glibc does")
def test_a_block_that_is_allocated_again_costs_no_page_faults() -> None:
    handed_back, kept = (
        int(subprocess.run([sys.executable, "-c", _FAULTS, how], check=True, capture_output=True).stdout)
        for how in ("handed back", "kept")
    )
    assert kept < handed_back / 3


def test_other_c_libraries_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert keep_freed_memory() is False
