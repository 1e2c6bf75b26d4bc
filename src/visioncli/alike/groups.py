"""Pictures that are one picture, as groups, each with the one worth keeping."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from visioncli.alike.pairs import EQUAL, Comparison, Likeness
from visioncli.alike.sight import Sight


@dataclass(frozen=True, slots=True)
class Group:
    """`kept` is the place of the picture that is worth keeping, `why` it is; `others` are the duplicates of it, by
    place: what each is of the kept picture itself, never of another duplicate."""

    kept: int
    why: str
    others: dict[int, Likeness]


def groups(sights: Sequence[Sight], *, mirrored: bool = False) -> list[Group]:
    """The groups of at least two pictures, in the order of their first ones.

    Kept is the largest in pixels, of those the one with the most bytes, which was compressed least, of those the
    first one. A chain of pictures that are each like the next one, as a burst may be, is no group: all are like the
    kept one.
    """
    by_content: dict[str, list[int]] = defaultdict(list)
    for place, sight in enumerate(sights):
        by_content[sight.content].append(place)
    first = [places[0] for places in by_content.values()]
    comparison = Comparison([sights[place] for place in first], mirrored=mirrored)
    made = []
    for kept, others in _stars(comparison, [sights[place] for place in first]):
        copies = {c: Likeness(EQUAL, 1.0) for c in by_content[sights[first[kept]].content][1:]}
        for other, likeness in others.items():
            for place in by_content[sights[first[other]].content]:
                copies[place] = likeness
        if copies:
            made.append(Group(first[kept], _why(sights, first[kept], copies), dict(sorted(copies.items()))))
    return sorted(made, key=lambda group: min(group.kept, *group.others))


def _stars(comparison: Comparison, sights: Sequence[Sight]) -> list[tuple[int, dict[int, Likeness]]]:
    """Each picture once: as one that is kept, with what is like it, or as one of those."""
    alike = comparison.alike()
    near: dict[int, set[int]] = defaultdict(set)
    for a, b in alike:
        near[a].add(b)
        near[b].add(a)
    stars: list[tuple[int, dict[int, Likeness]]] = []
    for component in _components(len(sights), alike):
        left = sorted(component, key=lambda place: _rank(sights, place))
        while left:
            kept, rest = left[0], left[1:]
            # What is like a duplicate is like the kept one too, or soon a group of its own.
            second = {far for one in near[kept] for far in near[one]} & set(rest)
            unknown = [p for other in sorted(second) if (p := _pair(kept, other)) not in alike]
            known = alike | comparison.compare(unknown)
            others = {other: known[p] for other in rest if (p := _pair(kept, other)) in known}
            stars.append((kept, others))
            left = [other for other in rest if other not in others]
    return stars


def _pair(a: int, b: int) -> tuple[int, int]:
    return (a, b) if a < b else (b, a)


def _components(count: int, pairs: dict[tuple[int, int], Likeness]) -> list[list[int]]:
    above = list(range(count))

    def root(place: int) -> int:
        while above[place] != place:
            above[place] = above[above[place]]
            place = above[place]
        return place

    for a, b in pairs:
        above[root(b)] = root(a)
    members: dict[int, list[int]] = defaultdict(list)
    for place in range(count):
        members[root(place)].append(place)
    return list(members.values())


def _rank(sights: Sequence[Sight], place: int) -> tuple[int, int, int]:
    sight = sights[place]
    return -sight.width * sight.height, -sight.bytes, place


def _why(sights: Sequence[Sight], kept: int, others: dict[int, Likeness]) -> str:
    """In which respect the kept picture is the best, in words."""
    own = sights[kept]
    rivals = [sights[place] for place, likeness in others.items() if likeness.kind != EQUAL]
    if not rivals:
        return "the first of equal ones"
    pixels = max(rival.width * rival.height for rival in rivals)
    if own.width * own.height > pixels:
        return f"the largest: {own.width} x {own.height} pixels"
    if own.bytes > max(rival.bytes for rival in rivals):
        return f"the least compressed: {own.bytes:,} bytes"
    return "the first of several as good"
