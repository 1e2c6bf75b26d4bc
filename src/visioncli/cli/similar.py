"""`vision similar`."""

import dataclasses
import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from visioncli.cli.options import WITHOUT_VIDEOS, FrameOptions, Precision, frame_options_but
from visioncli.errors import UsageError

if TYPE_CHECKING:
    from visioncli.cli.together import Look
    from visioncli.results import Record
    from visioncli.runner import Outcome

_LEFT_OUT: dict[str, Any] = {
    "inputs": [],
    "precision": Precision.FP32,
    "resume": False,
    **WITHOUT_VIDEOS,
    "shard": None,  # the answer needs all pictures together
    "fail_fast": False,
}


@frame_options_but(**_LEFT_OUT)
def similar(
    frame: FrameOptions,
    pictures: Annotated[
        list[str],
        typer.Argument(
            metavar="QUERY... PICTURES",
            help="What to look for and, last, where: each a file, folder, quoted glob, URL or -.",
            show_default=False,
        ),
    ],
    top: Annotated[
        int, typer.Option("--top", metavar="K", min=1, max=1000, help="Pictures for each query, the nearest first.")
    ] = 10,
    score: Annotated[
        float | None,
        typer.Option(
            "--score", metavar="S", min=-1, max=1, help="Leave out pictures below this.", show_default="all"
        ),
    ] = None,
    text: Annotated[str | None, typer.Option("--text", hidden=True, metavar="WORDS", help="Not offered.")] = None,
) -> None:
    """Find the pictures that look most like one: the nearest by what a classifier sees in them.

    The last argument is where to look: vision similar cat.jpg photos. What an earlier run has computed is not
    computed again.
    """
    if text is not None:
        raise UsageError(
            "Pictures cannot be looked for by words: no network that reads text comes with vision. Give a picture "
            "that shows it, or sort by class with vision classify."
        )
    if len(pictures) < 2:
        raise UsageError(
            "Name what to look for and, last, where to look: vision similar QUERY PICTURES, such as vision similar "
            "cat.jpg photos."
        )
    from visioncli.cli.request import Request
    from visioncli.cli.session import load_task
    from visioncli.cli.terminal import Console
    from visioncli.cli.together import Together
    from visioncli.sinks.formats import SinkOptions

    frame = dataclasses.replace(frame, inputs=pictures)
    console = Console(quiet=frame.quiet)
    request = Request.of("similar", frame, {}, None, SinkOptions())
    reading = {"exact_decode": frame.exact_decode, "allow_truncated": frame.allow_truncated}
    task = load_task("embed", frame, {"cache": True, **reading}, console)

    def answer(look: "Look") -> Iterator["Outcome"]:
        queries = list(look(request.expansion.items(pictures[:-1])))
        return _answers(queries, look(request.expansion.items(pictures[-1:])), top, score)

    status, _ = Together(request, task, answer, _shown).run(console)
    raise typer.Exit(int(status))


def _answers(
    queries: list["Outcome"], gallery: Iterable["Outcome"], top: int, score: float | None
) -> Iterator["Outcome"]:
    """An outcome for each query with its neighbours, then one for each picture of the gallery that failed."""
    import numpy as np

    from visioncli.alike.nearest import Nearest
    from visioncli.predictions import Neighbour

    known = [n for n, query in enumerate(queries) if query.record.ok]
    vectors = np.stack([_vector(queries[n].record) for n in known]) if known else np.zeros((0, 1), np.float32)
    # A query lies among the pictures as a rule, and under several names at times.
    own = [_identity(queries[n]) for n in known]
    nearest = Nearest(vectors, top + 1)
    paths: list[str] = []
    same: dict[int, set[str]] = {}
    failed = []
    for outcome in gallery:
        if not outcome.record.ok:
            failed.append(outcome)
        elif known and (identity := _identity(outcome)) in own:
            same.setdefault(len(paths), set()).add(identity)
            nearest.show(_vector(outcome.record))
            paths.append(outcome.record.input)
        elif known:
            nearest.show(_vector(outcome.record))
            paths.append(outcome.record.input)
    nearest.finish()
    row = {n: place for place, n in enumerate(known)}
    for n, query in enumerate(queries):
        record = dataclasses.replace(query.record, task="similar")
        if n in row:
            found = [
                Neighbour(paths[place], likeness)
                for place, likeness in nearest.best(row[n])
                if own[row[n]] not in same.get(place, ()) and (score is None or likeness >= score)
            ]
            record = dataclasses.replace(record, predictions=tuple(found[:top]), key=None)
        yield dataclasses.replace(query, record=record, picture=None)
    for outcome in failed:
        yield dataclasses.replace(outcome, record=dataclasses.replace(outcome.record, task="similar"))


def _vector(record: "Record") -> Any:
    import numpy as np

    assert record.predictions is not None
    return np.array(record.predictions[0].vector, np.float32)


def _identity(outcome: "Outcome") -> str:
    return outcome.item.path if outcome.item.is_url else os.path.realpath(outcome.item.path)


def _shown(outcome: "Outcome") -> list[tuple[str, str]]:
    found = [(one.picture, f"{one.score:.2f}") for one in outcome.record.predictions or ()]
    return [(outcome.item.path, "query"), *found]
