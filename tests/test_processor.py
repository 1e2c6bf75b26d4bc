from pathlib import Path
from types import SimpleNamespace

import pytest

from visioncli import processor

# Of the whole module: what the fixture of all tests replaces is looked at here.
has_int8_units = processor.has_int8_units


@pytest.fixture
def on_linux(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    facts = tmp_path / "cpuinfo"
    monkeypatch.setattr(processor, "CPU_FACTS", facts)
    monkeypatch.setattr(processor, "sys", SimpleNamespace(platform="linux"))
    has_int8_units.cache_clear()
    yield facts  # type: ignore[misc]
    has_int8_units.cache_clear()


@pytest.mark.parametrize(
    ("lines", "has"),
    [
        ("flags\t\t: fpu avx2 avx512f avx512_vnni\n", True),
        ("flags\t\t: fpu avx2 avx_vnni\n", True),
        ("flags\t\t: fpu avx2 avx512f\nbugs\t: avx512_vnni\n", False),
        ("Features\t: fp asimd asimddp\n", True),
        ("Features\t: fp asimd\n", False),
        # The cores of some processors differ, and a program is moved from one to the other.
        ("flags\t: avx_vnni\n\nflags\t: avx2\n", False),
        ("", False),
    ],
)
def test_linux_lists_the_units(on_linux: Path, lines: str, has: bool) -> None:
    on_linux.write_text(lines)
    assert has_int8_units() is has


def test_what_cannot_be_told_is_no(on_linux: Path) -> None:
    assert has_int8_units() is False


@pytest.mark.parametrize(("answer", "has"), [("1\n", True), ("0\n", False), ("", False)])
def test_a_mac_is_asked(on_linux: Path, monkeypatch: pytest.MonkeyPatch, answer: str, has: bool) -> None:
    monkeypatch.setattr(processor, "sys", SimpleNamespace(platform="darwin"))
    monkeypatch.setattr(processor.subprocess, "run", lambda *_, **__: SimpleNamespace(stdout=answer))
    assert has_int8_units() is has


def test_windows_on_x86_does_not_say(on_linux: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processor, "sys", SimpleNamespace(platform="win32"))
    monkeypatch.setattr(processor.platform, "machine", lambda: "AMD64")
    assert has_int8_units() is False
