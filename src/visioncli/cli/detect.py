"""`vision detect`."""

from typing import Annotated

import typer

from visioncli.cli import completion
from visioncli.cli.options import FrameOptions, with_frame_options
from visioncli.cli.shared_options import MirrorOption, TrackOption, TruthIdsOption


@with_frame_options
def detect(
    frame: FrameOptions,
    score: Annotated[float, typer.Option("--score", "-s", metavar="P", help="Leave out objects below this.")] = 0.4,
    iou: Annotated[
        float, typer.Option("--iou", metavar="IOU", help="Boxes of one class that overlap more are one object.")
    ] = 0.6,
    max_detections: Annotated[
        int, typer.Option("--max-detections", metavar="N", help="Objects a picture, best first.")
    ] = 100,
    classes: Annotated[
        str | None,
        typer.Option(
            "--classes",
            "-c",
            metavar="LIST",
            help="Only these, e.g. person,dog or 1,18.",
            autocompletion=completion.classes,
        ),
    ] = None,
    agnostic: Annotated[
        bool, typer.Option("--agnostic", help="Boxes of different classes suppress each other too.")
    ] = False,
    tile: Annotated[
        str | None,
        typer.Option(
            "--tile",
            metavar="SIZE[:OVERLAP]",
            help="Also run overlapping tiles, for small objects in large pictures, e.g. 640:0.2.",
        ),
    ] = None,
    tta: MirrorOption = None,
    track: TrackOption = False,
    crops: Annotated[bool, typer.Option("--crops", help="Also write each object as a picture.")] = False,
    images: TruthIdsOption = None,
    yolo_scores: Annotated[bool, typer.Option("--yolo-scores", help="Score as sixth column of YOLO files.")] = False,
    yolo_labels_only: Annotated[
        bool, typer.Option("--yolo-labels-only", help="YOLO: no copies of the pictures in yolo/images.")
    ] = False,
) -> None:
    """Find objects of the 80 COCO classes and draw a box around each.

    Several networks, --model A,B, answer together: their boxes are fused.
    """
    from visioncli.cli.session import run_task
    from visioncli.render.detect import draw
    from visioncli.sinks.formats import SinkOptions
    from visioncli.tracking.tracker import LEAST_SCORE

    settings = {
        "score": min(score, LEAST_SCORE) if track else score,
        "iou": iou,
        "max_detections": max_detections,
        "classes": classes,
        "agnostic": agnostic,
        "tile": tile,
        "tta": tta and tta.value,
    }
    sinks = SinkOptions(images=images, crops=crops, yolo_scores=yolo_scores, yolo_pictures=not yolo_labels_only)
    run_task("detect", frame, settings, draw, sinks, score if track else None)
