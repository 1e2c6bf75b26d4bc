"""Pictures with times -> a video that browsers play, with the sound of the video that they come from.

H.264 where PyAV's build has an encoder for it, else VP9 or AV1, in an MP4 file whose index comes first, so that it
plays while it is loaded. Each picture is shown when its frame was, however irregular that is.
"""

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from visioncli.errors import OutputError
from visioncli.videos.frames import Clip
from visioncli.videos.scheduling import be_ordinary

ENCODERS: dict[str, dict[str, str]] = {
    "libx264": {"preset": "veryfast", "crf": "20"},
    "libopenh264": {"b": "6M"},
    "libvpx-vp9": {"crf": "30", "b": "0", "deadline": "realtime", "cpu-used": "6", "row-mt": "1"},
    "libsvtav1": {"preset": "10", "crf": "32"},
    "libaom-av1": {"crf": "32", "cpu-used": "8"},
}
"""Names of FFmpeg's encoders with their settings; the first one that is there is taken."""
_COPIED = frozenset({"aac", "mp3", "opus", "flac"})
"""Codecs of sound that browsers play in MP4; others become AAC, or Opus where there is no encoder for that."""
_SOUND_ENCODERS = ("aac", "libopus")
_SOUND_RATE = 48_000
_MOST_TICKS = 1_000_000
_TICKS = 90_000
_BT709, _LIMITED = 1, 1


def encoder() -> str:
    """The encoder of this build of PyAV. Raises OutputError where there is none."""
    from av.codec import Codec

    for name in ENCODERS:
        with suppress(ValueError, LookupError):
            Codec(name, "w")
            return name
    raise OutputError(
        "This build of PyAV writes no H.264, VP9 or AV1, so no annotated video can be made. Leave it out with "
        "--annotated none, or install another one: pip install --upgrade av"
    )


def even(image: Image.Image) -> Image.Image:
    """The picture with its last row and column repeated where their number is odd: browsers want even ones."""
    width, height = image.width + image.width % 2, image.height + image.height % 2
    if (width, height) == image.size:
        return image
    array = np.asarray(image)
    return Image.fromarray(np.pad(array, ((0, height - image.height), (0, width - image.width), (0, 0)), "edge"))


class VideoWriter:
    """Writes one video to `path`, a frame after the other. Raises OutputError and OSError.

    Its size is that of the first picture; others are made smaller where they are larger.
    """

    def __init__(self, path: Path, clip: Clip, first: Image.Image) -> None:
        import av

        self._av: Any = av
        self.size = even(first).size
        ticks = Fraction(1, _TICKS)
        if clip.rate.numerator <= _MOST_TICKS and clip.rate.numerator * 100 > _TICKS:
            ticks = Fraction(1, clip.rate.numerator)  # 24000/1001 and the like: exact
        self._ticks, self._last = ticks, -1
        self._begin = clip.begin
        self._end = clip.begin
        self._container = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})
        name = encoder()
        stream: Any = self._container.add_stream(name, rate=clip.rate, options=ENCODERS[name])
        stream.width, stream.height = self.size
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = ticks
        stream.time_base = ticks
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = _LIMITED
        self._stream, self._open = stream, False
        self._sound = _Sound(self._container, clip)

    def write(self, image: Image.Image, at: Fraction, duration: Fraction) -> None:
        """The next frame, shown at this time of the source."""
        pts = max(round((at - self._begin) / self._ticks), self._last + 1)
        self._last = pts
        frame = self._av.VideoFrame.from_ndarray(np.asarray(self._fitted(image)), format="rgb24")
        frame = frame.reformat(format="yuv420p", dst_colorspace=_BT709, dst_color_range=_LIMITED)
        frame.pts, frame.time_base = pts, self._ticks
        frame.duration = max(1, round(duration / self._ticks))
        packets = self._stream.encode(frame)
        if not self._open:
            self._open = True
            be_ordinary()  # the first frame opens the encoder
        self._container.mux(packets)
        self._end = at + duration
        for packet in self._sound.until(at):
            self._container.mux(packet)

    def close(self) -> None:
        """Ends the video: what was written is whole."""
        try:
            self._container.mux(self._stream.encode(None))
            for packet in self._sound.until(self._end, last=True):
                self._container.mux(packet)
        finally:
            self._sound.close()
            self._container.close()

    def abandon(self) -> None:
        """Lets go of the file, whatever is in it."""
        from av.error import FFmpegError

        self._sound.close()
        with suppress(FFmpegError, OSError, ValueError):
            self._container.close()

    def _fitted(self, image: Image.Image) -> Image.Image:
        image = even(image)
        if image.size == self.size:
            return image
        if image.width > self.size[0] or image.height > self.size[1]:
            image = ImageOps.contain(image, self.size)
        canvas = Image.new("RGB", self.size)
        canvas.paste(image, (0, 0))
        return canvas


class _Sound:
    """The packets of sound of a video, from its first wanted frame on, in the time of the new one."""

    def __init__(self, out: Any, clip: Clip) -> None:
        self._packets: Iterator[tuple[Fraction, Any]] = iter(())
        self._next: tuple[Fraction, Any] | None = None
        self._container: Any = None
        if clip.live:
            return
        import io

        import av
        from av.error import FFmpegError

        source = io.BytesIO(clip.source) if isinstance(clip.source, bytes) else open(clip.source, "rb")  # noqa: SIM115
        try:
            self._file: Any = source
            self._container = av.open(source, metadata_errors="ignore")
            stream = next(iter(self._container.streams.audio), None)
            if stream is None or stream.codec_context is None:
                self.close()
                return
            self._start = Fraction(self._container.start_time or 0, 1_000_000) + clip.begin
            if stream.codec_context.name in _COPIED or stream.codec_context.codec.canonical_name in _COPIED:
                self._packets = self._copied(stream, out.add_stream_from_template(stream))
            else:
                self._packets = self._encoded(stream, _sound_stream(out))
        except (FFmpegError, ValueError, OSError):
            self.close()  # a video without its sound is worth more than none

    def until(self, at: Fraction, *, last: bool = False) -> Iterator[Any]:
        """The packets that begin by this time of the source; with `last` nothing comes after them."""
        from av.error import FFmpegError

        while True:
            if self._next is None:
                try:
                    self._next = next(self._packets, None)
                except (FFmpegError, ValueError, EOFError):
                    self._packets = iter(())  # what is damaged in the sound ends it
            if self._next is None or self._next[0] > at or (last and self._next[0] >= at):
                return
            packet, self._next = self._next[1], None
            yield packet

    def close(self) -> None:
        """Lets go of the source."""
        if self._container is not None:
            self._container.close()
            self._container = None
            self._file.close()
            self._packets = iter(())
            self._next = None

    def _copied(self, stream: Any, out: Any) -> Iterator[tuple[Fraction, Any]]:
        base = stream.time_base
        shift = round(self._start / base)
        begin = self._start - Fraction(self._container.start_time or 0, 1_000_000)
        for packet in self._container.demux(stream):
            if packet.pts is None or packet.dts is None or packet.pts < shift:
                continue
            at = (packet.pts - shift) * base + begin
            packet.pts -= shift
            packet.dts -= shift
            packet.stream = out
            yield at, packet

    def _encoded(self, stream: Any, out: Any) -> Iterator[tuple[Fraction, Any]]:
        import av

        begin = self._start - Fraction(self._container.start_time or 0, 1_000_000)
        resampler = av.AudioResampler(format=out.format, layout=out.layout, rate=_SOUND_RATE)
        written: int | None = None
        for frame in self._frames(stream):
            if frame is not None and (frame.pts is None or frame.pts * frame.time_base < self._start):
                continue
            if written is None:
                if frame is None:
                    return
                written = round((frame.pts * frame.time_base - self._start) * _SOUND_RATE)
            for piece in resampler.resample(frame):
                piece.pts, piece.time_base = written, Fraction(1, _SOUND_RATE)
                written += piece.samples
                for packet in out.encode(piece):
                    yield packet.pts * packet.time_base + begin, packet
        if written is not None:
            for packet in out.encode(None):
                yield packet.pts * packet.time_base + begin, packet

    def _frames(self, stream: Any) -> Iterator[Any]:
        from av.error import FFmpegError

        for packet in self._container.demux(stream):
            with suppress(FFmpegError):
                yield from stream.decode(packet)
        yield None


def _sound_stream(out: Any) -> Any:
    for name in _SOUND_ENCODERS:
        with suppress(ValueError, LookupError):
            stream = out.add_stream(name, rate=_SOUND_RATE)
            stream.layout = "stereo"
            return stream
    raise ValueError("no encoder for sound")
