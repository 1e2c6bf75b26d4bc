"""What this machine's processor has units for."""

import platform
import subprocess
import sys
from functools import cache
from pathlib import Path

CPU_FACTS = Path("/proc/cpuinfo")
_UNITS = frozenset({"avx512_vnni", "avx_vnni", "asimddp"})
"""Instructions that multiply and add four 8-bit integers at once, as Linux names them on x86 and on ARM."""
_WINDOWS_ARM_DOT_PRODUCT = 43


@cache
def has_int8_units() -> bool:
    """Whether the processor multiplies 8-bit integers faster than float32; False where it cannot be told."""
    if sys.platform == "linux":
        return bool(_UNITS & _linux_flags(CPU_FACTS))
    if sys.platform == "darwin":
        return _apple_has_dot_product()
    if sys.platform == "win32" and platform.machine().lower() in ("arm64", "aarch64"):
        import ctypes

        return bool(ctypes.windll.kernel32.IsProcessorFeaturePresent(_WINDOWS_ARM_DOT_PRODUCT))
    return False  # Windows does not say which of the AVX-512 and AVX extensions an x86 processor has


def _linux_flags(facts: Path) -> frozenset[str]:
    """What all cores have: the program may be moved to any of them."""
    try:
        lines = facts.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return frozenset()
    found = (line.partition(":") for line in lines)
    every = [frozenset(words.split()) for name, _, words in found if name.strip().lower() in ("flags", "features")]
    return frozenset.intersection(*every) if every else frozenset()


def _apple_has_dot_product() -> bool:
    asked = ["/usr/sbin/sysctl", "-n", "hw.optional.arm.FEAT_DotProd"]
    try:
        answer = subprocess.run(asked, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.SubprocessError):
        return False
    return answer.stdout.strip() == "1"
