"""A decoded frame of a video -> an upright picture of mode RGB."""

import struct
import threading
from typing import Any

import numpy as np
from PIL import Image

from visioncli.pictures.to_rgb import to_rgb

_TURNS: dict[tuple[int, int, int, int], Image.Transpose] = {
    (-1, 0, 0, 1): Image.Transpose.FLIP_LEFT_RIGHT,
    (-1, 0, 0, -1): Image.Transpose.ROTATE_180,
    (1, 0, 0, -1): Image.Transpose.FLIP_TOP_BOTTOM,
    (0, 1, -1, 0): Image.Transpose.ROTATE_270,
    (0, -1, 1, 0): Image.Transpose.ROTATE_90,
    (0, 1, 1, 0): Image.Transpose.TRANSPOSE,
    (0, -1, -1, 0): Image.Transpose.TRANSVERSE,
}
"""By the display matrix's a, b, c, d: a pixel at (p, q) is shown at (a p + c q, b p + d q). ISO/IEC 14496-12,
8.2.2."""
_UNSPECIFIED, _BT709 = 2, 1
_HD_LINES = 720
"""From so many lines on, players take colours that are not marked for BT.709, below for BT.601."""
_own = threading.local()


def orientation(matrix: bytes) -> Image.Transpose | None:
    """How a frame is turned upright whose display matrix are these nine int32; None for as it is.

    Of a matrix that turns by an odd angle or stretches, the nearest quarter turn counts.
    """
    if len(matrix) < 36:
        return None
    a, b, _, c, d, *_ = struct.unpack("=9i", matrix[:36])
    if max(abs(a), abs(d)) >= max(abs(b), abs(c)):
        turn = (-1 if a < 0 else 1, 0, 0, -1 if d < 0 else 1)
    else:
        turn = (0, -1 if b < 0 else 1, -1 if c < 0 else 1, 0)
    return _TURNS.get(turn)


def turned(size: tuple[int, int], turn: Image.Transpose | None) -> tuple[int, int]:
    """Width and height of the upright picture."""
    sideways = (
        Image.Transpose.ROTATE_90,
        Image.Transpose.ROTATE_270,
        Image.Transpose.TRANSPOSE,
        Image.Transpose.TRANSVERSE,
    )
    return size[::-1] if turn in sideways else size


def as_picture(frame: Any, turn: Image.Transpose | None) -> Image.Image:
    """An `av.VideoFrame` as a picture of mode RGB, alpha laid on white, turned upright. Called in any thread."""
    from av.video.reformatter import VideoReformatter

    if not hasattr(_own, "reformatter"):
        _own.reformatter = VideoReformatter()  # which keeps its tables from frame to frame
    alpha = has_alpha(frame.format.name)
    unmarked = int(frame.colorspace) == _UNSPECIFIED and frame.height >= _HD_LINES
    reformatted = _own.reformatter.reformat(
        frame, format="rgba" if alpha else "rgb24", src_colorspace=_BT709 if unmarked else None
    )
    image = Image.fromarray(np.ascontiguousarray(reformatted.to_ndarray()))
    image = to_rgb(image) if alpha else image
    return image.transpose(turn) if turn is not None else image


def has_alpha(pixel_format: str) -> bool:
    """Whether a pixel format of FFmpeg has transparency."""
    return pixel_format.startswith(("yuva", "rgba", "bgra", "argb", "abgr", "gbrap", "ya8", "ya16", "pal8", "ayuv"))
