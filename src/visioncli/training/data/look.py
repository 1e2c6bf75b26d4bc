"""What `vision train --check` says of a set before anything is learned, and what it refuses."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from visioncli.errors import UsageError
from visioncli.labelled.interface import TEST, TRAIN, VAL, PictureSet
from visioncli.results import Failure
from visioncli.training.data.near_equal import Pairs, near_equal, usual_nearest, usual_similarity
from visioncli.training.data.split import keep_together

Nearly = Callable[[np.ndarray], Pairs]
"""`(N,) int` parts, below 0 for what is left out -> pairs that nearly equal each other in two of them."""
SPLITS = (TRAIN, VAL, TEST)
FEW = 10
"""A class with fewer pictures to learn from than this is named: its numbers are mostly chance."""
ALMOST = 0.9999
"""The highest similarity of pictures whose contents differ."""
NAMED = 5
"""So many of each kind are named to people; the JSON has all."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What reading a picture gave: its content's SHA-256 and its size in pixels, or why it could not be read; of a
    recording its length in `seconds`."""

    sha256: str = ""
    width: int = 0
    height: int = 0
    error: Failure | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Twins:
    """Two pictures that are the same: by their content, where `similarity` is 1, or nearly, by their features."""

    a: int
    b: int
    similarity: float

    @property
    def exact(self) -> bool:
        """Whether their contents are equal, byte for byte."""
        return self.similarity >= 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What there is to know of a set before it is learned from.

    `counts` are pictures that can be read, `(classes, 3) int64` by class and split, in the order of SPLITS.
    `leaks` are in two different splits, `contradictions` are equal contents with different classes. `absent` has the
    classes that a split lacks though another has them. `sizes` are (width, height) of the smallest, the median and
    the largest picture, by area.
    """

    source: str
    format: str
    classes: tuple[str, ...]
    paths: tuple[str, ...]
    splits: tuple[str, ...]
    counts: np.ndarray
    sizes: tuple[tuple[int, int], ...]
    unreadable: tuple[tuple[int, Failure], ...] = ()
    absent: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    contradictions: tuple[Twins, ...] = ()
    leaks: tuple[Twins, ...] = ()
    warnings: tuple[str, ...] = ()
    compared: bool = False
    """Whether features were there, so that nearly equal pictures would have been found."""
    published: bool = False
    noun: str = "picture"
    """What the set is of, in one word."""
    seconds: tuple[float, ...] = ()
    """How long the shortest, the median and the longest recording are."""

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def few(self) -> tuple[str, ...]:
        """The classes with fewer than FEW pictures to learn from."""
        return tuple(name for name, n in zip(self.classes, self.counts[:, 0], strict=True) if n < FEW)

    @property
    def pairs(self) -> np.ndarray:
        """The leaks as `(P, 2) int` places, for `split.keep_together`."""
        return np.array([(t.a, t.b) for t in self.leaks], int).reshape(-1, 2)

    def refuse(self, *, allow_leaks: bool = False, fewest: int = 2) -> None:
        """Raises UsageError where nothing honest can be learned: fewer classes than `fewest`, nothing to learn from,
        or leaks."""
        if len(self) and len(self.unreadable) == len(self):
            k, error = self.unreadable[0]
            raise UsageError(f"No {self.noun} of {self.source} can be read, such as {self.paths[k]}: {error.message}")
        learned = [name for name, n in zip(self.classes, self.counts[:, 0], strict=True) if n]
        if len(learned) < fewest == 1:
            raise UsageError(f"{self.source} has no object in its pictures to learn from, only in others.")
        if len(learned) < fewest:
            only = f"only {self.noun}s of {learned[0]}" if learned else f"no {self.noun}s"
            raise UsageError(
                f"{self.source} has {only} to learn from. Give {self.noun}s of at least two classes, "
                "for example in two folders."
            )
        # Others' numbers are of a published set's parts as they are: near copies across them are only named.
        refused = [twins for twins in self.leaks if twins.exact or not self.published]
        if refused and not allow_leaks:
            raise UsageError(
                f"{_count(len(refused), self.noun)} of {self.source} {_be(len(refused))} in two splits, "
                f"such as {self._pair(refused[0])}: what is measured there would be known by heart. "
                "Remove one of each, or train all the same with --allow-leaks."
            )

    def lines(self) -> list[str]:
        """The report for people."""
        total = self.counts.sum(axis=0)
        shown = [k for k in range(3) if total[k]]
        heading = f"{self.source} ({self.format}): {_count(len(self), self.noun)} of {len(self.classes)} classes"
        lines = [heading + (f", {len(self.unreadable)} unreadable" if self.unreadable else "")]
        lines += _table(self.classes, self.counts, self._pictures(), shown)
        if self.sizes:
            words = zip(("smallest", "median", "largest"), self.sizes, strict=True)
            lines.append("Sizes: " + ", ".join(f"{name} {w} x {h}" for name, (w, h) in words))
        if self.seconds:
            lengths = zip(("shortest", "median", "longest"), self.seconds, strict=True)
            lines.append("Lengths: " + ", ".join(f"{name} {seconds:.2f} s" for name, seconds in lengths))
        lines += _named(
            [f"{self.paths[k]}: {error.message}" for k, error in self.unreadable], self.noun, "cannot be read"
        )
        for name, missing in self.absent.items():
            lines.append(f"The {_part(name)} part has no {self.noun} of {_listed(missing)}, which another part has.")
        if self.few:
            lines.append(
                f"Fewer than {FEW} {self.noun}s to learn from: {_listed(self.few)}. Their numbers are mostly chance."
            )
        lines += _named([self._pair(t) for t in self.contradictions], self.noun, "with two different labels")
        lines += _named([self._pair(t) for t in self.leaks], self.noun, "in two splits")
        return lines + list(self.warnings)

    def to_json(self) -> dict[str, Any]:
        """Everything, as JSON."""
        lengths = dict(zip(("shortest", "median", "longest"), self.seconds, strict=False))
        return {
            "source": self.source,
            "format": self.format,
            "pictures": len(self),
            "classes": [
                {"label": name} | {s: int(n) for s, n in zip(SPLITS, row, strict=True)}
                for name, row in zip(self.classes, self.counts, strict=True)
            ],
            "sizes": dict(zip(("smallest", "median", "largest"), map(list, self.sizes), strict=False)),
            **({"seconds": lengths} if lengths else {}),
            "unreadable": [
                {"path": self.paths[k], "error": {"kind": e.kind, "message": e.message}} for k, e in self.unreadable
            ],
            "absent": {name: list(missing) for name, missing in self.absent.items()},
            "few": list(self.few),
            "contradictions": [self._twins(t) for t in self.contradictions],
            "leaks": [self._twins(t) for t in self.leaks],
            "near_equal_compared": self.compared,
            "warnings": list(self.warnings),
        }

    def _pictures(self) -> list[int]:
        """Those that can be read, by split: of several classes each counts once."""
        bad = {k for k, _ in self.unreadable}
        good = [place for k, place in enumerate(self.splits) if k not in bad]
        return [good.count(place) for place in SPLITS]

    def _pair(self, twins: Twins) -> str:
        likeness = "" if twins.exact else f" (nearly equal, {twins.similarity:.3f})"
        return f"{self._named(twins.a)} and {self._named(twins.b)}{likeness}"

    def _named(self, k: int) -> str:
        return f"{self.paths[k]} ({self.splits[k]})"

    def _twins(self, twins: Twins) -> dict[str, Any]:
        pictures = [{"path": self.paths[k], "split": self.splits[k]} for k in (twins.a, twins.b)]
        return {"pictures": pictures, "exact": twins.exact, "similarity": round(twins.similarity, 4)}


def look(
    pictures: PictureSet,
    seen: Sequence[Seen],
    places: Sequence[str] | np.ndarray,
    features: np.ndarray | None = None,
    *,
    masks: bool = False,
    near: Nearly | None = None,
) -> Look:
    """Looks at N pictures: what reading each gave, the split that each is in, and its features.

    `features` are `(N, F) float32`, those of unreadable pictures anything; without them only equal contents are
    found. With `masks` the classes are those of pixels, and tell nothing of how pictures resemble each other. What
    has no such features, as recordings, has `near`.
    """
    splits = tuple(map(str, places))
    good = np.array([s.error is None for s in seen], bool)
    counts = np.zeros((len(pictures.classes), len(SPLITS)), np.int64)
    for example, place, fine in zip(pictures.examples, splits, good.tolist(), strict=True):
        if fine:
            for label in example.labels:
                counts[label, SPLITS.index(place)] += 1
    leaks, contradictions = _same_content(pictures, seen, splits)
    if features is not None:
        leaks += _alike(pictures, seen, splits, features, {(t.a, t.b) for t in leaks}, masks=masks)
    elif near is not None:
        known = {(t.a, t.b) for t in leaks}
        parts = np.where(good, [SPLITS.index(place) for place in splits], -1)
        leaks += [Twins(a, b, min(s, ALMOST)) for a, b, s in near(parts) if (a, b) not in known]
    return Look(
        pictures.source,
        pictures.format,
        pictures.classes,
        tuple(example.shown for example in pictures.examples),
        splits,
        counts,
        _sizes([(s.width, s.height) for s in seen if s.error is None and not s.seconds]),
        tuple((k, s.error) for k, s in enumerate(seen) if s.error is not None),
        _absent(pictures.classes, counts),
        tuple(contradictions),
        tuple(leaks),
        pictures.warnings,
        features is not None or near is not None,
        pictures.published,
        "recording" if any(s.seconds for s in seen) else "picture",
        _lengths([s.seconds for s in seen if s.seconds]),
    )


def _same_content(
    pictures: PictureSet, seen: Sequence[Seen], splits: Sequence[str]
) -> tuple[list[Twins], list[Twins]]:
    """Equal contents in two splits, and equal contents with different classes; each picture with the first of all."""
    first: dict[tuple[str, object], dict[str, int]] = {}
    leaks, contradictions = [], []
    for k, (example, one) in enumerate(zip(pictures.examples, seen, strict=True)):
        if one.error is not None or not one.sha256:
            continue
        # Boxes of one picture are different pictures.
        earlier = first.setdefault((one.sha256, example.box), {})
        other = next((n for split, n in earlier.items() if split != splits[k]), None)
        if other is not None and splits[k] not in earlier:
            leaks.append(Twins(other, k, 1.0))
        if earlier:
            before = next(iter(earlier.values()))
            if set(pictures.examples[before].labels) != set(example.labels):
                contradictions.append(Twins(before, k, 1.0))
        earlier.setdefault(splits[k], k)
    return leaks, contradictions


def settled(
    pictures: PictureSet,
    seen: Sequence[Seen],
    places: np.ndarray,
    features: np.ndarray | None = None,
    *,
    masks: bool = False,
    near: Nearly | None = None,
) -> tuple[np.ndarray, Look]:
    """`places` without nearly equal pictures on both sides of the border that we drew, and what is to be said of all:
    see `look`. What the set itself says stays as it is."""
    found = look(pictures, seen, places, features, masks=masks, near=near)
    given = ["" if example.split == TRAIN else example.split for example in pictures.examples]
    while own := [t for t in found.leaks if VAL in (places[t.a], places[t.b]) and _ours(t.a, t.b, places, given)]:
        places = keep_together(places, given, np.array([(t.a, t.b) for t in own]))
        found = look(pictures, seen, places, features, masks=masks, near=near)
    return places, found


def _ours(a: int, b: int, places: np.ndarray, given: Sequence[str]) -> bool:
    """Whether a picture of the pair stands in validation because we put it there, and the other is learned from."""
    val, other = (a, b) if places[a] == VAL else (b, a)
    return bool(places[val] == VAL and not given[val] and places[other] == TRAIN)


def _alike(
    pictures: PictureSet,
    seen: Sequence[Seen],
    splits: Sequence[str],
    features: np.ndarray,
    known: set[tuple[int, int]],
    *,
    masks: bool,
) -> list[Twins]:
    """Nearly equal pictures in two splits, beyond those that are known to be equal."""
    good = np.array([k for k, one in enumerate(seen) if one.error is None], int)
    parts = np.array([SPLITS.index(splits[k]) for k in good], int)
    features = features if len(good) == len(seen) else features[good]
    labels = [pictures.examples[k].labels for k in good]
    usual = usual_nearest(features) if masks else usual_similarity(features, labels)
    found = near_equal(features, parts, usual)
    pairs = ((int(good[a]), int(good[b]), s) for a, b, s in found)
    return [Twins(a, b, min(s, ALMOST)) for a, b, s in pairs if (a, b) not in known]


def _lengths(seconds: list[float]) -> tuple[float, ...]:
    if not seconds:
        return ()
    ordered = sorted(seconds)
    return ordered[0], ordered[len(ordered) // 2], ordered[-1]


def _sizes(sizes: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    if not sizes:
        return ()
    ordered = sorted(sizes, key=lambda s: (s[0] * s[1], s))
    return ordered[0], ordered[len(ordered) // 2], ordered[-1]


def _absent(classes: Sequence[str], counts: np.ndarray) -> dict[str, tuple[str, ...]]:
    """By name: classes that a part lacks, of the parts that have any picture."""
    known = counts.sum(axis=1) > 0
    absent = {}
    for k, name in enumerate(SPLITS):
        missing = tuple(c for c, has, n in zip(classes, known, counts[:, k], strict=True) if has and not n)
        if missing and counts[:, k].any():
            absent[name] = missing
    return absent


def _table(
    classes: Sequence[str], counts: np.ndarray, totals: Sequence[int], shown: list[int], most: int = 30
) -> list[str]:
    """Pictures by class and split, the `totals` last; of many classes those with the fewest and the most."""
    order = list(range(len(classes)))
    if len(order) > most:
        by_size = sorted(order, key=lambda k: (int(counts[k].sum()), k))
        order = sorted([*by_size[: most // 2], *by_size[-most // 2 :]])
    rows = [[classes[k], *(f"{counts[k, s]:,}" for s in shown)] for k in order]
    if len(order) < len(classes):
        rows.append([f"({len(classes) - len(order)} classes between them)", *("" for _ in shown)])
    rows.append(["all", *(f"{totals[s]:,}" for s in shown)])
    header = ["", *(SPLITS[s] for s in shown)]
    widths = [max(len(row[c]) for row in [header, *rows]) for c in range(len(header))]
    return [
        "  " + "  ".join([row[0].ljust(widths[0]), *(v.rjust(w) for v, w in zip(row[1:], widths[1:], strict=True))])
        for row in [header, *rows]
    ]


def _named(found: list[str], noun: str, what: str) -> list[str]:
    if not found:
        return []
    more = [f"  and {len(found) - NAMED:,} more"] if len(found) > NAMED else []
    return [f"{_count(len(found), noun)} {what}:", *(f"  {words}" for words in found[:NAMED]), *more]


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def _be(n: int) -> str:
    return "is" if n == 1 else "are"


def _part(split: str) -> str:
    return {TRAIN: "training", VAL: "validation", TEST: "test"}[split]


def _listed(names: Sequence[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more:,} more" if more > 0 else "")
