"""`OUT/a/cat.jpg.mask.png`: class ids as pixel values with Pascal VOC's palette, or the foreground's alpha."""

import numpy as np
from PIL import Image

from visioncli.files import write_picture
from visioncli.render.colours import voc_palette
from visioncli.runner import Outcome
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.interface import PictureSink
from visioncli.tasks.segment.masks import decode


class MaskSink(PictureSink):
    """A label map that segmentation tools read as it is.

    Semantic: pixel value = Pascal VOC class id. Instance: `cat.jpg.instances.png`, pixel value = number of the
    object in the record, from 1. Foreground: an 8-bit grey alpha.
    """

    def write(self, outcome: Outcome, out: OutputFolder, base: str) -> dict[str, str]:
        arrays, record = outcome.arrays, outcome.record
        if "alpha" in arrays:
            return {"mask": _save(Image.fromarray(arrays["alpha"]), out, f"{base}.mask.png")}
        if record.extra.get("approximate"):
            numbers = np.zeros((record.height or 0, record.width or 0), np.uint8)
            for n, segment in enumerate(record.predictions or (), 1):
                numbers[decode(segment.mask)] = min(n, 255)
            return {"instances": _save(_indexed(numbers), out, f"{base}.instances.png")}
        return {"mask": _save(_indexed(arrays["classes"]), out, f"{base}.mask.png")}


def _indexed(values: np.ndarray) -> Image.Image:
    image = Image.fromarray(values).convert("L")
    image.putpalette(voc_palette())
    return image


def _save(image: Image.Image, out: OutputFolder, name: str) -> str:
    target = out.file(name)
    write_picture(target, image, "PNG", out.partial)
    return str(target)
