"""Small sets of pictures, made where a test wants them."""

import gzip
import io
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image


def png(colour: str = "red", size: tuple[int, int] = (8, 6)) -> bytes:
    """A small picture of one colour."""
    stream = io.BytesIO()
    Image.new("RGB", size, colour).save(stream, "PNG")
    return stream.getvalue()


def place(folder: Path, names: Iterable[str], data: bytes | None = None) -> Path:
    """Files of the same content below a folder; pictures, where nothing else is said."""
    content = png() if data is None else data
    for name in names:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return folder


def zipped(folder: Path, target: Path, prefix: str = "") -> Path:
    """A zip of all files of a folder."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, prefix + path.relative_to(folder).as_posix())
    return target


def idx(array: np.ndarray) -> bytes:
    """An array of bytes as an IDX file."""
    shape = np.array(array.shape, ">u4").tobytes()
    return bytes((0, 0, 8, array.ndim)) + shape + array.astype(np.uint8).tobytes()


def digits(folder: Path, train: int = 6, test: int = 4, *, packed: bool = True) -> Path:
    """The four files of a set like MNIST; picture n is filled with n, its class is n % 10."""
    folder.mkdir(parents=True, exist_ok=True)
    ending = ".gz" if packed else ""
    for part, count in (("train", train), ("t10k", test)):
        pictures = np.repeat(np.arange(count, dtype=np.uint8), 28 * 28).reshape(count, 28, 28)
        for kind, array in (("images-idx3", pictures), ("labels-idx1", np.arange(count) % 10)):
            data = idx(array)
            (folder / f"{part}-{kind}-ubyte{ending}").write_bytes(gzip.compress(data) if packed else data)
    return folder
