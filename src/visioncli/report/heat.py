"""Heat maps for the page: the maps that `vision gradcam --raw` wrote, on a grid that a page can carry."""

import base64
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from visioncli.models.sound import Scale
from visioncli.report.objects import Answers
from visioncli.report.recordings import LOOK
from visioncli.sounds.log_mel import centres, to_mel
from visioncli.tasks.gradcam.heat import AXIS

SIDE = 40
"""Cells of the longer side. What a network sees is coarser still, and the page smooths between cells."""


def columns(run: Answers) -> dict[str, Any]:
    """`heat` has for each explanation `[height, width, base64 of bytes]`, 0 for none; no column without any map."""
    found: list[Any] = [0] * len(run.rows)
    for place in np.flatnonzero(run.ok).tolist():
        record = run.output.records[run.record[place]]
        row = int(run.rows.start[place])
        for n in range(len(record.predictions or ())):
            said = record.files.get("map" if n == 0 else f"map_{n}")
            if said is not None:
                found[row + n] = _grid(Path(said), run.output.folder, record.extra.get(AXIS))
    return {"heat": found} if any(found) else {}


def _grid(said: Path, folder: Path, axis: Any) -> Any:
    """A map where the record says, or of the same name below the folder of the records, which may have moved. That of
    a recording, whose rows are the pitches that `axis` says, as the page draws pitches."""
    tries = [said, *(folder / Path(*said.parts[n:]) for n in range(1, len(said.parts)))]
    path = next((p for p in tries if p.is_file()), None)
    if path is None:
        return 0
    try:
        if path.suffix == ".npy":
            values = np.load(path, allow_pickle=False).astype(np.float32)
        else:
            with Image.open(path) as picture:
                values = np.asarray(picture).astype(np.float32) / 65535
        if axis is not None:
            values = _as_drawn(values, **axis)
        height, width = values.shape
        scale = min(1.0, SIDE / max(height, width))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        small = np.asarray(Image.fromarray(values).resize(size, Image.Resampling.BOX))
    except Exception:  # noqa: BLE001 - a map that cannot be read is not drawn
        return 0
    cells = np.clip(np.rint(small * 255), 0, 255).astype(np.uint8)
    return [size[1], size[0], base64.b64encode(cells.tobytes()).decode()]


def _as_drawn(values: np.ndarray, lowest_hz: float, highest_hz: float, scale: Scale) -> np.ndarray:
    """`(bands, T)`, a recording's map, high pitches on top, with the rows of the page's spectrogram; 0 for those that
    the network does not hear."""
    bands = len(values)
    lowest, highest = to_mel(np.array([lowest_hz, highest_hz]), scale).tolist()
    place = (to_mel(centres(LOOK), scale) - lowest) / (highest - lowest) * (bands + 1) - 1
    rows = np.rint(bands - 1 - place[::-1]).astype(int)
    heard = (rows >= 0) & (rows < bands)
    return np.where(heard[:, None], values[rows.clip(0, bands - 1)], np.float32(0))


def colours() -> str:
    """The 256 colours of heat, three bytes each, as base64: those of the annotated pictures."""
    from visioncli.render.colour_maps import colour_table

    return base64.b64encode(colour_table().tobytes()).decode()
