"""Every kind of prediction as a frozen dataclass.

What they are as JSON is part of the schema `vision/1`, which `record_schema` publishes. Coordinates are pixels of the
upright picture; of a recording, seconds from its beginning.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True)
class Classification:
    """One class of a picture. `score` is a probability.

    The scores of all classes sum to 1, unless the network was trained for several labels a picture: then each is a
    probability of its own, and the answer holds the classes that reach the threshold found in training, maybe none.
    """

    label: str
    label_id: int
    score: float


@dataclass(frozen=True, slots=True)
class Window:
    """What is to be heard in a part of a recording, from `start_s` to `end_s` seconds from its beginning."""

    start_s: float
    end_s: float
    predictions: tuple[Classification, ...]


Box = tuple[float, float, float, float]
"""`x1, y1, x2, y2` in pixels; x2 and y2 lie behind the last pixel."""


@dataclass(frozen=True, slots=True)
class Detection:
    """One object. `label_id` is the data set's category id (COCO: 1 to 90).

    `track` is the number of the object in its video, from 1: the same in all frames in which it was followed.
    """

    label: str
    label_id: int
    score: float
    box: Box
    track: int | None = None


@dataclass(frozen=True, slots=True)
class Rle:
    """A mask as COCO's compressed run-length encoding; `size` is `(height, width)`."""

    size: tuple[int, int]
    counts: str

    def decode(self) -> "np.ndarray":
        """The mask as `(H, W) bool`. Raises ValueError where the text does not encode a mask of this size."""
        import numpy as np

        height, width = self.size
        runs = self._runs()
        if sum(runs) != height * width or min(runs, default=0) < 0:
            raise ValueError(f"{self.counts[:40]!r} does not encode a mask of {width} x {height} pixels")
        # Runs of 0 and 1 in turn, column by column.
        inside = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
        return np.ascontiguousarray(inside.reshape(width, height).T)

    def _runs(self) -> list[int]:
        """Of `rleFrString` in the COCO API: five bits a character; from the fourth run on, the difference to the run
        before last. Empty where it is none."""
        runs: list[int] = []
        value = bits = 0
        for character in self.counts:
            code = ord(character) - 48
            if not 0 <= code < 64 or bits > 60:
                return []
            value |= (code & 31) << bits
            bits += 5
            if not code & 32:
                value -= (1 << bits) if code & 16 else 0
                runs.append(value + (runs[-2] if len(runs) > 2 else 0))
                value = bits = 0
        return [] if bits else runs


@dataclass(frozen=True, slots=True)
class Polygon:
    """One part of a mask along its pixels' edges: rings `x, y, x, y, …` in pixels, around it and around its holes."""

    exterior: tuple[float, ...]
    holes: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Segment:
    """A class's pixels (semantic), one object's pixels (instance; with `score` and `box`), or the foreground.

    `area` counts pixels, `share` is the part of the picture. `approximate` is true where the mask is not an
    instance network's own, but a class mask cut to a detected box.
    """

    label: str
    label_id: int
    area: int
    share: float
    mask: Rle
    score: float | None = None
    box: Box | None = None
    approximate: bool | None = None
    polygons: tuple[Polygon, ...] | None = None


@dataclass(frozen=True, slots=True)
class Keypoint:
    """A joint by its COCO name, in pixels; it may lie outside the picture."""

    name: str
    x: float
    y: float
    score: float


@dataclass(frozen=True, slots=True)
class Person:
    """One person with the 17 COCO keypoints, or what else a network of the user's finds, with keypoints of its own.

    `angles` are degrees at a joint; unsure joints are left out. `track` is the number of the person in its
    video, as for objects.
    """

    label: str
    label_id: int
    score: float
    box: Box
    keypoints: tuple[Keypoint, ...]
    angles: dict[str, float] | None = None
    track: int | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Where in the picture the evidence for one class, or for one detected box (`target`), lies.

    `peak` is the strongest point; `box` surrounds the connected region around it above half the maximum, and
    `energy` is the share of the map's sum that lies in that box.
    """

    label: str
    label_id: int
    score: float
    model: str
    method: str
    layer: str
    peak: tuple[float, float]
    box: Box
    energy: float
    target: Box | None = None


@dataclass(frozen=True, slots=True)
class CaptionWord:
    """A word and what it looked at: weights over the whole `picture` and each of `extra.objects`; they sum to 1."""

    word: str
    picture: float
    attention: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Caption:
    """A sentence. `objects` are the places in `extra.objects` of those that it names.

    `log_probability` is the sum over its words, natural logarithm; sentences that were not learned have none.
    """

    caption: str
    log_probability: float | None = None
    objects: tuple[int, ...] = ()
    words: tuple[CaptionWord, ...] | None = None


@dataclass(frozen=True, slots=True)
class Embedding:
    """The features of a picture: what the network's last layer takes.

    Records on disk have the `vector` only on demand; documents of vectors (`--format npy`) always.
    """

    dimensions: int
    vector: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A picture that looks like the input. `score` is the cosine of their features: 1 for the same picture."""

    picture: str
    score: float


@dataclass(frozen=True, slots=True)
class Duplicate:
    """What a picture is a duplicate of: `of`, the picture of its `group` that is worth keeping, and `why` it is.

    `kind` is "kept" for that picture itself, "equal" (the same bytes), "reencoded" (the same picture, stored again in
    the same size), "resized", "altered" (cropped, brighter …) or "mirrored". `score` is how much of the one picture
    the other one explains, at most 1. `bytes` is the file's size.
    """

    group: int
    of: str
    kind: str
    score: float
    why: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Spectrogram:
    """How strong each pitch is at each time: `frames` one `hop_s` after the other, `bands` from `lowest_hz` to
    `highest_hz` on the mel scale, in decibels from `lowest_db`, the darkest, to `highest_db`, the brightest.

    The strongest sound lies at `peak_s` and `peak_hz`.
    """

    frames: int
    bands: int
    hop_s: float
    lowest_hz: float
    highest_hz: float
    lowest_db: float
    highest_db: float
    peak_s: float
    peak_hz: float


@dataclass(frozen=True, slots=True)
class Painting:
    """How a picture was painted, of `width` x `height` pixels: in which `style`, as `--style` writes it, by which
    kind of network (`method`), and which share of the painting (`strength`) lies over the photo.

    With `keep_colours` only its luminance is the painting's. It was painted smaller by the factor `stroke` and
    enlarged, which makes strokes wider.
    """

    style: str
    method: str
    strength: float
    keep_colours: bool
    width: int
    height: int
    stroke: float


@dataclass(frozen=True, slots=True)
class Generated:
    """A picture that a network made. All of it follows from the `seed`, the class and the `truncation`.

    `label` and `label_id` are the class that was asked for, where the network knows any. `latent` is the place of its
    vector among those of `latents.npy` in the output folder. `distance` is the root mean square difference of its
    pixels, from 0 to 1, to those of the input that it was to be like, where there was one.
    """

    seed: int
    truncation: float
    label: str | None = None
    label_id: int | None = None
    latent: int | None = None
    distance: float | None = None


PREDICTIONS: dict[str, type[Any]] = {
    "classify": Classification,
    "detect": Detection,
    "segment": Segment,
    "pose": Person,
    "gradcam": Explanation,
    "caption": Caption,
    "embed": Embedding,
    "similar": Neighbour,
    "dedupe": Duplicate,
    "spectrogram": Spectrogram,
    "stylize": Painting,
    "generate": Generated,
}
"""The prediction type of each task, by task name."""
