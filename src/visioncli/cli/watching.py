"""What a run does differently while folders are watched: `vision watch`."""

from collections.abc import Generator, Iterator, Sequence

from visioncli.cli.tally import Tally
from visioncli.cli.terminal import Console
from visioncli.errors import UsageError
from visioncli.inputs.follow import Follower, Watching
from visioncli.inputs.item import Item
from visioncli.inputs.sources import Expansion
from visioncli.runner import Outcome

GROWING = ("yolo", "voc")
"""Formats of which each picture has a file of its own and none is about all of them."""


def check_watched(how: Watching, inputs: Sequence[str], formats: Sequence[str]) -> None:
    """Raises UsageError where a folder, or a document about all pictures, cannot be watched for."""
    how.check(inputs)
    for name in formats:
        if name not in GROWING:
            raise UsageError(
                f"--format {name} is a document about all pictures, and a watch has no end. Make it from what was "
                f"finished at any time: the same command without watch, with --resume --format {name}."
            )


def watched(how: Watching, expansion: Expansion, folders: Sequence[str], console: Console) -> Iterator[Item]:
    """The items of the folders, without an end; words about it on standard error."""

    def begun() -> None:
        console.note(f"Watching {', '.join(folders)} for more. Ctrl-C ends it.")

    return Follower(expansion, folders, how, console.note, begun).items()


def without_resumed(outcomes: Iterator[Outcome], tally: Tally) -> Generator[Outcome, None, None]:
    """The outcomes that are new: the records of the others stand in the file that is added to. All are counted."""
    for outcome in outcomes:
        if outcome.resumed:
            tally.add(outcome, outcome.record)
        else:
            yield outcome
