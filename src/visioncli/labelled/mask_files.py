"""A mask that is a file, on a disk or in a zip: one number a pixel, or one colour a class."""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from visioncli.datasets.file_bytes import open_bytes
from visioncli.datasets.interface import DatasetError
from visioncli.datasets.label_maps import COLOURED, MODES, read_map
from visioncli.errors import InputError
from visioncli.labelled.interface import Content
from visioncli.labelled.palettes import Palette

BAD_MASK = "unreadable_mask"
"""Kind of failure beside those of pictures."""


class MaskSource(Protocol):
    """Where the mask of one picture comes from. Any thread may ask."""

    @property
    def path(self) -> str:
        """What people call it."""

    def numbers(self, height: int, width: int) -> np.ndarray:
        """`(H, W)` whole numbers, as they stand in the file; `height` and `width` are those of the picture.

        Raises InputError.
        """

    def sha256(self) -> str:
        """What changes when the mask does. Raises InputError or OSError."""


@dataclass(frozen=True, slots=True)
class MaskFile:
    """A picture whose pixels are class numbers, or with a `palette` colours; `content` gives its bytes in a zip."""

    path: str
    content: Content | None = None
    palette: Palette | None = None

    def numbers(self, height: int, width: int) -> np.ndarray:
        """`(H, W)` of the file's own size, which the caller compares. Raises InputError."""
        data = None if self.content is None else self._bytes()
        try:
            if self.palette is None:
                return read_map(Path(self.path), data)
            return self.palette.numbers(self._pixels(data), self.path)
        except DatasetError as problem:
            words = str(problem)
            if problem.kind == COLOURED:
                words += " Where each class has a colour, say which with --palette FILE."
            raise InputError(BAD_MASK, words) from None

    def is_coloured(self) -> bool:
        """Whether its pixels are colours, not numbers, by its header; False where it cannot be read."""
        from PIL import Image

        try:
            data = None if self.content is None else self._bytes()
            with (
                open_bytes(Path(self.path)) if data is None else io.BytesIO(data) as file,
                Image.open(file) as picture,
            ):
                return picture.mode not in MODES
        except Exception:  # noqa: BLE001 - a decoder may raise anything; reading it whole makes the sentence
            return False

    def sha256(self) -> str:
        """Of the bytes of the file, and of what its colours mean."""
        digest = hashlib.sha256(Path(self.path).read_bytes() if self.content is None else self._bytes())
        if self.palette is not None:
            digest.update(repr((self.palette.colours, self.palette.names)).encode())
        return digest.hexdigest()

    def _bytes(self) -> bytes:
        assert self.content is not None
        data = self.content()
        assert isinstance(data, bytes)
        return data

    def _pixels(self, data: bytes | None) -> np.ndarray:
        from PIL import Image, UnidentifiedImageError

        try:
            file = open_bytes(Path(self.path)) if data is None else io.BytesIO(data)
            with file, Image.open(file) as picture:
                return np.asarray(picture.convert("RGB"))
        except DatasetError:
            raise
        except UnidentifiedImageError:
            raise DatasetError(
                f"{self.path}: the mask cannot be read (it is no picture that is known here)."
            ) from None
        except Exception as problem:  # noqa: BLE001 - a decoder may raise anything
            raise DatasetError(f"{self.path}: the mask cannot be read ({problem}).") from None
