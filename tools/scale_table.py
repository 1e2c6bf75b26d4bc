"""The table of docs/scale.md: how long many pictures take on many cores, and what the limit is.

    python tools/scale_table.py

A simulation, not a measurement: pictures fall on shards by chance, as a hash deals them out, each takes its time, and
listing, network and store set bounds. What it starts from was measured, or is the store's own word; `Assumed` says
which is which.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

SIZES = ((10**6, 8), (10**6, 128), (10**8, 128), (10**8, 2048), (10**10, 2048), (10**10, 32_768))
"""Pictures and cores."""
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0


@dataclass(frozen=True, slots=True)
class Assumed:
    """What the table starts from; seconds, bytes, and numbers a second.

    `core` and `size` were measured: `vision detect` of 200 COCO pictures (ssd_mobilenet_v2, 640 x 480) on one thread.
    So was `rows`, a Parquet list. `names` is 1,000 a request and a tenth of a second for each, one after the other;
    `requests` is what Amazon says of a prefix of S3 (5,500), for 16 prefixes. `spread` of the time a picture takes,
    `start`, `cores` of a machine, `link` of one and `trunk` of all together are set by hand.
    """

    core: float = 0.028
    spread: float = 0.014
    size: float = 167e3
    start: float = 10.0
    names: float = 10_000.0
    rows: float = 95_000.0
    requests: float = 16 * 5500.0
    cores: int = 16
    link: float = 1.25e9
    trunk: float = 50e9


@dataclass(frozen=True, slots=True)
class Forecast:
    """Seconds: `listing` by each shard, `slowest` shard's computing, `network` and `store` for all pictures."""

    listing: float
    slowest: float
    network: float
    store: float
    start: float

    @property
    def whole(self) -> float:
        """From the start to the last shard's end; pictures are fetched while others are computed."""
        return self.start + self.listing + max(self.slowest, self.network, self.store)

    @property
    def limit(self) -> str:
        """What takes longest."""
        parts = {"cores": self.slowest, "network": self.network, "store": self.store, "listing": self.listing}
        return max(parts, key=lambda name: parts[name])


def forecast(pictures: int, cores: int, assumed: Assumed, *, listed: bool, seed: int = 0) -> Forecast:
    """One process on each core; `listed`: each lists the bucket (`--shard`), else it is given its part of a list."""
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(pictures, np.full(cores, 1 / cores)).astype(np.float64)
    seconds = counts * assumed.core + rng.standard_normal(cores) * assumed.spread * np.sqrt(counts)
    bandwidth = min(assumed.trunk, max(1.0, cores / assumed.cores) * assumed.link)
    listing = pictures / assumed.names if listed else pictures / cores / assumed.rows
    network, store = pictures * assumed.size / bandwidth, pictures / assumed.requests
    return Forecast(listing, float(seconds.max()), network, store, assumed.start)


def table(assumed: Assumed | None = None) -> Iterator[str]:
    """The lines of the table, as Markdown."""
    assumed = assumed or Assumed()
    yield "| pictures | cores | core time | each shard lists the bucket | limit | each has its list | limit |"
    yield "|---|---|---|---|---|---|---|"
    for pictures, cores in SIZES:
        both = [forecast(pictures, cores, assumed, listed=listed) for listed in (True, False)]
        cells = [f"{pictures:,}", f"{cores:,}", in_words(pictures * assumed.core)]
        for one in both:
            cells += [in_words(one.whole), one.limit]
        yield f"| {' | '.join(cells)} |"


def in_words(seconds: float) -> str:
    """A time with two digits, in the unit that suits it."""
    for unit, name in ((365 * DAY, "years"), (DAY, "days"), (HOUR, "h"), (MINUTE, "min")):
        if seconds >= (2 if name in ("years", "days") else 1) * unit:
            value = seconds / unit
            return f"{value:.1f} {name}" if value < 10 else f"{value:,.0f} {name}"
    return f"{seconds:.0f} s"


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in table())
