"""Pictures that look alike, in the words of the page: rows for each query and its neighbours, or for the pictures of
each group, with what they are there as and how near they are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from visioncli.errors import UsageError
from visioncli.evaluation.classes import folded
from visioncli.predictions import Duplicate, Neighbour
from visioncli.report.outputs import Output
from visioncli.results import Record

TITLES = {"similar": "Query", "dedupe": "Kind and group"}
"""Tasks whose answers are about several pictures, and what their classes are called on the page."""
QUERY, KEPT = "query", "kept"


class NothingToShowError(UsageError):
    """There is no duplicate, which is no mistake of anybody's."""


@dataclass(frozen=True, slots=True)
class Sign:
    """What a picture is on the page as: `about` are words for its large view, `label_id` is there for other tasks'
    predictions."""

    label: str
    score: float | None
    about: str
    label_id: None = None


def for_page(outputs: Sequence[Output]) -> list[Output]:
    """Runs of `vision similar` and `vision dedupe` with records of the pictures that they name; others as they are.

    Raises UsageError for two such runs, and NothingToShowError where there are no duplicates.
    """
    if not outputs or outputs[0].task not in TITLES:
        return list(outputs)
    if len(outputs) > 1:
        raise UsageError(f"A report of vision {outputs[0].task} shows one run, not {len(outputs)}.")
    return [_similar(outputs[0]) if outputs[0].task == "similar" else _dedupe(outputs[0])]


def _similar(output: Output) -> Output:
    """Each query, followed by its neighbours, the nearest first; then what failed."""
    good, failed = _parted(output)
    records = []
    for query, name in zip(good, _names([record.input for record in good]), strict=True):
        found: Sequence[Neighbour] = query.predictions or ()
        records.append(replace(query, predictions=(Sign(QUERY, None, ""), Sign(name, None, ""))))
        records += [
            Record("similar", one.picture, model=query.model, predictions=(Sign(name, one.score, ""),))
            for one in found
        ]
    queries = "1 query" if len(good) == 1 else f"{len(good):,} queries"
    says = f"{queries} with the nearest pictures of each. The score is the cosine of their features."
    return _with(output, [*records, *failed], says)


def _dedupe(output: Output) -> Output:
    """Group after group, the picture to keep first, then the others from the surest on; then what failed."""
    good, failed = _parted(output)
    found: list[tuple[Duplicate, Record]] = [(one, record) for record in good for one in record.predictions or ()]
    if not found:
        raise NothingToShowError(f"{output.folder}: there are no duplicates to show.")
    found.sort(key=lambda both: (both[0].group, both[0].kind != KEPT, -both[0].score))
    records = []
    for one, record in found:
        kept = one.kind == KEPT
        what = Sign(one.kind, None if kept else one.score, one.why if kept else f"of {one.of}")
        group = Sign(f"group {one.group}", None, f"{one.bytes / 1024:,.0f} KiB")
        records.append(replace(record, predictions=(what, group)))
    groups = len({one.group for one, _ in found})
    once = len(good) - len(found)
    says = (
        f"{groups:,} groups, each with the picture to keep first."
        if groups > 1
        else "1 group, the picture to keep first."
    )
    if once:
        says += (
            f" {once:,} more are there once and not shown." if once > 1 else " 1 more is there once and not shown."
        )
    return _with(output, [*records, *failed], says)


def _parted(output: Output) -> tuple[list[Record], list[Record]]:
    return [r for r in output.records if r.ok], [r for r in output.records if not r.ok]


def _with(output: Output, records: Sequence[Record], says: str) -> Output:
    return replace(output, records=tuple(records), truths=(None,) * len(records), says=says)


def _names(paths: Sequence[str]) -> Iterator[str]:
    """What each query's neighbours are called: by its file name where no other has it, else by its path, else by a
    number. The page takes names for one that differ in case and blanks alone."""
    last = [path.rpartition("/")[2] or path for path in paths]
    keys = [folded(name) for name in last]
    often = {key for key in keys if keys.count(key) > 1} if len(set(keys)) < len(keys) else set()
    taken: set[str] = set()
    for path, name, key in zip(paths, last, keys, strict=True):
        whole = f"like {path if key in often else name}"
        own, n = whole, 1
        while folded(own) in taken:
            n += 1
            own = f"{whole} ({n})"
        taken.add(folded(own))
        yield own
