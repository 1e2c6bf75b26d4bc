"""Which pictures are learned from and which only measure: the split, and `split.csv`.

A picture's place follows from its own content and the seed, so that adding or removing a picture moves no other.
The price is that a class's share for validation is binomial: of 100 pictures at `val_share` 0.2 between 12 and 28
(19 runs of 20), of ten between none and four. A small class of which chance left none on one side has its picture
nearest to the border there, as `remarks` tells; another picture of that class can move that one back, and no other.
"""

import csv
import hashlib
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from visioncli.datasets.csv_boxes import DEFUSED
from visioncli.errors import UsageError
from visioncli.files import write_whole
from visioncli.labelled.interface import TEST, TRAIN, VAL, Example
from visioncli.sinks.csv_table import defused
from visioncli.training.data.matching import first_matches, patience

VAL_SHARE = 0.2
FOLDER = "folder"
"""What `--group` calls the folders below the class."""
COLUMNS = ("path", "label", "split", "group", "sha256")


def split(
    hashes: Sequence[str],
    labels: Sequence[int] | None,
    given: Sequence[str],
    groups: Sequence[str] | None = None,
    *,
    seed: int = 0,
    val_share: float = VAL_SHARE,
) -> np.ndarray:
    """TRAIN, VAL or TEST for each of N pictures, `(N,) str`.

    `hashes` are those of the contents, `given` is what the set itself says (empty where it says nothing), `groups`
    names the source of each picture (empty: the picture alone). What the set says is kept. Where it has no
    validation part, that is taken from the pictures for training: those whose number, made of the seed and of the
    group or the content, lies below `val_share`. Equal contents and pictures of one group fall on one side.

    `labels` are class numbers, None where pictures have any number of classes. A class of which chance left nothing
    for validation (or for training) gives it its source with the lowest (the highest) number, where it has two.
    """
    places = np.array([g or TRAIN for g in given], dtype=object).astype("U5")
    candidates = _candidates(given)
    if not candidates.size:
        return places
    numbers, sources = sources_of(hashes, groups, candidates, seed)
    classes = np.zeros(len(hashes), int) if labels is None else np.asarray(labels)
    in_val = _complete(numbers < val_share, numbers, sources, classes[candidates])
    places[candidates[in_val[sources]]] = VAL
    return places


def remarks(
    places: np.ndarray,
    hashes: Sequence[str],
    labels: Sequence[int] | None,
    given: Sequence[str],
    classes: Sequence[str],
    groups: Sequence[str] | None = None,
    *,
    seed: int = 0,
    val_share: float = VAL_SHARE,
) -> list[str]:
    """Sentences about what `split` did that chance alone would not have, for people to read."""
    candidates = _candidates(given)
    if not candidates.size or labels is None:
        return []
    numbers, sources = sources_of(hashes, groups, candidates, seed)
    moved = ((places[candidates] == VAL) != (numbers < val_share)[sources]).nonzero()[0]
    names = dict.fromkeys(classes[labels[candidates[k]]] for k in moved)
    if not names:
        return []
    return [
        f"Chance left {_few(list(names))} without a picture for validation or for training: "
        "the picture nearest to the border was moved there."
    ]


def _few(names: list[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _candidates(given: Sequence[str]) -> np.ndarray:
    """The places of the pictures that may be taken for validation; none where the set has a validation part."""
    if VAL in given:
        return np.zeros(0, int)
    return np.array([k for k, g in enumerate(given) if g != TEST], int)


def sources_of(
    hashes: Sequence[str], groups: Sequence[str] | None, candidates: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """A number in [0, 1) for each source, `(S,) float64`, and the source of each candidate, `(C,) int64`.

    A source is what must stay on one side: a group, equal contents, and groups that share a content. Its number is
    the lowest of its names, so that it does not depend on the order of the pictures.
    """
    root: dict[str, str] = {}

    def find(name: str) -> str:
        while root.setdefault(name, name) != name:
            root[name] = name = root[root[name]]
        return name

    for k in candidates.tolist():
        content = f"content {hashes[k]}"
        if groups is not None and groups[k]:
            root[find(content)] = find(f"group {groups[k]}")
        else:
            find(content)
    lowest: dict[str, float] = {}
    grouped = groups is not None
    for name in list(root):
        top = find(name)
        # The number of a group is its own, not that of its pictures: another frame must not move it.
        number = _number(name, seed) + (1.0 if grouped and name.startswith("content ") else 0.0)
        lowest[top] = min(lowest.get(top, 2.0), number)
    order = {name: k for k, name in enumerate(lowest)}
    sources = np.array([order[find(f"content {hashes[k]}")] for k in candidates.tolist()], int)
    return np.array([number % 1.0 for number in lowest.values()]), sources


def _number(name: str, seed: int) -> float:
    digest = hashlib.sha256(f"{seed} {name}".encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def _complete(in_val: np.ndarray, numbers: np.ndarray, sources: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """`in_val` with each class on both sides where it has two sources, `(S,) bool`."""
    in_val = in_val.copy()
    of_class = {int(c): np.unique(sources[classes == c]) for c in np.unique(classes)}
    classes_of: list[list[int]] = [[] for _ in numbers]
    for c, members in of_class.items():
        for source in members.tolist():
            classes_of[source].append(c)
    # Training first: a class that cannot be learned is worse than one that is not measured.
    for wanted, order in ((False, -numbers), (True, numbers)):
        for members in of_class.values():
            if len(members) < 2 or (in_val[members] == wanted).any():
                continue
            for source in members[np.argsort(order[members], kind="stable")].tolist():
                # What this class gains, another must not lose.
                others = (of_class[c] for c in classes_of[source])
                if all((in_val[m] != wanted).sum() > 1 for m in others):
                    in_val[source] = wanted
                    break
    return in_val


def keep_together(places: np.ndarray, given: Sequence[str], pairs: np.ndarray) -> np.ndarray:
    """`places` without nearly equal pictures on both sides of our own border, `(N,) str`.

    `pairs` is `(P, 2) int`, the pictures that nearly equal each other. A picture that was taken for validation goes
    back to training where one that it nearly equals is there. What the set itself says stays as it is.
    """
    places = places.copy()
    twins: dict[int, list[int]] = {}
    for a, b in pairs.tolist():
        twins.setdefault(a, []).append(b)
        twins.setdefault(b, []).append(a)
    waiting = [k for k in twins if places[k] == TRAIN]
    while waiting:
        for k in twins[waiting.pop()]:
            if places[k] == VAL and given[k] != VAL:
                places[k] = TRAIN
                waiting.append(k)
    return places


def groups_of(examples: Sequence[Example], classes: Sequence[str], group: str) -> list[str]:
    """The source of each picture, as `--group` says; empty for one that stands alone.

    `folder`: the folders between its class and itself (`cat/garden/17.jpg`: `garden`), or all of them where no
    folder has the name of its class. Otherwise a regular expression is searched in the path below the set's folder:
    its first group, or all of what it finds, is the name of the source. Raises UsageError where it is none, or where
    it finds nothing in any path.
    """
    if group == FOLDER:
        return [_folder(example, classes) for example in examples]
    try:
        pattern = re.compile(group)
    except (re.error, RecursionError, OverflowError) as problem:
        raise UsageError(
            f"--group {group!r} is neither `folder` nor a regular expression ({problem}). "
            "Write, for example, --group '^(patient\\d+)'."
        ) from None
    names = [example.relative or example.path for example in examples]
    found = first_matches(pattern, names)
    if found is None:
        raise UsageError(
            f"--group {group!r} was not through the {len(names):,} paths after {patience(len(names)):.0f} s: it can "
            "match in too many ways. Write no repetition of a repetition, such as (a+)+, nor several .* in a row."
        )
    if examples and all(source is None for source in found):
        raise UsageError(
            f"--group {group!r} finds nothing in any path, such as {examples[0].relative or examples[0].path}. "
            "Change the expression."
        )
    return [source or "" for source in found]


def _folder(example: Example, classes: Sequence[str]) -> str:
    folders = (example.relative or example.path).split("/")[:-1]
    own = {classes[k] for k in example.labels}
    below = next((k + 1 for k in range(len(folders) - 1, -1, -1) if folders[k] in own), 0)
    return "/".join(folders[below:])


@dataclass(frozen=True, slots=True)
class Line:
    """A line of `split.csv`: `labels` are the names of the picture's classes."""

    path: str
    labels: tuple[str, ...]
    split: str
    group: str
    sha256: str


def write_split(path: Path, lines: Sequence[Line]) -> None:
    """`split.csv`, which can be DATA itself; no cell is a formula to spreadsheets. Raises OutputError."""
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for line in lines:
        cells = (line.path, ";".join(line.labels), line.split, line.group, line.sha256)
        table.writerow([defused(cell) for cell in cells])
    write_whole(path, text.getvalue().encode("utf-8", "surrogateescape"))


def read_split(path: Path) -> list[Line]:
    """What `write_split` wrote, in its order. Raises UsageError where the file is missing or not as it was."""
    try:
        text = path.read_bytes().decode("utf-8", "surrogateescape")
        header, *rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except (OSError, csv.Error, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or "it is no table any more"
        raise UsageError(f"Cannot read {path} ({reason}). Train anew into another folder.") from None
    lines = []
    for number, row in enumerate(rows, 2):
        if tuple(header) != COLUMNS or len(row) != len(COLUMNS) or row[2] not in (TRAIN, VAL, TEST):
            raise UsageError(f"{path}, row {number}, is not as it was written. Train anew into another folder.")
        name, labels, place, group, sha256 = (DEFUSED.sub("", cell) for cell in row)
        lines.append(Line(name, tuple(labels.split(";")) if labels else (), place, group, sha256))
    return lines
