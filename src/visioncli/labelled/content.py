"""What is in the picture of an example: decoded as the pictures of a run are, and known by its hash."""

import hashlib
import math
import time
from collections.abc import Callable

import numpy as np

from visioncli import pictures
from visioncli.errors import UnreadablePicture
from visioncli.inputs.addresses import is_url
from visioncli.inputs.item import INSIDE, Held, Item
from visioncli.labelled.interface import Example
from visioncli.pictures import Picture, footprint
from visioncli.pictures.patience import Patience
from visioncli.predictions import Box


def load(
    example: Example,
    *,
    max_pixels: int = pictures.DEFAULT_MAX_PIXELS,
    allow_truncated: bool = False,
    admit: Callable[[int], None] = lambda needed: None,
    enough: int | None = None,
    patience: Patience | None = None,
) -> Picture:
    """The picture, or the part of it that `example.box` is; what is asked for is as in `pictures.read`.

    A picture of which a part is wanted is decoded whole. Raises InputError with a sentence for the user.
    """
    if example.box is not None:
        enough = None
    content = example.content() if example.content is not None else example.path
    if isinstance(content, np.ndarray):
        admit(2 * footprint.as_rgb(content.shape[1], content.shape[0]))
        picture = pictures.of_memory(content, max_pixels=max_pixels)
    else:
        picture = pictures.read(
            content,
            max_pixels=max_pixels,
            allow_truncated=allow_truncated,
            admit=admit,
            enough=enough,
            patience=patience,
        )
    return picture if example.box is None else _part(picture, example.box)


def _part(picture: Picture, box: Box) -> Picture:
    """Every pixel that the box touches."""
    start = time.perf_counter()
    width, height = picture.image.size
    left, top = max(math.floor(box[0]), 0), max(math.floor(box[1]), 0)
    right, bottom = min(math.ceil(box[2]), width), min(math.ceil(box[3]), height)
    if left >= right or top >= bottom:
        shown = ", ".join(f"{side:g}" for side in box)
        raise UnreadablePicture(f"The box {shown} lies outside of the picture, which is {width} x {height}.")
    part = picture.image.crop((left, top, right, bottom))
    return Picture(part, picture.decode_ms + (time.perf_counter() - start) * 1000)


def container(example: Example) -> str | None:
    """The file that holds the picture, itself or an archive or array that it lies in; None where there is none."""
    if example.content is None:
        return example.path
    outer, inside, _ = example.path.partition(INSIDE)
    return outer if inside else None


def known_sha256(example: Item) -> str:
    """`sha256`, or "" where the picture cannot be opened: reading it makes the sentence that says why."""
    try:
        return sha256(example)
    except Exception:  # noqa: BLE001 - a path in a table may be anything
        return ""


def sha256(example: Item) -> str:
    """The SHA-256 of what the picture is: the bytes of its file or array, and its box.

    Raises InputError or OSError where they cannot be read.
    """
    held = example.content if isinstance(example, Example) else None
    if held is not None:
        content = held()
        if isinstance(content, np.ndarray):
            digest = hashlib.sha256(f"array {content.shape} ".encode())
            digest.update(np.ascontiguousarray(content).data)
        else:
            digest = hashlib.sha256(content)
    elif isinstance(example, Held):
        digest = hashlib.sha256(
            example.content() if example.opened is None else f"{example.path} {example.stamp}".encode()
        )
    elif is_url(example.path):
        from visioncli.inputs.fetch import fetch

        digest = hashlib.sha256(fetch(example.path))
    else:
        with open(example.path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256")
    if isinstance(example, Example) and example.box is not None:
        digest.update(f"box {example.box}".encode())
    return digest.hexdigest()
