"""The cache of features: the vectors of one network by the content of pictures, in one database."""

import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock

import numpy as np

from visioncli.features.files import store_file
from visioncli.models.row import ModelRow
from visioncli.weights.places import warn_not_kept

PLAIN = "0"
"""The view that the network sees when it classifies."""
_COMMIT_EVERY = 256


class Store:
    """The cache of one network's features: a database, so that sixty thousand vectors are one file.

    Where it cannot be written the features live in memory for this run; a damaged one is made anew. Threads may share
    it.
    """

    def __init__(self, row: ModelRow) -> None:
        self._path = store_file(row)
        self._lock = Lock()
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

    def get(self, content: str, views: Sequence[str]) -> tuple[tuple[int, int], np.ndarray] | None:
        """Width and height, and `(V, F) float16` in the order of `views`; None where not all are there, all of one
        length. `content` is the picture's SHA-256."""
        rows: dict[str, tuple[int, int, bytes]] = {}
        with self._lock, suppress(sqlite3.DatabaseError):
            found = self._base.execute(
                "SELECT view, width, height, vector FROM features WHERE content = ?", (content,)
            )
            rows = {view: facts for view, *facts in found}
        try:
            chosen = [rows[name] for name in views]
            width, height, _ = chosen[0]
            return (width, height), np.stack([np.frombuffer(vector, np.float16) for *_, vector in chosen])
        except (KeyError, ValueError):
            return None

    def keep(self, content: str, size: Sequence[int], views: Sequence[str], vectors: np.ndarray) -> None:
        """Adds a picture's `views`, `(V, F) float16`; a disk that is full costs the next run time, not this one its
        result."""
        if not content:
            return
        width, height = (int(n) for n in size)
        rows = [(content, name, width, height, vector.tobytes()) for name, vector in zip(views, vectors, strict=True)]
        with self._lock, suppress(sqlite3.Error):
            self._base.executemany("INSERT OR REPLACE INTO features VALUES (?, ?, ?, ?, ?)", rows)
            self._waiting += 1
            if self._waiting >= _COMMIT_EVERY:
                self._base.commit()
                self._waiting = 0

    def commit(self) -> None:
        """Hands what was added to the disk."""
        with self._lock, suppress(sqlite3.Error):
            self._base.commit()
            self._waiting = 0

    def close(self) -> None:
        """Keeps what was added."""
        self.commit()
        self._base.close()


def _prepared(path: Path | str) -> sqlite3.Connection:
    base = sqlite3.connect(path, timeout=30, check_same_thread=False)
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
