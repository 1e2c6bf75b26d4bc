"""Between which values the layers of a network answer: what it takes to compute them in 8 bits."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from visioncli.models.row import ModelRow

FOLDER = Path(__file__).parent / "data" / "ranges"
"""A file for each network, as `tools/activation_ranges.py` writes them."""


@dataclass(frozen=True, slots=True)
class ActivationRanges:
    """Between which values each tensor lies, by the names of `engines.quantise.measured`.

    With `auto` int8 is what the network computes in unless told otherwise; without, it gains too little time for what
    it loses, and is for those who ask for it. `exact` are the modules that lose too much in 8 bits and stay in fp32.
    `on` says of which pictures the rest was measured, for people; `weights_sha256` of which weights.
    """

    weights_sha256: str
    on: str
    pictures: int
    ranges: dict[str, tuple[float, float]]
    exact: tuple[str, ...] = ()
    auto: bool = True

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, six digits of each number."""
        rounded = {name: [float(f"{v:.6g}") for v in pair] for name, pair in self.ranges.items()}
        facts = {"weights_sha256": self.weights_sha256, "on": self.on, "pictures": self.pictures}
        return facts | {"auto": self.auto, "exact": list(self.exact), "ranges": rounded}


def activation_ranges(row: ModelRow) -> ActivationRanges | None:
    """What was measured of the row's own network with the row's weights, or None."""
    if row.form or not row.source.sha256:
        return None
    found = _read(row.name)
    return found if found is not None and found.weights_sha256 == row.source.sha256 else None


def names() -> list[str]:
    """The networks of which ranges are known."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


@cache
def _read(name: str) -> ActivationRanges | None:
    if name not in names():  # names of a user's own networks may be paths
        return None
    body = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    ranges = {key: (low, high) for key, (low, high) in body["ranges"].items()}
    return ActivationRanges(
        body["weights_sha256"], body["on"], body["pictures"], ranges, tuple(body["exact"]), body["auto"]
    )
