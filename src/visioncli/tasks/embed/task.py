"""Feature vectors: what a classifier's last layer takes, one vector a picture, from the cache of training.

The features of a network without its head, in fp32 and kept as fp16, so that what is computed and what comes from the
cache are the same numbers.
"""

import dataclasses
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from visioncli.engines.interface import Engine, EngineOptions
from visioncli.errors import InputError, UsageError
from visioncli.features.store import PLAIN, Store
from visioncli.inputs.sources import Item
from visioncli.labelled.content import known_sha256
from visioncli.models.row import ModelRow
from visioncli.pictures import Picture
from visioncli.pictures.given import Given
from visioncli.predictions import Embedding
from visioncli.results import ModelInfo, Record
from visioncli.tasks.embed.unit_length import unit
from visioncli.tasks.interface import Answer, Known, Task
from visioncli.tasks.preprocess import preprocess


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A picture on its way to the network: `x` is `(3, S, S) float32`, `content` its SHA-256, "" for none."""

    x: np.ndarray
    content: str
    size: tuple[int, int]


class Embed(Task):
    """One vector a picture, `(F,) float32`; with `normalise` of length 1.

    With `store`, what it holds is not computed again, and what is computed goes into it under the name `view`, unless
    the picture is fetched or in memory.
    """

    name = "embed"

    def __init__(
        self, row: ModelRow, engine: Engine, *, normalise: bool = False, store: Store | None = None, view: str = PLAIN
    ) -> None:
        self.engine, self.spec, self.normalise = engine, row.input, normalise
        self.labels, self.settings = {}, {"normalise": normalise}
        self.parallel = engine.parallel
        self.enough = 2 * max(row.input.size, row.input.resize)
        self.model = ModelInfo(row.name, row.source.sha256, "fp32")
        self._store, self._view = store, view
        if store is not None:
            weakref.finalize(self, store.close)

    def keep(self) -> None:
        """Hands what was computed to the disk."""
        if self._store is not None:
            self._store.commit()

    def content(self, item: Item) -> str:
        """The SHA-256 by which the cache knows a picture; "" for one that it does not keep."""
        return "" if self._store is None or item.is_url or isinstance(item, Given) else known_sha256(item)

    def stored(self, content: str) -> tuple[tuple[int, int], np.ndarray] | None:
        """(width, height) and `(F,) float16` as the cache has them."""
        found = self._store.get(content, (self._view,)) if self._store is not None and content else None
        return (found[0], found[1][0]) if found else None

    def recall(self, item: Item) -> Known | None:
        """What the cache holds of this very content."""
        found = self.stored(self.content(item))
        return None if found is None else Known(*found[0], self.answer(found[1]))

    def take_over(self, item: Item, record: Record) -> Record | None:
        """An earlier record with its vector, which a record on disk may have left out; None where it is not known."""
        if all(p.vector for p in record.predictions or ()):
            return record
        known = self.recall(item)
        return None if known is None else dataclasses.replace(record, predictions=known.answer.predictions)

    def prepare(self, picture: Picture) -> Prepared:
        """As `prepare_item`, for a picture that no file holds."""
        return self.prepare_as("", picture)

    def prepare_item(self, item: Item, picture: Picture) -> Prepared:
        """What the network takes, and under which name the cache will keep the answer."""
        return self.prepare_as(self.content(item), picture)

    def prepare_as(self, content: str, picture: Picture) -> Prepared:
        """What the network takes of a picture with this SHA-256."""
        return Prepared(preprocess(picture.image, self.spec), content, (picture.width, picture.height))

    def predict(self, batch: Sequence[Prepared]) -> list[Answer]:
        """One vector for each picture."""
        return [self.answer(vector) for vector in self.vectors(batch)]

    def vectors(self, batch: Sequence[Prepared]) -> np.ndarray:
        """`(N, F) float16`, as the cache keeps them. Raises InputError where one is no finite number in fp16."""
        (outputs,) = self.engine.run(np.stack([one.x for one in batch]))
        with np.errstate(over="ignore"):
            found: np.ndarray = outputs.astype(np.float16)
        if not np.isfinite(found).all():
            raise InputError("prediction_failed", "Its features are too large for the numbers that they are kept in.")
        if self._store is not None:
            for one, vector in zip(batch, found, strict=True):
                self._store.keep(one.content, one.size, (self._view,), vector[None])
        return found

    def answer(self, vector: np.ndarray) -> Answer:
        """`(F,) float16` as a prediction."""
        found = vector.astype(np.float32)
        if self.normalise:
            found = unit(found)
        return Answer((Embedding(len(found), tuple(found.tolist())),))


def view_name(*, exact: bool, truncated: bool) -> str:
    """What the cache calls features of pictures that were decoded in this way: training's own decode them reduced,
    and refuse those that are cut off."""
    return PLAIN + ("e" if exact else "") + ("t" if truncated else "")


def build(
    row: ModelRow,
    options: EngineOptions | None = None,
    *,
    normalise: bool = False,
    cache: bool = False,
    exact_decode: bool = False,
    allow_truncated: bool = False,
    **settings: Any,
) -> Task:
    """The task with its network loaded, and with the user's cache of features where `cache` is wanted. Raises
    UsageError for a network whose head cannot be taken off."""
    from visioncli.engines import open_engine

    headless = dataclasses.replace(row, form="features")
    engine = open_engine(headless, options)
    if row.sound is not None and row.form == "sound":
        raise UsageError(
            f"{row.name} gives scores of its classes and no features. Name a network of your own that listens to "
            "recordings: the folder that vision train made."
        )
    if row.sound is not None:
        from visioncli.tasks.embed.sound import EmbedSound

        return EmbedSound(row, engine, normalise=normalise)
    view = view_name(exact=exact_decode, truncated=allow_truncated)
    return Embed(row, engine, normalise=normalise, store=Store(row) if cache else None, view=view, **settings)
