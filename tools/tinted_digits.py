"""Writes two folders of pictures without pairs, to learn a translation from: digits, and other digits inverted and
tinted.

    python tools/tinted_digits.py MNIST OUT [--pictures 2000] [--val 200] [--tint 230,160,60] [--side 28] [--seed 0]

MNIST is the folder of its IDX files, as `digits_on_photographs.py` reads them. OUT gets `trainA` (white digits on
black), `trainB` (dark digits on the tint; none of the digits of `trainA`), and of MNIST's test part `testA` and
`testB`: the same digits under the same names, to measure with. A pixel of value v from 0 to 1 becomes (1 - v) times
the tint.
"""

import argparse
import gzip
from pathlib import Path

import numpy as np
from PIL import Image


def read_idx(folder: Path, name: str) -> np.ndarray:
    """The numbers of an IDX file of bytes (http://yann.lecun.com/exdb/mnist), compressed or not."""
    path = next(p for p in (folder / name, folder / f"{name}.gz") if p.is_file())
    data = path.read_bytes()
    data = gzip.decompress(data) if path.suffix == ".gz" else data
    shape = np.frombuffer(data, ">i4", data[3], 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape)


def scaled(digit: np.ndarray, side: int) -> np.ndarray:
    """`(side, side, 3) uint8`, grey."""
    grey = Image.fromarray(digit)
    grey = grey if grey.size == (side, side) else grey.resize((side, side), Image.Resampling.BICUBIC)
    return np.asarray(grey.convert("RGB"))


def inverted_and_tinted(pixels: np.ndarray, tint: tuple[int, int, int]) -> np.ndarray:
    """Of `(H, W, 3) uint8` the translation: what was black is of the colour `tint`, what was white is black."""
    tinted: np.ndarray = ((1 - pixels / 255) * tint).round().astype(np.uint8)
    return tinted


def write(folder: Path, digits: np.ndarray, places: np.ndarray, side: int, tint: tuple[int, int, int] | None) -> None:
    """Writes the digits at `places` as PNG, inverted and tinted where there is a tint."""
    folder.mkdir(parents=True, exist_ok=True)
    for place in places.tolist():
        pixels = scaled(digits[place], side)
        pixels = pixels if tint is None else inverted_and_tinted(pixels, tint)
        Image.fromarray(pixels).save(folder / f"{place:05d}.png")


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mnist", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--pictures", type=int, default=2000, help="in each of trainA and trainB")
    parser.add_argument("--val", type=int, default=200, help="pairs in testA and testB")
    parser.add_argument("--tint", default="230,160,60", help="red,green,blue")
    parser.add_argument("--side", type=int, default=28)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    red, green, blue = (int(part) for part in chosen.tint.split(","))
    tint = (red, green, blue)
    rng = np.random.default_rng(chosen.seed)
    digits = read_idx(chosen.mnist, "train-images-idx3-ubyte")
    order = rng.permutation(len(digits))[: 2 * chosen.pictures]
    write(chosen.out / "trainA", digits, order[: chosen.pictures], chosen.side, None)
    write(chosen.out / "trainB", digits, order[chosen.pictures :], chosen.side, tint)
    held_out = read_idx(chosen.mnist, "t10k-images-idx3-ubyte")
    measured = np.sort(rng.permutation(len(held_out))[: chosen.val])
    write(chosen.out / "testA", held_out, measured, chosen.side, None)
    write(chosen.out / "testB", held_out, measured, chosen.side, tint)


if __name__ == "__main__":
    main()
