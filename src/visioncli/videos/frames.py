"""The frames of a video as inputs of a run, one after the other, decoded as they are asked for."""

import dataclasses
import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from PIL import Image

from visioncli import pictures
from visioncli.errors import ErrorKind, InputError
from visioncli.inputs.item import Held, Item, facts_of
from visioncli.pictures import Picture, footprint
from visioncli.pictures.patience import Patience
from visioncli.results import Record
from visioncli.videos import kinds
from visioncli.videos.choice import Choice, Sieve
from visioncli.videos.pixels import as_picture, turned
from visioncli.videos.reading import Shown, Video, open_video

MARK = "#frame="
"""Stands between the name of a video and the number of a frame."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A video of which frames are inputs: the input that names it, and what its frames have in common.

    `stamp` tells its content from others of the same name without reading it, None where nothing does. Pixels are
    `shape` times as wide as high; a `live` one has no end of its own. `begin` is the time of the first frame wanted.
    """

    item: Item
    source: str | bytes
    stamp: str | None
    shape: Fraction = Fraction(1)
    rate: Fraction = Fraction(25)
    live: bool = False
    begin: Fraction = Fraction(0)


@dataclass(frozen=True, slots=True)
class Frame(Item):
    """A frame of a video: its number among all that are shown, from 0, and when that is, in seconds.

    `place` is its number among those that are wanted, as text, and `end` for the last one of a video that is whole.
    The last one has `facts` about the video, and `closes` it; nothing more comes of it but maybe its failure.
    A frame without an `image` was decoded in an earlier run.
    """

    clip: Clip | None = None
    frame: int = 0
    at: Fraction = Fraction(0)
    place: str = ""
    closes: bool = False
    facts: dict[str, Any] = field(default_factory=dict, compare=False)
    turn: Image.Transpose | None = None
    image: Any = field(default=None, compare=False)

    @property
    def file(self) -> str | None:
        """The file on this machine that holds it; None where there is none."""
        return None if self.clip is None or self.clip.live else self.clip.item.file

    @property
    def time_s(self) -> float:
        """When it is shown, in seconds since the beginning of the video."""
        return round(float(self.at), 6)

    @property
    def suffix(self) -> str:
        """What its name has behind that of the video."""
        return f"{MARK}{self.frame}"

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, upright."""
        return turned((self.image.width, self.image.height), self.turn)

    @property
    def bytes(self) -> int:
        """What it takes in memory, decoded and as RGB."""
        return 0 if self.image is None else 2 * footprint.as_rgb(self.image.width, self.image.height)

    def picture(self, max_pixels: int = pictures.DEFAULT_MAX_PIXELS) -> Picture:
        """Its pixels, upright. Raises InputError."""
        if self.image is None:
            raise InputError(ErrorKind.READ_FAILED, "An earlier run's record of it is there no more. Run it again.")
        return pictures.of_video(lambda: as_picture(self.image, self.turn), self.size, max_pixels)


@dataclass(frozen=True, slots=True)
class Trouble(Item):
    """A video, or the rest of one, of which no more frames are had; its record says why. `clip` is that video."""

    problem: InputError = field(
        default_factory=lambda: InputError(ErrorKind.UNREADABLE_VIDEO, "It cannot be read."), compare=False
    )
    clip: Clip | None = None


Earlier = Callable[[Clip], list[Record] | None]
"""An earlier run's records of all frames of a video that it came to the end of; None where there are none."""


def expand(item: Item, choice: Choice, earlier: Earlier = lambda clip: None) -> Iterator[Item]:
    """An input itself, or the frames of the video or camera that it names.

    What goes wrong becomes a last item, whose record says so.
    """
    if not kinds.has_frames(item.path):
        yield item
        return
    if kinds.camera(item.path) is not None:
        item = dataclasses.replace(item, relative=item.relative.replace(":", "-"))  # no disk likes a colon
    if kinds.camera(item.path) is None and item.file == item.path:
        try:
            with open(item.path, "rb") as file:
                head = file.read(kinds.HEAD)
        except OSError:
            yield item  # whoever reads it as a picture says what is wrong
            return
        if kinds.is_none(head, item.path):
            yield item
            return
    try:
        clip = Clip(item, item.path, _stamp(item))
        records = earlier(clip)
        if records:
            yield from _known(clip, records)
            return
        source = _source(item)
        if isinstance(source, bytes) and kinds.is_none(source[: kinds.HEAD], item.path):
            yield item
            return
        video = open_video(source)
    except InputError as problem:
        yield Trouble(item.path, item.relative, item.root, problem, None)
        return
    except OSError as problem:
        words = f"The video cannot be read: {problem.strerror or problem}. Check the disk, or copy the file again."
        yield Trouble(item.path, item.relative, item.root, InputError(ErrorKind.READ_FAILED, words), None)
        return
    clip = Clip(item, source, clip.stamp, video.shape, video.rate, video.live, choice.start)
    try:
        yield from _decoded(clip, video, choice)
    finally:
        video.close()


def key_of(frame: Frame, base: bytes) -> str | None:
    """What identifies a frame's content and place; None where nothing does."""
    clip = frame.clip
    return None if clip is None else clip_key(clip, base, frame.place)


def clip_key(clip: Clip, base: bytes, place: str) -> str | None:
    """The key of the frame at this place of a video."""
    if clip.stamp is None:
        return None
    digest = hashlib.sha256(base)
    digest.update(os.fsencode(clip.item.shown))
    digest.update(f"|{clip.stamp}|{place}".encode())
    return digest.hexdigest()[:24]


END = "end"
"""The place of the last frame of a video that was read to its end: its record stands for the whole."""


def _stamp(item: Item) -> str | None:
    if isinstance(item, Held):
        return item.stamp
    return None if item.is_url or kinds.camera(item.path) is not None else facts_of(item.path)


def _source(item: Item) -> str | bytes:
    """The path of a file or the name of a camera; of what lies elsewhere, the bytes. Raises InputError."""
    if isinstance(item, Held):
        try:
            if item.opened is not None:
                with item.opened() as stream:
                    return stream.read()
            # Not asked for beforehand: a stream goes on only when this item was dealt with, so it is read anew.
            return item.content()
        finally:
            item.done()
    return pictures.at_hand(item.path, Patience()) if item.is_url else item.path


def _decoded(clip: Clip, video: Video, choice: Choice) -> Iterator[Item]:
    sieve = Sieve(choice)
    item, waiting, taken = clip.item, None, 0
    problem: InputError | None = None
    frames = video.frames()
    while True:
        try:
            shown = next(frames, None)
        except InputError as wrong:
            problem, shown = wrong, None
        except Exception as wrong:  # noqa: BLE001 - a batch goes on, whatever one file does
            words = f"The video cannot be read any further ({type(wrong).__name__}: {wrong}). Convert it."
            problem, shown = InputError(ErrorKind.UNREADABLE_VIDEO, words), None
        if shown is None or sieve.is_past(shown.at):
            break
        if not sieve.wants(shown.at):
            continue
        if video.live:  # a frame of a camera is not held back until there is another one
            yield _frame(clip, video, shown, str(taken))
        elif waiting is not None:
            yield _frame(clip, video, waiting, str(taken - 1))
        waiting, taken = shown, taken + 1
    if taken and not video.live and waiting is not None:
        facts = {"frames": taken, "damaged": video.damaged}
        yield _frame(clip, video, waiting, END if problem is None else str(taken - 1), facts)
    del waiting
    if problem is not None:
        yield Trouble(item.path, item.relative, item.root, problem, clip)
    elif not taken:
        words = f"None of its {video.decoded:,} frames lies between --from and --to."
        nothing = InputError(ErrorKind.EMPTY_FILE, words)
        yield Trouble(item.path, item.relative, item.root, nothing, clip)


def _frame(clip: Clip, video: Video, shown: Shown, place: str, facts: dict[str, Any] | None = None) -> Frame:
    item = clip.item
    name = f"{MARK}{shown.number}"
    return Frame(
        f"{item.path}{name}",
        f"{item.relative}{name}",
        item.root,
        clip,
        shown.number,
        shown.at,
        place,
        facts is not None,
        {} if facts is None else {"video": facts},
        video.turn,
        shown.image,
    )


def _known(clip: Clip, records: list[Record]) -> Iterator[Frame]:
    for n, record in enumerate(records):
        last = n == len(records) - 1
        number = record.frame or 0
        yield Frame(
            f"{clip.item.path}{MARK}{number}",
            f"{clip.item.relative}{MARK}{number}",
            clip.item.root,
            clip,
            number,
            Fraction(record.time_s or 0).limit_denominator(1_000_000),
            END if last else str(n),
        )
