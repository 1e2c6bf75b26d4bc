"""Videos for tests, written with PyAV: plain colours, or a square that moves, with or without a tone."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from visioncli.videos.scheduling import be_ordinary

GREY = (128, 128, 128)


def plain(n: int, size: tuple[int, int] = (64, 48)) -> np.ndarray:
    """A frame `(H, W, 3) uint8` whose grey tells its number, up to 40."""
    return np.full((size[1], size[0], 3), 30 + 5 * n, np.uint8)


def number_of(frame: np.ndarray) -> int:
    """The number that `plain` put into a frame."""
    return round((float(frame.mean()) - 30) / 5)


def write_video(
    path: Path,
    frames: Iterable[np.ndarray],
    *,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    times: Sequence[int] | None = None,
    base: Fraction = Fraction(1, 25),
    tone: str | None = None,
    rotation: int = 0,
    given: str = "rgb24",
    options: dict[str, str] | None = None,
    **codec_options: str,
) -> Path:
    """Writes frames, shown at `times` in units of `base`, one after the other by default; `tone` is a codec of sound.

    `rotation` is by how many degrees players turn it against the clock.
    """
    import av

    with av.open(str(path), "w", options=options or {}) as container:
        stream: Any = container.add_stream(codec, rate=Fraction(25), options=codec_options)
        sound: Any = None
        stream.pix_fmt = pixels
        stream.codec_context.time_base = base
        count = last = 0
        for n, pixels_of_frame in enumerate(frames):
            if not count:
                stream.height, stream.width = pixels_of_frame.shape[:2]
                if rotation:
                    stream.set_display_rotation(rotation)
                if tone:
                    sound = container.add_stream(tone, rate=48000)
                    sound.layout = "mono"
            count += 1
            frame = av.VideoFrame.from_ndarray(pixels_of_frame, format=given)
            frame.pts = last = n if times is None else times[n]
            frame.time_base = base
            container.mux(stream.encode(frame))
        if sound:
            _add_tone(container, sound, float((last + 1) * base))
        if count:
            container.mux(stream.encode(None))
    be_ordinary()  # one of the encoders makes the process a real-time one
    return path


def _add_tone(container: Any, stream: Any, seconds: float) -> None:
    import av

    samples = (np.sin(np.arange(int(48000 * seconds)) * 2 * np.pi * 440 / 48000) * 9000).astype(np.int16)
    resampler = av.AudioResampler(format=stream.format, layout="mono", rate=48000)
    for start in range(0, len(samples), 960):
        frame = av.AudioFrame.from_ndarray(samples[None, start : start + 960], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
        for piece in resampler.resample(frame):
            container.mux(stream.encode(piece))
    container.mux(stream.encode(None))
