"""Pictures that a Python program hands over in memory, among paths and addresses."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

import numpy as np
from PIL import Image

from visioncli.inputs.sources import Item
from visioncli.pictures import footprint

Input = str | os.PathLike[str] | Image.Image | np.ndarray

_TAKEN = (
    "A picture is a path, an http(s) URL, a PIL image, or an array (H, W, 3) uint8 with the colours in the order RGB"
)


@dataclass(frozen=True, slots=True)
class Given(Item):
    """A picture in memory; `path` is only what records call it."""

    picture: Image.Image | np.ndarray | None = None

    @property
    def bytes(self) -> int:
        """What it takes in memory as RGB, twice: itself is the program's own."""
        height, width = self.picture.shape[:2] if isinstance(self.picture, np.ndarray) else self._size[::-1]
        return 2 * footprint.as_rgb(width, height)

    @property
    def _size(self) -> tuple[int, int]:
        assert isinstance(self.picture, Image.Image)
        return self.picture.size


def is_single(value: Any) -> TypeGuard[Input]:
    """Whether `value` is one picture; otherwise it can be iterated. Raises TypeError where it is neither."""
    if isinstance(value, np.ndarray):
        _check_array(value)
        return True
    if isinstance(value, str | os.PathLike | Image.Image):
        return True
    single = (bytes, bytearray, memoryview, Mapping)
    if isinstance(value, single) or any(hasattr(value, name) for name in ("read", "shape", "__array__")):
        raise TypeError(_refused(value))
    if not isinstance(value, Iterable):
        raise TypeError(_refused(value))
    return False


def items(values: Iterable[Any]) -> Iterator[Item]:
    """Pictures as inputs of a run, in their order. Raises TypeError for what is none."""
    return (item(value, n) for n, value in enumerate(values))


def item(value: Any, number: int = 0) -> Item:
    """One picture as an input of a run; one in memory is called by its `number`. TypeError for what is no picture."""
    if not is_single(value):
        raise TypeError(_refused(value))
    if isinstance(value, Image.Image | np.ndarray):
        name = f"{'array' if isinstance(value, np.ndarray) else 'image'} {number}"
        return Given(name, name, picture=value)
    path = os.fspath(value)
    if not isinstance(path, str):
        raise TypeError(_refused(path))
    return Item(path, path)


def _check_array(array: np.ndarray) -> None:
    if array.ndim == 3 and array.shape[2] == 3 and array.dtype == np.uint8:
        return
    shape = " x ".join(map(str, array.shape)) or "a single number"
    more = " Several pictures are a list: list(array)." if array.ndim == 4 else " PIL.Image.fromarray knows others."
    raise TypeError(f"{_TAKEN}; this array is {shape}, {array.dtype}.{more}")


def _refused(value: Any) -> str:
    words = f"{_TAKEN}; or several of them in a list or another iterable. This is of type {type(value).__name__}."
    if isinstance(value, bytes | bytearray | memoryview):
        return f"{words} A file's bytes are opened with PIL.Image.open(io.BytesIO(data))."
    return f"{words} An open file is opened with PIL.Image.open(file)." if hasattr(value, "read") else words
