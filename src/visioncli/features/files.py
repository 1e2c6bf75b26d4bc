"""Where features of pictures are kept: a database for each network and size of its input. Imports neither torch nor
numpy."""

import dataclasses
import hashlib
import json
import re
from pathlib import Path

from visioncli.files import name_part
from visioncli.models.row import ModelRow, Trained
from visioncli.weights.places import cache_folder

_UNKNOWN = "unknown"
# SQLite keeps what was written last in files beside the database.
_ENDING = r"\.sqlite(-wal|-shm|-journal)?"


def store_file(row: ModelRow) -> Path:
    """Where the features by the network of `row` are kept, whether they are there or not."""
    shaping = {"weights": row.source.sha256, "input": dataclasses.asdict(row.input)}
    key = hashlib.sha256(json.dumps(shaping, sort_keys=True).encode()).hexdigest()[:16]
    return _folder() / f"{name_part(row.name)}-{_weights(row)}-{key}.sqlite"


def stored_files(row: ModelRow | None = None) -> list[Path]:
    """All such files in the cache, or those of the network of `row`: by whatever weights of that name and whatever
    input, but of the user's training only by its own weights."""
    name, weights = r".+", r"[0-9a-z]+"
    if row is not None:
        name = re.escape(name_part(row.name))
    if row is not None and isinstance(row.source, Trained):
        name, weights = r".+", _weights(row)
    made = re.compile(f"{name}-{weights}-[0-9a-f]{{16}}{_ENDING}")
    return sorted(path for path in _folder().glob("*.sqlite*") if made.fullmatch(path.name))


def _weights(row: ModelRow) -> str:
    return (row.source.sha256 or _UNKNOWN)[:16]


def _folder() -> Path:
    return cache_folder() / "features"
