"""A set whose pictures were read and divided, whatever is learned from it."""

from collections.abc import Sequence

import numpy as np

from visioncli.labelled.interface import TRAIN, PictureSet
from visioncli.training.data.look import Seen
from visioncli.training.data.split import split
from visioncli.training.recipe import Recipe


class Parted:
    """Pictures that were read and divided."""

    __slots__ = ()
    seen: tuple[Seen, ...]
    places: np.ndarray

    def part(self, place: str) -> np.ndarray:
        """`(M,) int64` the places of the readable pictures of a split."""
        return np.array([n for n, s in enumerate(self.seen) if s.error is None and self.places[n] == place], np.int64)

    def some_of(self, place: str, most: int) -> np.ndarray:
        """As `part`, but at most so many."""
        return some(self.part(place), most)


def some(places: np.ndarray, most: int) -> np.ndarray:
    """At most so many of some places, in their order: which ones chance says, the same each time. The first would be
    of one class, or of one day: sets lie in the order of their folders and names."""
    return places if len(places) <= most else np.sort(np.random.default_rng(0).permutation(places)[:most])


def divided(
    listed: PictureSet, seen: Sequence[Seen], groups: Sequence[str] | None, recipe: Recipe, *, by_class: bool = False
) -> np.ndarray:
    """`(N,)` TRAIN, VAL or TEST. What cannot be used takes no place from the others in the validation part.

    With `by_class`, in sets where each picture has one, there are pictures of each class on both sides.
    """
    given = [example.split for example in listed.examples]
    places = np.array([place or TRAIN for place in given], dtype=object).astype("U5")
    good = [n for n, one in enumerate(seen) if one.error is None]
    sources = None if groups is None else [groups[n] for n in good]
    contents, said = [seen[n].sha256 for n in good], [given[n] for n in good]
    share = recipe.share_for(len(good))
    labels = [listed.examples[n].label for n in good] if by_class else None
    places[good] = split(contents, labels, said, sources, seed=recipe.seed, val_share=share)
    return places
