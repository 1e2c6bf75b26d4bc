"""`vision embed`."""

from typing import Annotated

import typer

from visioncli.cli.options import AnnotatedKind, FrameOptions, Precision, frame_options_but


@frame_options_but(annotated=AnnotatedKind.NONE, report=False, precision=Precision.FP32)
def embed(
    frame: FrameOptions,
    normalise: Annotated[bool, typer.Option("--normalise", help="Divide each vector by its length.")] = False,
    vectors: Annotated[
        bool,
        typer.Option("--vectors", help="Put the vectors into the records too.", show_default="with -o -"),
    ] = False,
) -> None:
    """Turn each picture into a vector: what a classifier sees in it before it names it.

    Arrays (--format npy) have a row for each picture that succeeded, in input order. What training or an earlier run
    has computed is not computed again.
    """
    from visioncli.cli.session import run_task
    from visioncli.sinks.formats import SinkOptions

    reading = {"exact_decode": frame.exact_decode, "allow_truncated": frame.allow_truncated}
    settings = {"normalise": normalise, "cache": True, **reading}
    run_task("embed", frame, settings, None, SinkOptions(vectors=vectors or frame.out == "-"))
