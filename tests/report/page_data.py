"""A page's data as Python sees it again."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import numpy as np

KINDS = {"u1": "<u1", "u2": "<u2", "u4": "<u4", "i4": "<i4", "f4": "<f4"}


def column(body: dict[str, str]) -> np.ndarray:
    """A column of numbers."""
    return np.frombuffer(base64.b64decode(body["b"]), KINDS[body["t"]])


def words(body: dict[str, Any]) -> list[str]:
    """A column of words."""
    return [body["words"][code] for code in column(body["codes"])]


def data_of(folder: Path) -> dict[str, Any]:
    """What is in `data.js`, or in a page that is one file."""
    text = (folder / "data.js").read_text() if folder.is_dir() else folder.read_text(encoding="utf-8")
    (found,) = re.findall(r"var VISION_REPORT=(.*);\n", text)
    body: dict[str, Any] = json.loads(found)
    return body
