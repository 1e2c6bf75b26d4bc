"""Pictures made worse, the same way each time: what a network's accuracy rests on when they are not at their best.

Strengths are relative to the picture, so that a photograph of 12 megapixels and one of 300 pixels suffer alike: a
picture is first made smaller until its shorter side has at most 448 pixels. The kinds and their strengths follow
ImageNet-C (Hendrycks and Dietterich, arXiv 1903.12261), lower levels of its five where it has the kind.
"""

import hashlib
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from visioncli.datasets.interface import F64, I64, Flags
from visioncli.evaluation.predict import F32, PROBABILITIES, Done, nobody
from visioncli.evaluation.score import Resampling
from visioncli.inputs.sources import Item
from visioncli.metrics.classification import ratio
from visioncli.metrics.intervals import Numbers, intervals, measured
from visioncli.pictures import Picture
from visioncli.runner import RunOptions, run
from visioncli.tasks.classify.task import Classify
from visioncli.tasks.interface import Answer, Task

SIDE = 448
"""Pixels of the shorter side that a picture has at most before it is made worse."""
SCALE = 224
"""Pixels of the shorter side to which strengths in pixels refer."""
LEVELS = (1, 2)
Strength = float
Random = np.random.Generator


def jpeg(image: Image.Image, quality: Strength, random: Random) -> Image.Image:
    """Compressed to a JPEG of this quality, with colours at half the resolution."""
    memory = io.BytesIO()
    image.save(memory, "JPEG", quality=int(quality), subsampling="4:2:0")
    return Image.open(io.BytesIO(memory.getvalue())).convert("RGB")


def blur(image: Image.Image, sigma: Strength, random: Random) -> Image.Image:
    """A Gaussian of `sigma` pixels of a picture of 224."""
    return image.filter(ImageFilter.GaussianBlur(sigma * min(image.size) / SCALE))


def noise(image: Image.Image, deviation: Strength, random: Random) -> Image.Image:
    """Normal noise on each channel, of this deviation where white is 1, in grains of a picture of 224."""
    width, height = image.size
    factor = min(1.0, SCALE / min(width, height))
    columns = np.minimum((np.arange(width) * factor).astype(np.int64), max(round(width * factor), 1) - 1)
    rows = np.minimum((np.arange(height) * factor).astype(np.int64), max(round(height * factor), 1) - 1)
    grains = random.standard_normal((int(rows[-1]) + 1, int(columns[-1]) + 1, 3), np.float32)
    noisy = np.asarray(image, np.float32) + np.float32(255 * deviation) * grains[rows][:, columns]
    return Image.fromarray(np.clip(np.rint(noisy), 0, 255).astype(np.uint8))


def dark(image: Image.Image, factor: Strength, random: Random) -> Image.Image:
    """Every value times `factor`, in steps of 8 bit."""
    return image.point([round(value * factor) for value in range(256)] * 3)


def contrast(image: Image.Image, factor: Strength, random: Random) -> Image.Image:
    """Every channel's distance to its mean times `factor`."""
    table: list[int] = []
    for channel in image.split():
        counts = channel.histogram()
        mean = sum(value * count for value, count in enumerate(counts)) / max(sum(counts), 1)
        table += [round(mean + (value - mean) * factor) for value in range(256)]
    return image.point(table)


def small(image: Image.Image, factor: Strength, random: Random) -> Image.Image:
    """Shrunk to `factor` of a picture of 224, or of itself where that is smaller, as thumbnails are."""
    width, height = image.size
    short = min(width, height)
    scale = min(short, SCALE) * factor / short
    return image.resize((max(1, round(width * scale)), max(1, round(height * scale))), Image.Resampling.BICUBIC)


@dataclass(frozen=True, slots=True)
class Stress:
    """One way of making pictures worse, at one level."""

    kind: str
    level: int
    strength: Strength
    apply: Callable[[Image.Image, Strength, Random], Image.Image]


KINDS: dict[str, tuple[Callable[[Image.Image, Strength, Random], Image.Image], tuple[Strength, Strength]]] = {
    "jpeg": (jpeg, (25, 10)),
    "blur": (blur, (1, 2)),
    "noise": (noise, (0.08, 0.18)),
    "dark": (dark, (0.5, 0.25)),
    "contrast": (contrast, (0.4, 0.2)),
    "small": (small, (0.5, 0.25)),
}
"""Each kind with its strength at level 1 and 2."""
STRESSES = tuple(
    Stress(kind, level, strength, apply)
    for kind, (apply, strengths) in KINDS.items()
    for level, strength in zip(LEVELS, strengths, strict=True)
)


def worse(image: Image.Image, stresses: Sequence[Stress] = STRESSES, seed: int = 0) -> list[Image.Image]:
    """A picture of mode RGB made worse in each way, as new images. Chance comes of its pixels and the seed."""
    short = min(image.size)
    if short > SIDE:
        size = [max(1, round(side * SIDE / short)) for side in image.size]
        image = image.resize((size[0], size[1]), Image.Resampling.BICUBIC, reducing_gap=3.0)
    content = hashlib.sha256(repr(image.size).encode() + image.tobytes()).digest()
    return [s.apply(image, s.strength, _random(content, f"{s.kind}|{s.level}|{seed}")) for s in stresses]


def _random(content: bytes, what: str) -> Random:
    digest = hashlib.sha256(content + what.encode()).digest()
    return np.random.default_rng(np.frombuffer(digest, np.uint32))


class Stressed(Task):
    """A classification of each picture made worse in all ways; `arrays` has the probabilities, (STRESSES, C)."""

    name = "classify"

    def __init__(self, task: Classify, seed: int = 0) -> None:
        self._task, self._seed = task, seed
        self.model, self.labels, self.settings = task.model, task.labels, task.settings
        self.parallel, self.enough = task.parallel, SIDE

    def prepare(self, picture: Picture) -> list[Any]:
        """What the network needs of it, one after the other."""
        made = worse(picture.image, STRESSES, self._seed)
        return [self._task.prepare(replace(picture, image=image, full_size=None)) for image in made]

    def predict(self, batch: Sequence[list[Any]]) -> list[Answer]:
        """Every way over the whole batch."""
        scores = [self._task.scores([prepared[n] for prepared in batch]) for n in range(len(STRESSES))]
        return [Answer((), {}, {PROBABILITIES: np.stack([s[i] for s in scores])}) for i in range(len(batch))]


def stressed(
    task: Classify,
    items: Iterable[Item],
    options: RunOptions,
    right: Callable[[int, F32], Flags],
    seed: int = 0,
    done: Done = nobody,
) -> tuple[I64, Flags]:
    """The places of the pictures that could be used, (R,), and which ways left them right, (R, STRESSES) bool.

    `right` says of the probabilities of the picture at a place, (STRESSES, C), which are right.
    """
    rows: list[int] = []
    found: list[Flags] = []
    outcomes = run(items, Stressed(task, seed), options)
    try:
        for place, outcome in enumerate(outcomes):
            if outcome.record.ok:
                rows.append(place)
                found.append(right(place, outcome.arrays[PROBABILITIES]))
            done(outcome.record)
    finally:
        outcomes.close()
    return np.array(rows, np.int64), np.array(found, bool).reshape(len(rows), len(STRESSES))


@dataclass(frozen=True, slots=True, eq=False)
class StressRow:
    """How much of its accuracy a network keeps on pictures made worse in one way.

    `number` is called `headline`; `difference` is to the same `pictures` as they are. Intervals are (2,) float64, NaN
    where there are none.
    """

    model: str
    kind: str
    level: int
    pictures: int
    headline: str
    number: float
    ends: F64
    difference: float
    difference_ends: F64


def stress_rows(
    model: str, headline: str, clean: Flags, rows: I64, right: Flags, how: Resampling
) -> tuple[StressRow, ...]:
    """`clean` (N,) says which pictures were right, `right` (R, STRESSES) which of those at `rows` still are."""
    made = []
    for n, stress in enumerate(STRESSES):
        sample = _Both(clean[rows].astype(np.float64), right[:, n].astype(np.float64))
        numbers = measured(sample).totals
        ends = intervals(sample, how.resamples, how.seed, signed=True).totals
        number, difference = float(numbers["number"][0]), float(numbers["difference"][0])
        made.append(
            StressRow(
                model,
                stress.kind,
                stress.level,
                len(rows),
                headline,
                number,
                ends["number"],
                difference,
                ends["difference"],
            )
        )
    return tuple(made)


class _Both:
    """The share of right pictures when made worse, and what that is less than before."""

    width = 2

    def __init__(self, clean: F64, worse: F64) -> None:
        self._table = np.stack([worse, worse - clean], axis=1)

    def __len__(self) -> int:
        return len(self._table)

    def measure(self, weights: F64) -> Numbers:
        """For (B, N) weights."""
        pictures = weights.sum(axis=1)
        means = ratio(weights @ self._table, pictures[:, None])
        totals = {"number": means[:, 0], "difference": means[:, 1]}
        return Numbers(totals, total_shares={"number": pictures})
