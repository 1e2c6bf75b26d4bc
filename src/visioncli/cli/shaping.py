"""Which options shape a result. `--resume` takes over what was made with the same ones, and only that."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from visioncli.weights.places import sha256_of

COVERED = frozenset(
    {"model", "detector", "weights", "labels", "precision", "format", "exact_decode", "allow_truncated"}
)
"""Options of which the key holds what they led to: the network's hash, labels, preprocessing and precision, the files
that are written for each picture, how pictures are decoded."""

CHANGES_NOTHING = frozenset(
    {
        *(
            "inputs",
            "out",
            "exclude",
            "null",
            "print",
            "json",
            "quiet",
            "resume",
            "shard",
            "on",
            "actors",
            "fail_fast",
            "report",
        ),
        *("offline", "batch_size", "workers", "max_pixels", "timeout"),
        # The answer is the same but for rounding, and a batch may go on upon a machine that has no GPU.
        *("device", "engine", "threads"),
        # Pages and rows have names and keys of their own, and those of PDF keys that hold how they were drawn.
        *("pages", "dpi", "column"),
        # The document that it shapes is written anew by each run, from all records.
        "images",
    }
)
"""Options that change neither a record nor a file that is written for one picture. All others are part of the key."""


def shaping(options: Mapping[str, Any]) -> dict[str, Any]:
    """Of a command's options by name, those that shape its results, as JSON values.

    Where one names a file, such as a background, that file's content counts too.
    """
    return {
        name: _plain(value) for name, value in options.items() if name not in COVERED and name not in CHANGES_NOTHING
    }


def _plain(value: Any) -> Any:
    if not isinstance(value, str | Path):
        return value
    text = os.fspath(value)
    if not os.path.isfile(text):
        return text
    try:
        return [text, sha256_of(Path(text))]
    except OSError:
        return [text, None]  # whoever reads it for its purpose says what is wrong
