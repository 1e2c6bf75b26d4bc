"""`vision caption`."""

from typing import Annotated

import typer

from visioncli.cli.options import FrameOptions, with_frame_options
from visioncli.cli.shared_options import DetectorOption, MirrorOption, TruthIdsOption


@with_frame_options
def caption(
    frame: FrameOptions,
    top: Annotated[int, typer.Option("--top", metavar="N", help="This many sentences, best first.")] = 1,
    beams: Annotated[int, typer.Option("--beams", metavar="N", help="Sentences kept during the search.")] = 5,
    max_words: Annotated[int, typer.Option("--max-words", metavar="N", help="Longest sentence.")] = 20,
    score: Annotated[
        float | None,
        typer.Option(
            "--score",
            "-s",
            metavar="P",
            help="Objects detected below this are not named.",
            show_default="0.3; 0.4 where boxes are fused",
        ),
    ] = None,
    scene_score: Annotated[
        float,
        typer.Option("--scene-score", metavar="P", help="Without objects: name the scene from this probability on."),
    ] = 0.3,
    detector: DetectorOption = None,
    tta: MirrorOption = None,
    explain: Annotated[bool, typer.Option("--explain", help="Also draw, for each word, what it looked at.")] = False,
    images: TruthIdsOption = None,
) -> None:
    """Describe each picture in a sentence that names only what was detected.

    Models: object_layout (learned, the default), template (counts and names), and image-to-text checkpoints of
    transformers, hf:NAME_OR_PATH (extra hf).
    """
    from visioncli.cli.session import run_task
    from visioncli.render.caption import draw
    from visioncli.sinks.formats import SinkOptions

    settings = {
        "top": top,
        "beams": beams,
        "max_words": max_words,
        "score": score,
        "scene_score": scene_score,
        "detector": detector,
        "tta": tta and tta.value,
    }
    run_task("caption", frame, settings, draw, SinkOptions(images=images, explain=explain))
