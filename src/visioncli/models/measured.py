"""What networks reach on pictures of ours, beside what was published: data that `benchmarks/accuracy.py` writes."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from visioncli.models.row import ModelRow

MEASURED_FILE = Path(__file__).parent / "data" / "measured.json"
"""`{row: [{metric, value, low, high, on, pictures, precision, weights_sha256}]}`, the figure that counts first."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One figure: `value` of `metric` on so many `pictures` of a data set, in a `precision` such as fp32.

    Per cent, but CIDEr. `low` and `high` are the ends of its 95 % interval over pictures. It holds for the weights
    with this SHA-256 and no others.
    """

    metric: str
    value: float
    low: float
    high: float
    on: str
    pictures: int
    precision: str
    weights_sha256: str

    @property
    def where(self) -> str:
        """What it was measured on: `100 ImageNet pictures (fp32)`."""
        return f"{self.pictures} {self.on} pictures ({self.precision})"

    @property
    def number(self) -> str:
        """The value with the digits that it deserves."""
        return self._shown(self.value)

    def __str__(self) -> str:
        unit = "" if self.metric == UNIT_FREE else " %"
        span = f"{self._shown(self.low)} to {self._shown(self.high)}"
        return f"{self.metric} {self.number}{unit} ({span}) on {self.where}"

    def _shown(self, value: float) -> str:
        return f"{value:.2f}" if self.metric == UNIT_FREE else f"{value:.1f}"


UNIT_FREE = "CIDEr"
"""The metric that is no share of anything."""


@cache
def _all() -> dict[str, tuple[Measured, ...]]:
    rows = json.loads(MEASURED_FILE.read_text(encoding="utf-8"))
    return {name: tuple(Measured(**one) for one in figures) for name, figures in rows.items()}


def measured(row: ModelRow) -> tuple[Measured, ...]:
    """What this row was measured to reach; empty where it was not, and for other weights of the same architecture."""
    sha256 = getattr(row.source, "sha256", None)
    return tuple(one for one in _all().get(row.name, ()) if one.weights_sha256 == sha256)
