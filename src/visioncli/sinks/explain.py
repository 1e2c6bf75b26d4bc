"""`OUT/a/cat.jpg.explain.jpg`: what a caption looked at, word by word."""

from visioncli.files import write_picture
from visioncli.render.caption import explain
from visioncli.runner import Outcome
from visioncli.sinks.annotated import JPEG_QUALITY
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.interface import PictureSink


class ExplainSink(PictureSink):
    """One panel a word of the best caption."""

    def write(self, outcome: Outcome, out: OutputFolder, base: str) -> dict[str, str]:
        if outcome.picture is None:
            return {}
        image = explain(outcome.picture.image, outcome.record)
        target = out.file(f"{base}.explain.jpg")
        write_picture(target, image, "JPEG", out.partial, quality=JPEG_QUALITY)
        return {"explain": str(target)}
