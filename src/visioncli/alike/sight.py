"""All that finding duplicates takes of each picture, from one decoding of it: content, thumbnail, features."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from visioncli.alike.thumbnails import SIDE, thumbnail
from visioncli.errors import InputError
from visioncli.inputs.item import Held, Item
from visioncli.labelled.content import sha256
from visioncli.pictures import Picture
from visioncli.results import ModelInfo
from visioncli.tasks.embed.task import Embed, Prepared
from visioncli.tasks.interface import Answer, Task


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """A picture as others are compared with it.

    `content` is the SHA-256 of the file, of `bytes` bytes, last changed at `changed` (ns); `width` and `height` are
    pixels, `thumbnail` `(SIDE, SIDE) uint8`, `features` `(F,) float16` or empty where no network was asked.
    """

    path: str
    content: str
    bytes: int
    changed: int
    width: int
    height: int
    thumbnail: np.ndarray
    features: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    facts: tuple[str, int, int]
    thumbnail: np.ndarray
    known: np.ndarray | None = None
    prepared: Prepared | None = None


class Look(Task):
    """Thumbnails, and features by `embed` where one is given; its answers are arrays and facts only."""

    name = "dedupe"

    def __init__(self, embed: Embed | None) -> None:
        self._embed = embed
        self.model = embed.model if embed else ModelInfo("perceptual_hash", None)
        self.labels, self.settings = {}, {}
        self.parallel = embed.parallel if embed else 1
        self.enough = embed.enough if embed else 2 * SIDE

    def prepare(self, picture: Picture) -> _Seen:
        raise InputError("not_a_file", "Pictures in memory have no files that could be duplicates.")

    def prepare_item(self, item: Item, picture: Picture) -> _Seen:
        """Raises InputError for what is no file of this machine."""
        if item.is_url:
            raise InputError("not_a_file", "Only files are compared, not addresses. Download the picture first.")
        content = sha256(item)
        seen = (content, *_size_and_change(item)), thumbnail(picture.image)
        if self._embed is None:
            return _Seen(*seen)
        if (stored := self._embed.stored(content)) is not None:
            return _Seen(*seen, known=stored[1])
        return _Seen(*seen, prepared=self._embed.prepare_as(content, picture))

    def predict(self, batch: Sequence[_Seen]) -> list[Answer]:
        """Arrays `thumbnail` and `features`; `extra` has `content`, `bytes` and `changed`."""
        waiting = [one.prepared for one in batch if one.prepared is not None]
        computed = iter(self._embed.vectors(waiting) if self._embed and waiting else ())
        answers = []
        for one in batch:
            features = next(computed) if one.prepared is not None else one.known
            arrays = {
                "thumbnail": one.thumbnail,
                "features": np.zeros(0, np.float16) if features is None else features,
            }
            extra = dict(zip(("content", "bytes", "changed"), one.facts, strict=True))
            answers.append(Answer((), extra, arrays))
        return answers

    def keep(self) -> None:
        if self._embed is not None:
            self._embed.keep()


def _size_and_change(item: Item) -> tuple[int, int]:
    """Bytes, and when the file was changed (ns); 0 for what is in no file of its own."""
    if isinstance(item, Held):
        return len(item.content()) if item.opened is None else 0, 0
    facts = os.stat(item.path)
    return facts.st_size, facts.st_mtime_ns
