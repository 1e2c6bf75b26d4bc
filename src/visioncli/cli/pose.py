"""`vision pose`."""

import functools
from typing import Annotated

import typer

from visioncli.cli.options import FrameOptions, with_frame_options
from visioncli.cli.shared_options import DetectorOption, TrackOption, TruthIdsOption
from visioncli.models.tta import DEFAULT_POSE_TTA, PoseTta


@with_frame_options
def pose(
    frame: FrameOptions,
    person_score: Annotated[
        float, typer.Option("--person-score", metavar="P", help="Leave out people detected below this.")
    ] = 0.15,
    score: Annotated[
        float, typer.Option("--score", "-s", metavar="P", help="Leave out poses below this (detection x mean joint).")
    ] = 0.03,
    min_keypoint_score: Annotated[
        float, typer.Option("--min-keypoint-score", metavar="P", help="Draw and measure only joints above this.")
    ] = 0.2,
    draw_score: Annotated[
        float,
        typer.Option(
            "--draw-score", metavar="P", min=0.0, max=1.0, help="Draw only people above this; records list all."
        ),
    ] = 0.15,
    max_people: Annotated[int, typer.Option("--max-people", metavar="N", help="People a picture, best first.")] = 20,
    single: Annotated[bool, typer.Option("--single", help="The whole picture is one person; no detection.")] = False,
    angles: Annotated[
        bool, typer.Option("--angles", help="Add elbow, knee, shoulder and hip angles in degrees.")
    ] = False,
    detector: DetectorOption = None,
    tta: Annotated[
        PoseTta, typer.Option("--tta", help="Mirror images: of each person's crop, or also of the picture (flip).")
    ] = DEFAULT_POSE_TTA,
    track: TrackOption = False,
    images: TruthIdsOption = None,
) -> None:
    """Find people and their 17 COCO keypoints, and draw their skeletons."""
    from visioncli.cli.session import run_task
    from visioncli.render.pose import draw
    from visioncli.sinks.formats import SinkOptions

    settings = {
        "person_score": person_score,
        "score": score,
        "min_keypoint_score": min_keypoint_score,
        "max_people": max_people,
        "single": single,
        "angles": angles,
        "detector": detector,
        "tta": tta.value,
    }
    run_task(
        "pose",
        frame,
        settings,
        functools.partial(draw, min_keypoint_score=min_keypoint_score, draw_score=draw_score),
        SinkOptions(images=images),
        max(draw_score, score) if track else None,
    )
