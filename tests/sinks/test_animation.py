import io

import numpy as np
import pytest
from PIL import Image, ImageSequence

from visioncli.sinks.animation import ENDINGS, KINDS, encoded


@pytest.mark.parametrize("kind", KINDS)
def test_frames_come_back_in_their_order_and_begin_anew(kind: str) -> None:
    frames = [np.full((20, 30, 3), value, np.uint8) for value in (0, 90, 255)]
    image = Image.open(io.BytesIO(encoded(frames, kind, 60)))
    assert image.n_frames == 3
    found = [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(image)]
    for one, wanted in zip(found, frames, strict=True):
        assert np.abs(one.astype(int) - wanted).max() <= 2
    assert image.info["loop"] == 0
    assert set(ENDINGS) == set(KINDS)
