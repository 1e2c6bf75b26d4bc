"""A video in a file or in memory -> its frames in the order in which they are shown, each with its time.

However long it is, only what the decoder itself holds is in memory. Nothing is searched for in the file: frames have
the numbers that they have when it is played from its beginning.
"""

import io
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from PIL import Image

from visioncli.errors import ErrorKind, InputError
from visioncli.videos.kinds import camera
from visioncli.videos.pixels import orientation

MOST_THREADS = 8
_MOST_IN_A_ROW = 64
"""So many packets one after the other that cannot be read: the file is not worth more patience."""
_CONVERT = "Convert it, for instance with ffmpeg -i FILE video.mp4."
_NO_INDEX = (
    "The video is cut off: it has no index, which such a file has at its end, or not all of it. Copy it again, or "
    "mend it (untrunc)."
)
_HONEST = ("matroska", "webm", "avi", "flv", "asf", "mov", "mp4")
"""Containers whose header says how long they are; of others, the length is what is there."""
_FALLBACK_RATE = Fraction(25)


@dataclass(frozen=True, slots=True)
class Shown:
    """A frame: its `number`, counted from 0 in the order in which frames are shown, when it is shown (seconds since
    the video's beginning), and an `av.VideoFrame`."""

    number: int
    at: Fraction
    image: Any


class Video:
    """An open video that is read once, from its beginning to its end.

    `damaged` counts packets that could not be read and frames that the decoder had to make up in part.
    """

    def __init__(self, container: Any, stream: Any, *, live: bool = False, source: Any = None) -> None:
        self._container, self._stream, self._source = container, stream, source
        self.live = live
        self.damaged = self.decoded = 0
        self.turn: Image.Transpose | None = None
        self.rate: Fraction = stream.average_rate or stream.guessed_rate or _FALLBACK_RATE
        self.shape: Fraction = stream.sample_aspect_ratio or Fraction(1)
        """Width of a pixel by its height."""
        self._packets, self._ends = 0, Fraction(0)
        self._lost = False

    def close(self) -> None:
        """Lets go of the file."""
        self._container.close()
        if self._source is not None:
            self._source.close()

    def frames(self) -> Iterator[Shown]:
        """Its frames. Raises InputError at the place where it is cut off; frames before that have come by then."""
        start = self._start()
        before: Fraction | None = None
        weave = _Weave()
        for frame in weave.progressive(self._decoded()):
            if not self.decoded:
                self.turn = _orientation(frame)
                start = self._first_time(frame) if start is None else start
            at = None if frame.pts is None or frame.time_base is None else frame.pts * frame.time_base - (start or 0)
            if at is None or (before is not None and at <= before):
                at = Fraction(0) if before is None else before + 1 / self.rate
            before = at
            yield Shown(self.decoded, at, frame)
            self.decoded += 1
        if problem := self._cut():
            raise problem
        if not self.decoded:
            raise InputError(
                ErrorKind.EMPTY_FILE,
                "The video holds no frame that can be decoded"
                f"{f': {self.damaged:,} of its packets are damaged' if self.damaged else ''}. {_CONVERT}",
            )

    def _start(self) -> Fraction | None:
        if self.live or self._container.start_time is None:
            return None
        return Fraction(self._container.start_time, 1_000_000)

    @staticmethod
    def _first_time(frame: Any) -> Fraction:
        return Fraction(0) if frame.pts is None else Fraction(frame.pts * frame.time_base)

    def _decoded(self) -> Iterator[Any]:
        from av.error import FFmpegError

        for packet in self._read():
            try:
                frames = self._stream.decode(packet)
            except EOFError:
                return
            except (FFmpegError, ValueError):
                self.damaged += 1
                continue
            for frame in frames:
                # Decoders make something up for what is missing; a player shows it too.
                self.damaged += bool(frame.is_corrupt)
                yield frame

    def _read(self) -> Iterator[Any]:
        """The packets of the video's stream, and at last an empty one that has the decoder give what it holds."""
        from av.error import FFmpegError

        in_a_row, packets = 0, self._container.demux()
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except EOFError:
                self._lost = True
                break
            except FFmpegError:
                # Generators that raised have ended; a new one goes on behind the damage, where that can be.
                self.damaged += 1
                in_a_row += 1
                if in_a_row > _MOST_IN_A_ROW:
                    self._lost = True
                    break
                packets = self._container.demux()
                continue
            in_a_row = 0
            if packet.size and packet.pts is not None:
                self._ends = max(self._ends, (packet.pts + (packet.duration or 0)) * packet.time_base)
            if packet.stream_index != self._stream.index:
                continue
            self._packets += bool(packet.size)
            self.damaged += bool(packet.is_corrupt)
            yield packet
        yield None

    def _cut(self) -> InputError | None:
        """What is wrong where the file is shorter than its header says."""
        container = self._container
        if self.live or not any(name in _HONEST for name in container.format.name.split(",")):
            return None
        start = Fraction(container.start_time or 0, 1_000_000)
        promised = None if container.duration is None else Fraction(container.duration, 1_000_000)
        there = self._ends - start
        short = promised is not None and there < promised - max(Fraction(1, 2), 2 / self.rate)
        # Edit lists leave frames out that are counted; then the time is there all the same.
        fewer = promised is not None and self._packets < self._stream.frames and there < promised - 2 / self.rate
        if not (short or fewer):
            return None
        promised = promised or Fraction(0)
        return InputError(
            ErrorKind.TRUNCATED_VIDEO,
            f"The video ends too early: {float(max(there, Fraction(0))):.2f} s of {float(promised):.2f} s are there, "
            f"{self.decoded:,} frames. Records of these frames come before this one. Copy the file again.",
        )


class _Weave:
    """Makes whole pictures of interlaced frames: each has two fields, half the lines each, from two times."""

    def __init__(self) -> None:
        self._graph: Any = None

    def progressive(self, frames: Iterator[Any]) -> Iterator[Any]:
        """The same number of frames, at the same times; those that are not interlaced stay as they are."""
        for frame in frames:
            if self._graph is None and frame.interlaced_frame:
                self._graph = self._made(frame)
            if self._graph is None:
                yield frame
                continue
            self._graph.push(frame)
            yield from self._ready()
        if self._graph is not None:
            self._graph.push(None)
            yield from self._ready()

    @staticmethod
    def _made(frame: Any) -> Any:
        import av.filter

        graph = av.filter.Graph()
        source = graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
        )
        # Martin Weston's three-field deinterlacing, as FFmpeg has it (bwdif); one frame for one frame.
        weave = graph.add("bwdif", "mode=send_frame:deint=interlaced")
        sink = graph.add("buffersink")
        source.link_to(weave)
        weave.link_to(sink)
        graph.configure()
        return graph

    def _ready(self) -> Iterator[Any]:
        from av.error import BlockingIOError as Later

        while True:
            try:
                yield self._graph.pull()
            except (Later, EOFError):
                return


def _orientation(frame: Any) -> Image.Transpose | None:
    from av.sidedata.sidedata import Type

    matrix = frame.side_data.get(Type.DISPLAYMATRIX)
    return None if matrix is None else orientation(bytes(matrix))


def open_video(source: str | bytes) -> Video:
    """The video at a path, of the bytes of a file, or of a camera (`camera:0`). Raises InputError, OSError."""
    try:
        import av
        import av.error
    except ImportError:
        raise InputError(
            ErrorKind.UNREADABLE_VIDEO,
            "Videos are read with PyAV, which is not installed. Install it: pip install 'visioncli[video]'",
        ) from None
    number = camera(source) if isinstance(source, str) else None
    if number is not None:
        return _open_camera(number)
    stream: Any = io.BytesIO(source) if isinstance(source, bytes) else open(source, "rb")  # noqa: SIM115
    try:
        if not stream.read(1):
            raise InputError(ErrorKind.EMPTY_FILE, "The file is empty (0 bytes). Copy or download it again.")
        stream.seek(0)
        # Not by its name: FFmpeg would take parts of it for a protocol, or a playlist in it for addresses to fetch.
        container = av.open(stream, metadata_errors="ignore")
        return _of_container(container, stream)
    except av.error.FFmpegError as problem:
        stream.seek(0)
        head = stream.read(1 << 12)
        stream.close()
        raise _cannot_be_opened(head, problem) from problem
    except BaseException:
        stream.close()
        raise


def _of_container(container: Any, source: Any, *, live: bool = False) -> Video:
    pictures = [s for s in container.streams.video if not _is_cover(s)]
    if not pictures and not container.streams.audio and "mov" in container.format.name:
        container.close()
        raise InputError(ErrorKind.TRUNCATED_VIDEO, _NO_INDEX)
    if not pictures:
        words = "sound" if container.streams.audio else "no video"
        container.close()
        raise InputError(
            ErrorKind.OTHER_MEDIUM if words == "sound" else ErrorKind.UNREADABLE_VIDEO,
            f"The file holds {words} and no frames. vision spectrogram and vision classify take recordings, as WAV, "
            "FLAC, Ogg or MP3."
            if words == "sound"
            else f"The file holds no video stream. {_CONVERT}",
        )
    stream = pictures[0]
    if stream.codec_context is None:
        container.close()
        raise InputError(
            ErrorKind.UNREADABLE_VIDEO, f"This build of PyAV has no decoder for the video's codec. {_CONVERT}"
        )
    stream.thread_type = "AUTO"
    stream.codec_context.thread_count = min(os.cpu_count() or 1, MOST_THREADS)
    for other in container.streams:
        if other.type not in ("video", "audio"):
            _leave_out(other)
    return Video(container, stream, live=live, source=source)


def _leave_out(stream: Any) -> None:
    from contextlib import suppress

    with suppress(AttributeError, ValueError, TypeError):
        stream.discard = "all"


def _is_cover(stream: Any) -> bool:
    """Whether it is the picture of a sound file's cover."""
    return "attached_pic" in str(stream.disposition).lower()


_CAMERAS = {
    "linux": ("video4linux2,v4l2", "/dev/video{}", "v4l2"),
    "darwin": ("avfoundation", "{}", "avfoundation"),
    "win32": ("dshow", "video={}", "dshow"),
}
"""Of each system: what FFmpeg's device is called in the list of formats, what a camera is called, and how it is
opened."""


def _open_camera(number: int) -> Video:
    import av
    import av.error

    device, name, short = _CAMERAS.get(sys.platform, _CAMERAS["linux"])
    if device not in av.formats_available:
        raise InputError(
            ErrorKind.NOT_FOUND,
            f"This build of PyAV reads no cameras (it lacks {short}). Record a video, and give its file.",
        )
    path = name.format(number)
    if path.startswith("/dev/") and not os.path.exists(path):
        raise InputError(
            ErrorKind.NOT_FOUND,
            f"There is no camera {number} here: {path} does not exist. Plug it in, or try another.",
        )
    try:
        return _of_container(av.open(path, format=short), None, live=True)
    except (av.error.FFmpegError, OSError) as problem:
        raise InputError(
            ErrorKind.READ_FAILED,
            f"Camera {number} cannot be read ({_words(problem)}). Another program may use it, or you may not.",
        ) from problem


def _cannot_be_opened(head: bytes, problem: Exception) -> InputError:
    if not head.strip(b"\0"):
        return InputError(
            ErrorKind.UNREADABLE_VIDEO, "This is nothing but zero bytes. Copy it again: it was never written whole."
        )
    if head[4:8] == b"ftyp" and b"moov" not in head:
        return InputError(ErrorKind.TRUNCATED_VIDEO, _NO_INDEX)
    if isinstance(problem, EOFError):
        return InputError(
            ErrorKind.EMPTY_FILE, "The file ends before the first frame: it holds no picture. Copy it again."
        )
    return InputError(
        ErrorKind.UNREADABLE_VIDEO, f"This is not a video that can be read ({_words(problem)}). {_CONVERT}"
    )


def _words(problem: BaseException) -> str:
    words = getattr(problem, "strerror", None) or str(problem)
    return words.strip().rstrip(".") or "no reason given"
