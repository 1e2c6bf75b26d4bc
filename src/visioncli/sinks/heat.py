"""Heat maps as numbers: `cat.jpg.map.png` (16 bit) or `.npy` (float32, 0 to 1), at the picture's size; of a recording
as large as its spectrogram, high pitches on top."""

import os

import numpy as np
from PIL import Image

from visioncli.files import LONGEST_NAME, name_part, whole_file, write_picture
from visioncli.runner import Outcome
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.interface import PictureSink
from visioncli.tasks.gradcam.heat import FULL, unpacked


class HeatSink(PictureSink):
    """One file an explanation: the first is `NAME.map.png`, further ones carry number and label."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def write(self, outcome: Outcome, out: OutputFolder, base: str) -> dict[str, str]:
        files: dict[str, str] = {}
        if "spectrogram" in outcome.arrays:
            width, height = outcome.arrays["spectrogram"].shape
        elif outcome.picture is not None:
            width, height = outcome.picture.width, outcome.picture.height
        else:
            return files
        for n, explanation in enumerate(outcome.record.predictions or ()):
            name = f"{base}.map" if n == 0 else f"{base}.map-{n}-"
            if n:
                room = LONGEST_NAME - len(os.fsencode(f"{name.rpartition('/')[2]}.{self._kind}"))
                name += name_part(explanation.label, room)
            target = out.file(f"{name}.{self._kind}")
            heat = unpacked(outcome.arrays, n, width, height)
            if self._kind == "npy":
                with whole_file(target, out.partial) as temporary, temporary.open("wb") as file:
                    np.save(file, np.divide(heat, FULL, dtype=np.float32))
            else:
                write_picture(target, Image.fromarray(heat), "PNG", out.partial, compress_level=4)
            files["map" if n == 0 else f"map_{n}"] = str(target)
        return files
