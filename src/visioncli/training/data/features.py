"""Frozen features: what a pretrained network makes of each picture, computed once and kept in the cache.

They go through the ordinary runner, as predictions do: read in threads, by whichever engine is fastest. Each picture
has a plain view and, where asked for, augmented ones. They are kept by the content of the picture, the weights, the
input's size and the view, so that the same picture in another folder, or in another run, costs nothing.
"""

import dataclasses
import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from visioncli.engines import EngineOptions, open_engine
from visioncli.engines.interface import Engine
from visioncli.features.store import PLAIN, Store
from visioncli.labelled.content import known_sha256
from visioncli.labelled.interface import Example
from visioncli.models.row import ModelRow
from visioncli.pictures import Picture
from visioncli.results import Failure, ModelInfo
from visioncli.runner import RunOptions, run
from visioncli.tasks.interface import Answer, Task
from visioncli.tasks.preprocess import preprocess
from visioncli.training.data import augment

VIEWS = 1
"""Raised when augmented views are drawn in another way: those in the cache are then ignored."""
MOST_VIEWS = 8
_MOST_IN_ALL = 4000


def views_for(pictures: int) -> int:
    """How many augmented views a set of so many pictures gets: few pictures need them, and many would take long."""
    return min(MOST_VIEWS, _MOST_IN_ALL // max(pictures, 1))


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """What is known of each picture of a set, in its order.

    `vectors` are `(N, 1 + K, F) float16`, the plain view first; zeros where the picture could not be read, which
    `failures` has by place. `contents` are the SHA-256 of each picture ("" where unreadable), `sizes` `(N, 2) int64`,
    width and height in pixels. `computed` counts the network's runs, `seconds` is what they took together.
    """

    contents: tuple[str, ...]
    sizes: np.ndarray
    vectors: np.ndarray
    failures: Mapping[int, Failure]
    computed: int
    seconds: float


class FeatureTask(Task):
    """The views of each picture, through the network without its head."""

    name = "features"

    def __init__(self, row: ModelRow, engine: Engine, views: int, seed: int, *, mirror: bool) -> None:
        self.engine, self.spec, self.views, self.seed, self.mirror = engine, row.input, views, seed, mirror
        self.labels, self.settings = {}, {}
        self.parallel = engine.parallel
        self.enough = 2 * max(row.input.size, row.input.resize)
        self.model = ModelInfo(row.name, row.source.sha256, "fp32")

    def prepare(self, picture: Picture) -> np.ndarray:
        """`(1 + K, 3, S, S) float32`"""
        found = [preprocess(picture.image, self.spec)]
        if self.views:
            # By content, so that a picture has the same views wherever it lies and whatever is read beside it.
            content = int.from_bytes(hashlib.blake2b(picture.image.tobytes(), digest_size=8).digest(), "little")
            for n in range(1, self.views + 1):
                rng = augment.generator(self.seed, content, n)
                drawn = augment.view(rng, n, picture.image.size, self.spec, self.mirror)
                found.append(augment.normalise(augment.apply(picture.image, drawn, self.spec), self.spec))
        return np.stack(found)

    def predict(self, batch: Sequence[np.ndarray]) -> list[Answer]:
        """One answer a picture; its array `features` is `(1 + K, F) float16`."""
        (outputs,) = self.engine.run(np.concatenate(batch))
        parts = np.split(outputs.astype(np.float16), np.cumsum([len(x) for x in batch])[:-1])
        return [Answer((), arrays={"features": part}) for part in parts]


def compute(
    examples: Sequence[Example],
    row: ModelRow,
    *,
    views: int,
    seed: int = 0,
    mirror: bool = True,
    engine: EngineOptions | None = None,
    options: RunOptions = RunOptions(reduce=True),  # noqa: B008 - frozen
    contents: Sequence[str] | None = None,
    advance: Callable[[int], None] = lambda done: None,
) -> Features:
    """The features of all pictures by the network of `row`, with its head taken off.

    What is in the cache is not computed again. `contents` are the pictures' hashes where they are known already.
    `advance` is told how many pictures are done. Raises UsageError for a network whose head cannot be taken off,
    ModelUnavailable where its weights are missing.
    """
    contents = tuple(hashes(examples, options.workers) if contents is None else contents)
    names = (PLAIN, *(f"{VIEWS}:{seed}:{int(mirror)}:{n}" for n in range(1, views + 1)))
    with closing(Store(row)) as store:
        vectors: np.ndarray | None = None
        sizes = np.zeros((len(examples), 2), np.int64)
        failures: dict[int, Failure] = {}
        todo: list[int] = []
        for n, content in enumerate(contents):
            if kept := store.get(content, names):
                sizes[n], found = kept
                vectors = _room(vectors, len(examples), views, found.shape[1])
                vectors[n] = found
            else:
                todo.append(n)
        advance(len(examples) - len(todo))
        start, spent = time.perf_counter(), 0.0
        if todo:
            headless = dataclasses.replace(row, form="features")
            task = FeatureTask(headless, open_engine(headless, engine), views, seed, mirror=mirror)
            start = time.perf_counter()
            outcomes = run((examples[n] for n in todo), task, options)
            for done, (n, outcome) in enumerate(zip(todo, outcomes, strict=True), start=1):
                if outcome.record.error is not None:
                    failures[n] = outcome.record.error
                else:
                    assert outcome.record.width is not None and outcome.record.height is not None
                    found = outcome.arrays["features"]
                    vectors = _room(vectors, len(examples), views, found.shape[1])
                    vectors[n] = found
                    sizes[n] = outcome.record.width, outcome.record.height
                    store.keep(contents[n], sizes[n], names, found)
                advance(len(examples) - len(todo) + done)
            spent = time.perf_counter() - start
    contents = tuple("" if n in failures else content for n, content in enumerate(contents))
    vectors = _room(vectors, len(examples), views, 0)
    return Features(contents, sizes, vectors, failures, (len(todo) - len(failures)) * (1 + views), spent)


def _room(vectors: np.ndarray | None, count: int, views: int, width: int) -> np.ndarray:
    return np.zeros((count, 1 + views, width), np.float16) if vectors is None else vectors


def hashes(examples: Sequence[Example], workers: int) -> tuple[str, ...]:
    """The SHA-256 of each picture's content; "" for those that cannot be opened."""
    with ThreadPoolExecutor(workers) as pool:
        return tuple(pool.map(known_sha256, examples))
