"""Which class of a network each class of a set of pictures is: by name, by ImageNet's wnid, or by number."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from visioncli.errors import UsageError
from visioncli.models.labels import imagenet_wnids
from visioncli.names import did_you_mean

_WNID = re.compile(r"n\d{8}")
_NUMBER = re.compile(r"\d{1,9}")
UNKNOWN = -1


@dataclass(frozen=True, slots=True)
class Match:
    """`ids` are the category ids of the network for the classes of a set, UNKNOWN where it has none; `by` says how
    they were found: name, wnid or number."""

    ids: tuple[int, ...]
    by: str

    @property
    def unknown(self) -> tuple[int, ...]:
        """Places of the classes that the network does not have."""
        return tuple(k for k, i in enumerate(self.ids) if i == UNKNOWN)


def match(classes: Sequence[str], labels: Mapping[int, str], network: str) -> Match:
    """Each class as one of the network's `labels`.

    Names are the same whatever their case, and whether blanks, `_` or `-` part their words; of a label with synonyms
    (`tench, Tinca tinca`) the first will do. Numbers are category ids where all classes are numbers and no name is
    one. Raises UsageError where a name stands for several labels, or two classes for the same.
    """
    by_name = _by_name(labels)
    ids = [_only(by_name.get(folded(name), ()), name, labels, network) for name in classes]
    by = "name"
    if all(i == UNKNOWN for i in ids):
        for way, found in (("wnid", _wnids(classes, labels)), ("number", _numbers(classes, labels))):
            if any(i != UNKNOWN for i in found):
                ids, by = found, way
                break
    _refuse_same(classes, ids, labels, network)
    return Match(tuple(ids), by)


def unknown_class(names: Sequence[str], labels: Mapping[int, str], network: str, source: str) -> UsageError:
    """The sentence for classes of a set that the network does not know; the nearest are those of the first."""
    more = f" nor {len(names) - 1} more" if len(names) > 1 else ""
    near = did_you_mean(names[0], labels.values()) or f" It knows {_some(labels.values())}."
    return UsageError(
        f"{source}: {network} knows no class {names[0]!r}{more}.{near} "
        "--skip-unknown leaves out the pictures of such classes."
    )


def folded(name: str) -> str:
    """A name as it is compared."""
    return re.sub(r"[\s_-]+", " ", name).strip().casefold()


def _by_name(labels: Mapping[int, str]) -> dict[str, tuple[int, ...]]:
    whole, first = _places(labels, folded), _places(labels, lambda label: folded(label.split(",")[0]))
    return first | whole


def _places(labels: Mapping[int, str], key: Callable[[str], str]) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = defaultdict(tuple)
    for i, label in labels.items():
        found[key(label)] += (i,)
    return dict(found)


def _only(ids: Sequence[int], name: str, labels: Mapping[int, str], network: str) -> int:
    """The one id, or the one whose label is written exactly so."""
    exact = [i for i in ids if labels[i] == name]
    ids = exact if len(exact) == 1 else ids
    if len(ids) > 1:
        numbers = " and ".join(map(str, ids))
        raise UsageError(
            f"{network} has several classes called {name!r} (numbers {numbers}). Name the classes by number or wnid."
        )
    return ids[0] if ids else UNKNOWN


def _wnids(classes: Sequence[str], labels: Mapping[int, str]) -> list[int]:
    """Of a network with ImageNet's thousand classes."""
    if len(labels) != 1000 or not any(_WNID.fullmatch(name) for name in classes):
        return []
    known = {wnid: i for i, wnid in enumerate(imagenet_wnids())}
    return [known.get(name, UNKNOWN) for name in classes]


def _numbers(classes: Sequence[str], labels: Mapping[int, str]) -> list[int]:
    if not all(_NUMBER.fullmatch(name) for name in classes):
        return []
    return [int(name) if int(name) in labels else UNKNOWN for name in classes]


def _refuse_same(classes: Sequence[str], ids: Sequence[int], labels: Mapping[int, str], network: str) -> None:
    taken: dict[int, str] = {}
    for name, i in zip(classes, ids, strict=True):
        if i != UNKNOWN and taken.setdefault(i, name) != name:
            raise UsageError(
                f"The classes {taken[i]!r} and {name!r} are both {labels[i]!r} of {network}. Give them one name."
            )


def _some(names: Iterable[str]) -> str:
    shown = list(names)
    return ", ".join(shown[:5]) + (f" and {len(shown) - 5} more" if len(shown) > 5 else "")
