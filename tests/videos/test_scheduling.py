import os
import sys
from fractions import Fraction
from pathlib import Path

import pytest
from PIL import Image

from visioncli.inputs.item import Item
from visioncli.videos import writing
from visioncli.videos.frames import Clip
from visioncli.videos.scheduling import be_ordinary

LINUX = sys.platform == "linux"


def real_time() -> list[str]:
    return [t for t in os.listdir("/proc/self/task") if os.sched_getscheduler(int(t)) != os.SCHED_OTHER]


@pytest.mark.parametrize("policy", ["SCHED_FIFO", "SCHED_RR"])
def test_a_real_time_process_becomes_an_ordinary_one(policy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if not LINUX:
        be_ordinary()  # says nothing and does nothing
        return
    # Only root may make a process a real-time one, so what the system says is told here.
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "sched_getscheduler", lambda task: getattr(os, policy))
    monkeypatch.setattr(os, "sched_setscheduler", lambda task, to, param: asked.append((task, to)))
    be_ordinary()
    assert (os.getpid(), os.SCHED_OTHER) in asked
    assert len(asked) >= len({task for task, _ in asked}) == len(asked)


def test_writing_av1_leaves_no_thread_in_real_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not LINUX or "libsvtav1" not in _encoders():
        return
    monkeypatch.setattr(writing, "ENCODERS", {"libsvtav1": writing.ENCODERS["libsvtav1"]})
    clip = Clip(Item("a", "a"), b"", None, live=True)
    video = writing.VideoWriter(tmp_path / "a.mp4", clip, Image.new("RGB", (64, 48)))
    for n in range(3):
        video.write(Image.new("RGB", (64, 48)), Fraction(n, 25), Fraction(1, 25))
    found = real_time()
    video.close()
    assert found == [] == real_time()


def _encoders() -> set[str]:
    import av

    return set(av.codecs_available)
