"""The annotated video: whole or not at all, and never a reason for the run to end."""

import errno
import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from moving_pictures import plain
from visioncli.inputs.item import Item
from visioncli.pictures import Picture
from visioncli.results import Failure, Record
from visioncli.runner import Outcome
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.video import VideoSink
from visioncli.videos.frames import Clip, Frame
from visioncli.videos.writing import VideoWriter


def outcomes(name: str, count: int, *, live: bool = False, failed: int | None = None) -> list[Outcome]:
    clip = Clip(Item(name, name), b"", None, live=live)
    found = []
    for n in range(count):
        image = av.VideoFrame.from_ndarray(plain(n), format="rgb24")
        last = n == count - 1 and not live
        frame = Frame(
            f"{name}#frame={n}", f"{name}#frame={n}", "", clip, n, Fraction(n, 25), str(n), last, {}, None, image
        )
        record = Record("classify", frame.path, 64, 48, predictions=(), frame=n, time_s=n / 25)
        picture: Picture | None = Picture(Image.fromarray(plain(n)), 0.0)
        if n == failed:
            record, picture = Record("classify", frame.path, error=Failure("prediction_failed", "No.")), None
        found.append(Outcome(frame, record, picture))
    return found


def white(image: Image.Image, record: Record, arrays: Any) -> Image.Image:
    """Stands for a drawing."""
    return Image.new("RGB", image.size, "white")


def written(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [float(frame.to_ndarray(format="rgb24").mean()) for frame in container.decode(video=0)]


def go(sink: VideoSink, several: list[Outcome]) -> list[Record]:
    return [sink.write(one, sink.drawn(one), one.record) for one in several]


def test_the_last_record_names_the_video_with_its_size(tmp_path: Path) -> None:
    out = OutputFolder(tmp_path / "out")
    records = go(VideoSink(out, "classify", white), outcomes("a.mp4", 5))
    path = tmp_path / "out" / "a.mp4.classify.mp4"
    assert [record.files for record in records] == [{}] * 4 + [{"annotated": str(path)}]
    assert records[-1].sizes == {"annotated": path.stat().st_size}
    assert min(written(path)) > 250
    out.close()


def test_a_frame_that_failed_is_shown_as_it_is(tmp_path: Path) -> None:
    out = OutputFolder(tmp_path / "out")
    go(VideoSink(out, "classify", white), outcomes("a.mp4", 5, failed=2))
    means = written(tmp_path / "out" / "a.mp4.classify.mp4")
    assert len(means) == 5
    assert abs(means[2] - 40) < 4
    out.close()


def test_a_full_disk_is_a_failure_of_the_last_frame_and_the_next_video_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = OutputFolder(tmp_path / "out")
    sink = VideoSink(out, "classify", white)
    real = VideoWriter.write

    def full(self: VideoWriter, image: Image.Image, at: Fraction, duration: Fraction) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(VideoWriter, "write", full)
    records = go(sink, outcomes("a.mp4", 4))
    assert [record.ok for record in records] == [True, True, True, False]
    assert records[-1].error is not None
    assert records[-1].error.kind == "output_not_written"
    assert not list((tmp_path / "out").rglob("*.mp4"))
    monkeypatch.setattr(VideoWriter, "write", real)
    assert go(sink, outcomes("b.mp4", 4))[-1].files
    sink.close()
    out.close()
    assert [p.name for p in (tmp_path / "out").glob("*.mp4")] == ["b.mp4.classify.mp4"]


def test_what_is_not_whole_vanishes_but_the_video_of_a_camera(tmp_path: Path) -> None:
    out = OutputFolder(tmp_path / "out")
    sink = VideoSink(out, "classify", white)
    go(sink, outcomes("a.mp4", 5)[:3])
    sink.close()
    assert not list((tmp_path / "out").rglob("*.mp4"))
    sink = VideoSink(out, "classify", white)
    go(sink, outcomes("camera-0", 5, live=True))
    sink.close()
    out.close()
    assert len(written(tmp_path / "out" / "camera-0.classify.mp4")) == 5


def test_a_drawing_that_grows_below_the_picture_is_made_smaller_or_cut(tmp_path: Path) -> None:
    def growing(image: Image.Image, record: Record, arrays: Any) -> Image.Image:
        return Image.new("RGB", (64, 48 + 10 * (record.frame or 0)), "white")

    out = OutputFolder(tmp_path / "out")
    first = outcomes("a.mp4", 3)
    go(VideoSink(out, "classify", growing), first)
    go(VideoSink(out, "detect", growing), first)
    out.close()
    for task in ("classify", "detect"):
        with av.open(str(tmp_path / "out" / f"a.mp4.{task}.mp4")) as container:
            frames = [np.asarray(frame.to_image()) for frame in container.decode(video=0)]
        assert {frame.shape for frame in frames} == {(48, 64, 3)}
        # As a whole, so narrower, under a picture's words; cut where a legend of boxes came.
        assert (float(frames[-1][:, -4:].mean()) > 250) == (task == "detect")
