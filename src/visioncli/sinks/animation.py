"""A few pictures one after the other as one animated file: GIF, WebP or PNG, written by Pillow."""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

KINDS = {"gif": "GIF", "webp": "WEBP", "apng": "PNG"}
"""Pillow's names by ours."""
ENDINGS = {"gif": ".gif", "webp": ".webp", "apng": ".png"}
FRAME_MS = 50
"""How long a picture is shown: browsers show GIFs of less than 20 ms slowly."""


def encoded(frames: Sequence[np.ndarray], kind: str, frame_ms: int = FRAME_MS) -> bytes:
    """The file of pictures `(H, W, 3) uint8` of one size, which begins anew when it ends. GIF has 256 colours."""
    first, *rest = [Image.fromarray(frame) for frame in frames]
    memory = io.BytesIO()
    lossless = {"lossless": True} if kind == "webp" else {}
    first.save(
        memory, KINDS[kind], save_all=True, append_images=rest, duration=frame_ms, loop=0, **lossless
    )  # fmt: skip
    return memory.getvalue()
