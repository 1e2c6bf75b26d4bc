"""Videos of all kinds -> frames, their numbers and times, or a sentence."""

import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moving_pictures import number_of, plain, write_video
from visioncli.errors import ErrorKind, InputError
from visioncli.videos import reading
from visioncli.videos.pixels import as_picture
from visioncli.videos.reading import Video, open_video


def read(path: Path) -> tuple[Video, list[tuple[int, Fraction, np.ndarray]], InputError | None]:
    """All of a video: its frames upright, and the error at its end."""
    video = open_video(str(path))
    found, problem = [], None
    try:
        for shown in video.frames():
            found.append((shown.number, shown.at, np.asarray(as_picture(shown.image, video.turn))))
    except InputError as wrong:
        problem = wrong
    video.close()
    return video, found, problem


CONTAINERS = {
    "a.mp4": ("libx264", "yuv420p"),
    "a.mkv": ("libx264", "yuv420p"),
    "a.webm": ("libvpx-vp9", "yuv420p"),
    "b.webm": ("libvpx", "yuv420p"),
    "a.avi": ("mpeg4", "yuv420p"),
    "a.mov": ("prores_ks", "yuv422p10le"),
    "a.ts": ("libx264", "yuv420p"),
    "a.mpg": ("mpeg2video", "yuv420p"),
    "a.flv": ("flv", "yuv420p"),
    "ten.mp4": ("libx265", "yuv420p10le"),
    "full.mp4": ("libx264", "yuv444p"),
    "av1.mp4": ("libsvtav1", "yuv420p"),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_frames_come_in_the_order_in_which_they_are_shown(name: str, tmp_path: Path) -> None:
    codec, pixels = CONTAINERS[name]
    sharp = {"qmin": "1", "qmax": "2"} if codec in ("mpeg4", "flv", "mpeg2video") else {}
    path = write_video(tmp_path / name, (plain(n) for n in range(30)), codec=codec, pixels=pixels, **sharp)
    video, frames, problem = read(path)
    assert problem is None
    assert [number for number, _, _ in frames] == list(range(30))
    assert [number_of(frame) for *_, frame in frames] == list(range(30))
    assert [float(at) for _, at, _ in frames] == pytest.approx([n / 25 for n in range(30)], abs=2e-3)
    assert video.damaged == 0


def test_times_are_those_at_which_frames_are_shown(tmp_path: Path) -> None:
    times = [0, 3, 4, 20, 21, 90, 91, 130]
    path = write_video(tmp_path / "a.mp4", map(plain, range(8)), times=times, base=Fraction(1, 100))
    assert [at for _, at, _ in read(path)[1]] == [Fraction(n, 100) for n in times]


@pytest.mark.parametrize(("degrees", "corner"), [(0, (0, 0)), (90, (1, 0)), (180, (1, 1)), (270, (0, 1))])
def test_frames_are_upright(degrees: int, corner: tuple[int, int], tmp_path: Path) -> None:
    frame = np.full((48, 64, 3), 40, np.uint8)
    frame[:12, :12] = 220  # at the upper left before it is turned against the clock
    path = write_video(tmp_path / "a.mp4", [frame] * 3, rotation=degrees)
    pixels = read(path)[1][0][2]
    assert pixels.shape[:2] == ((48, 64) if degrees % 180 == 0 else (64, 48))
    down, across = (-4 if at else 4 for at in corner)
    assert pixels[down, across].mean() > 200
    assert pixels[-down, -across].mean() < 60


@pytest.mark.parametrize("size", [(64, 48), (35, 27), (2, 2), (3, 9)])
def test_odd_sizes_are_kept(size: tuple[int, int], tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", [plain(7, size)] * 3, codec="ffv1", pixels="bgr0")
    assert read(path)[1][0][2].shape == (size[1], size[0], 3)


def test_transparent_parts_are_white(tmp_path: Path) -> None:
    frame = np.zeros((48, 64, 4), np.uint8)
    frame[:, :32] = (200, 0, 0, 255)
    path = write_video(tmp_path / "a.mov", [frame] * 2, codec="qtrle", pixels="argb", given="rgba")
    pixels = read(path)[1][0][2]
    assert pixels[20, 10].tolist() == [200, 0, 0]
    assert pixels[20, 50].tolist() == [255, 255, 255]


@pytest.mark.parametrize(("size", "matrix"), [((64, 48), 5), ((1280, 720), 1)])
def test_unmarked_colours_are_taken_as_players_take_them(size: tuple[int, int], matrix: int, tmp_path: Path) -> None:
    import av

    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        colour = np.empty((size[1], size[0], 3), np.uint8)
        colour[:] = (200, 40, 60)
        frame = av.VideoFrame.from_ndarray(colour, format="rgb24")
        frame = frame.reformat(format="yuv420p", dst_colorspace=matrix)
        frame.colorspace, frame.pts = 2, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert np.abs(read(path)[1][0][2][9, 9].astype(int) - (200, 40, 60)).max() <= 4


def test_interlaced_frames_are_woven_into_whole_ones(tmp_path: Path) -> None:
    """A bar that has moved on between the two fields: combs in the file, none in what is read."""
    frames = []
    for n in range(12):
        frame = np.full((64, 96, 3), 40, np.uint8)
        for field in (0, 1):
            left = 10 + 4 * (2 * n + field)
            frame[field::2, max(left, 0) : left + 8] = 220
        frames.append(frame)
    path = tmp_path / "a.mpg"
    options = {"flags": "+ildct+ilme", "qmin": "1", "qmax": "1", "b": "9M"}
    write_video(path, frames, codec="mpeg2video", **options)
    _, found, problem = read(path)
    assert problem is None
    assert len(found) == 12

    def combs(frame: np.ndarray) -> float:
        return float(np.abs(np.diff(frame[..., 0].astype(float), axis=0)).mean())

    assert combs(found[5][2]) < combs(frames[5]) / 3


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi", "a.webm", "a.flv"])
def test_a_cut_off_file_gives_the_frames_before_the_cut_and_says_so(name: str, tmp_path: Path) -> None:
    codec = {"a.avi": "mpeg4", "a.webm": "libvpx-vp9", "a.flv": "flv"}.get(name, "libx264")
    rng = np.random.default_rng(0)
    frames = (plain(n // 4) // 2 + rng.integers(0, 99, (48, 64, 3), np.uint8) for n in range(100))
    options = {"movflags": "+faststart"} if name == "a.mp4" else {}
    path = write_video(tmp_path / name, frames, codec=codec, options=options)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    _, found, problem = read(path)
    assert problem is not None
    assert problem.kind == ErrorKind.TRUNCATED_VIDEO
    assert "too early" in str(problem)
    assert 10 < len(found) < 90
    assert [number for number, _, _ in found] == list(range(len(found)))


@pytest.mark.parametrize("behind", [-50, 200])
def test_a_file_that_lost_its_index_says_so(behind: int, tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", (plain(n) for n in range(30)))
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"moov") + behind])
    with pytest.raises(InputError, match="no index") as caught:
        open_video(str(path))
    assert caught.value.kind == ErrorKind.TRUNCATED_VIDEO


def test_damaged_packets_are_counted_and_the_rest_is_read(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frames = (plain(n // 4) // 2 + rng.integers(0, 99, (48, 64, 3), np.uint8) for n in range(100))
    path = write_video(tmp_path / "a.ts", frames, g="10", bf="0")
    data = bytearray(path.read_bytes())
    for at in range(len(data) // 3, len(data) // 3 + 3000, 11):
        data[at] ^= 0x5A
    path.write_bytes(data)
    video, found, problem = read(path)
    assert problem is None
    assert video.damaged > 0
    assert len(found) > 60


def test_a_file_of_sound_alone_says_so(tmp_path: Path) -> None:
    import av

    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        from moving_pictures import _add_tone

        stream: Any = container.add_stream("aac", rate=48000)
        stream.layout = "mono"
        _add_tone(container, stream, 1.0)
    with pytest.raises(InputError, match="holds sound and no frames") as caught:
        open_video(str(path))
    assert caught.value.kind == ErrorKind.OTHER_MEDIUM


def test_a_video_without_frames_says_so(tmp_path: Path) -> None:
    import av

    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.start_encoding()
    with pytest.raises(InputError, match="no picture") as caught:
        open_video(str(path))
    assert caught.value.kind == ErrorKind.EMPTY_FILE


def test_a_stream_without_a_duration_is_read_to_its_end(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.h264", (plain(n) for n in range(30)))
    _, found, problem = read(path)
    assert problem is None
    assert [number_of(frame) for *_, frame in found] == list(range(30))
    live = write_video(tmp_path / "b.mkv", (plain(n) for n in range(30)), options={"live": "1"})
    assert len(read(live)[1]) == 30


@pytest.mark.parametrize(
    ("content", "words"), [(b"", "empty"), (bytes(999), "zero bytes"), (b"no video" * 99, "not")]
)
def test_what_is_no_video_says_so(content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(InputError, match=words):
        open_video(str(tmp_path / "a.mp4"))


def test_without_pyav_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(InputError, match=r"visioncli\[video\]"):
        open_video("a.mp4")


def test_a_camera_that_is_not_there_says_so() -> None:
    with pytest.raises(InputError, match="camera") as caught:
        open_video("camera:97")
    assert caught.value.kind == ErrorKind.NOT_FOUND


def test_a_camera_gives_frames_without_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    camera = ("lavfi", "testsrc=size=64x48:rate=25", "lavfi")
    monkeypatch.setattr(reading, "_CAMERAS", {"linux": camera, sys.platform: camera})
    video = open_video("camera:0")
    frames = video.frames()
    shown = [next(frames) for _ in range(10)]
    video.close()
    assert video.live
    assert [float(one.at) for one in shown] == pytest.approx([n / 25 for n in range(10)])


def test_the_bytes_of_a_file_are_read_as_the_file_is(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", (plain(n) for n in range(5)))
    video = open_video(path.read_bytes())
    assert len(list(video.frames())) == 5
    video.close()


def test_a_playlist_does_not_lead_to_other_files(tmp_path: Path) -> None:
    write_video(tmp_path / "real.ts", (plain(n) for n in range(5)))
    lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:1", "#EXTINF:1,", str(tmp_path / "real.ts"), "#EXT-X-ENDLIST"]
    (tmp_path / "a.ts").write_text("\n".join(lines))
    with pytest.raises(InputError):
        list(open_video(str(tmp_path / "a.ts")).frames())
