"""Small copies of the pictures, made in threads by the decoder of every run, and kept from one report to the next."""

import hashlib
import io
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from visioncli import pictures
from visioncli.errors import InputError
from visioncli.inputs.addresses import is_url
from visioncli.inputs.within import lies_within
from visioncli.labelled import content
from visioncli.labelled.interface import Example
from visioncli.pictures.patience import Patience
from visioncli.report.outputs import Output, Pictures
from visioncli.report.recordings import BANDS, COLUMNS, is_heard, spectrogram

SIDE = 192
"""Pixels of a thumbnail's longer side."""
FULL_SIDE = 1024
"""Pixels of the longer side of `--full` copies."""
QUALITY, FULL_QUALITY = 62, 80
SECONDS = 60.0
THUMBS, FULLS = "thumbs", "full"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A picture of the page: where it lies (None where nowhere), or its entry in a set."""

    name: str
    path: str | None
    example: Example | None = None

    @property
    def key(self) -> str:
        """What the picture is: its place, size and time; a changed file has another key."""
        told = self.example.path if self.example is not None else self.path or ""
        file = content.container(self.example) if self.example is not None else self.path
        file = file and (lies_within(file) or file)
        stamp = ""
        if file is not None:
            try:
                found = os.stat(file)
                stamp = f"{found.st_size} {found.st_mtime_ns}"
            except (OSError, ValueError):
                stamp = "gone"
        box = "" if self.example is None else f" {self.example.box}"
        text = f"{os.path.abspath(told)} {stamp}{box}"
        return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:20]


@dataclass(frozen=True, slots=True)
class Small:
    """A picture's copies as files of WebP, or the sentence that says why there is none.

    `size` is the whole picture's (width, height). Copies that lie there already are None.
    """

    thumb: bytes | None = None
    full: bytes | None = None
    size: tuple[int, int] | None = None
    problem: str | None = None


def wanted(
    found: Pictures, outputs: Sequence[Output], examples: Mapping[int, Example], images: Path | None
) -> list[Wanted]:
    """Where each picture of the page lies.

    That is where its record says, from here or from the folder in which the results lie; with `images`, below that
    folder first.
    """
    names: dict[int, tuple[str | None, Path]] = {}
    for output, places in zip(outputs, found.places, strict=True):
        for record, place in zip(output.records, places, strict=True):
            if place not in names or names[place][0] is None:
                names[place] = record.output, output.folder
    out = []
    for place, name in enumerate(found.names):
        example = examples.get(place)
        if example is not None and (example.content is not None or example.box is not None):
            out.append(Wanted(name, None, example))
            continue
        below, folder = names[place]
        tries = [name, os.path.join(folder.parent, name)]
        if images is not None:
            tries = [*(str(images / part) for part in (below, name, os.path.basename(name)) if part), *tries]
        if example is not None:
            tries.append(example.path)
        out.append(Wanted(name, None if is_url(name) else next(filter(_is_file, tries), None)))
    return out


def _is_file(path: str) -> bool:
    try:
        return os.path.isfile(path) or lies_within(path) is not None
    except ValueError:  # a name that no file can have
        return False


def size_of(one: Wanted, max_pixels: int) -> tuple[int, int]:
    """(width, height) of a picture of whose record they are not known; (0, 0) where it cannot be read."""
    if is_heard(one.path, one.example, one.name):
        return COLUMNS, BANDS
    if one.path is None:
        return 0, 0
    try:
        picture = pictures.read(one.path, max_pixels=max_pixels, allow_truncated=True, enough=1)
    except InputError:
        return 0, 0
    return picture.width, picture.height


def copies(
    of: Sequence[Wanted], has: Callable[[str], bool], *, full: bool, workers: int, max_pixels: int
) -> Iterator[tuple[Wanted, Small]]:
    """The copies of each picture, in their order; those for which `has` says so of their file are not made again."""

    def make(one: Wanted, key: str) -> Small:
        need_thumb = not has(file_of(THUMBS, key))
        need_full = full and not has(file_of(FULLS, key))
        if not need_thumb and not need_full:
            return Small()
        return _made(one, need_thumb, need_full, max_pixels)

    pool = ThreadPoolExecutor(workers, thread_name_prefix="thumbnail")
    pending: deque[tuple[Wanted, Future[Small]]] = deque()
    try:
        for one in of:
            pending.append((one, pool.submit(make, one, one.key)))
            while len(pending) > 4 * workers:
                first, future = pending.popleft()
                yield first, future.result()
        while pending:
            first, future = pending.popleft()
            yield first, future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def file_of(folder: str, key: str) -> str:
    """The name of a copy below the report's folder."""
    return f"{folder}/{key[:2]}/{key[2:]}.webp"


def _made(one: Wanted, thumb: bool, full: bool, max_pixels: int) -> Small:
    if one.example is None and one.path is None:
        if is_url(one.name):
            return Small(problem="It was read from an address, and a report opens no connection.")
        return Small(problem="The picture is no longer where it was. --images DIR says where it is now.")
    patience = Patience(SECONDS)
    patience.start()
    try:
        if is_heard(one.path, one.example, one.name):
            drawn = spectrogram(one.path, one.example, patience)
            copies_ = (_webp(drawn, SIDE, FULL_QUALITY) if thumb else None, _webp(drawn, FULL_SIDE, FULL_QUALITY))
            return Small(copies_[0], copies_[1] if full else None, drawn.size)
        if one.example is not None:
            picture = content.load(one.example, max_pixels=max_pixels, patience=patience)
        else:
            picture = pictures.read(
                one.path or "",
                max_pixels=max_pixels,
                allow_truncated=True,
                enough=FULL_SIDE if full else SIDE,
                patience=patience,
            )
        return Small(
            _webp(picture.image, SIDE, QUALITY) if thumb else None,
            _webp(picture.image, FULL_SIDE, FULL_QUALITY) if full else None,
            (picture.width, picture.height),
        )
    except InputError as problem:
        return Small(problem=str(problem))
    except Exception as problem:  # noqa: BLE001 - one picture does not end the report
        return Small(problem=f"It cannot be shown ({type(problem).__name__}: {str(problem)[:200]}).")


def _webp(image: Image.Image, side: int, quality: int) -> bytes:
    scale = min(1.0, side / max(image.size))
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    small = image if size == image.size else image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    memory = io.BytesIO()
    small.save(memory, "WEBP", quality=quality, method=4)
    return memory.getvalue()
