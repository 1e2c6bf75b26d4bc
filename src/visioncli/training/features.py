"""Frozen features: what a pretrained network makes of each picture, computed once and kept in the cache.

They go through the ordinary runner, as predictions do: read in threads, by whichever engine is fastest. Each picture
has a plain view and, where asked for, augmented ones. They are kept by the content of the picture, the weights, the
input's size and the view, so that the same picture in another folder, or in another run, costs nothing.
"""

import dataclasses
import hashlib
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from visioncli.engines import EngineOptions, open_engine
from visioncli.engines.interface import Engine
from visioncli.labelled.content import known_sha256
from visioncli.labelled.interface import Example
from visioncli.models.row import ModelRow
from visioncli.pictures import Picture
from visioncli.results import Failure, ModelInfo
from visioncli.runner import RunOptions, run
from visioncli.tasks.interface import Answer, Task
from visioncli.tasks.preprocess import preprocess
from visioncli.training import augment
from visioncli.training.feature_files import store_file
from visioncli.weights.places import warn_not_kept

VIEWS = 1
"""Raised when augmented views are drawn in another way: those in the cache are then ignored."""
MOST_VIEWS = 8
_MOST_IN_ALL = 4000
_COMMIT_EVERY = 256


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
    with closing(_Store(row, seed, mirror=mirror)) as store:
        vectors: np.ndarray | None = None
        sizes = np.zeros((len(examples), 2), np.int64)
        failures: dict[int, Failure] = {}
        todo: list[int] = []
        for n, content in enumerate(contents):
            if kept := store.get(content, views):
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
                    store.keep(contents[n], sizes[n], found)
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


class _Store:
    """The cache of one network's features: a database, so that sixty thousand vectors are one file.

    Where it cannot be written the features live in memory for this run; a damaged one is made anew.
    """

    def __init__(self, row: ModelRow, seed: int, *, mirror: bool) -> None:
        self._tag = f"{VIEWS}:{seed}:{int(mirror)}"
        self._path = store_file(row)
        self._waiting = 0
        self._base = self._open()

    def _open(self) -> sqlite3.Connection:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            try:
                return _prepared(self._path)
            except sqlite3.DatabaseError as problem:
                if not isinstance(problem, sqlite3.OperationalError):
                    self._path.unlink()
                    return _prepared(self._path)
                raise
        except (OSError, sqlite3.Error) as problem:
            warn_not_kept("Features of pictures", self._path, problem)
            return _prepared(":memory:")

    def get(self, content: str, views: int) -> tuple[tuple[int, int], np.ndarray] | None:
        """Width and height, and `(1 + K, F) float16`; None where not all views are there, all of one length."""
        rows: dict[str, tuple[int, int, bytes]] = {}
        with suppress(sqlite3.DatabaseError):
            found = self._base.execute(
                "SELECT view, width, height, vector FROM features WHERE content = ?", (content,)
            )
            rows = {view: facts for view, *facts in found}
        try:
            chosen = [rows[name] for name in self._names(views)]
            width, height, _ = chosen[0]
            return (width, height), np.stack([np.frombuffer(vector, np.float16) for *_, vector in chosen])
        except (KeyError, ValueError):
            return None

    def keep(self, content: str, size: np.ndarray, vectors: np.ndarray) -> None:
        """Adds a picture's views; a disk that is full costs the next run time, not this one its result."""
        if not content:
            return
        width, height = (int(n) for n in size)
        rows = [
            (content, name, width, height, vector.tobytes())
            for name, vector in zip(self._names(len(vectors) - 1), vectors, strict=True)
        ]
        with suppress(sqlite3.Error):
            self._base.executemany("INSERT OR REPLACE INTO features VALUES (?, ?, ?, ?, ?)", rows)
            self._waiting += 1
            if self._waiting >= _COMMIT_EVERY:
                self._base.commit()
                self._waiting = 0

    def _names(self, views: int) -> list[str]:
        return ["0", *(f"{self._tag}:{n}" for n in range(1, views + 1))]

    def close(self) -> None:
        """Keeps what was added."""
        with suppress(sqlite3.Error):
            self._base.commit()
        self._base.close()


def _prepared(path: Path | str) -> sqlite3.Connection:
    base = sqlite3.connect(path, timeout=30)
    try:
        # A kill loses what was not committed, and nothing else: such a file is only a cache.
        base.execute("PRAGMA journal_mode = WAL")
        base.execute("PRAGMA synchronous = NORMAL")
        base.execute(
            "CREATE TABLE IF NOT EXISTS features (content TEXT, view TEXT, width INTEGER, height INTEGER,"
            " vector BLOB, PRIMARY KEY (content, view))"
        )
    except BaseException:
        base.close()
        raise
    return base
