"""Writes pictures to learn detection from: handwritten digits on photographs, in COCO's form.

    python tools/digits_on_photographs.py MNIST OUT PHOTOGRAPHS... [--pictures 2000] [--val 0.1] [--seed 0]

MNIST is the folder of its four IDX files (`train-images-idx3-ubyte` …, as they are or with .gz), PHOTOGRAPHS are
folders of pictures. OUT gets `images/train`, `images/val` and `annotations/instances_{train,val}.json`: ten classes,
1 to 6 digits a picture of 300 pixels, the longer side of each between 24 and 120 pixels, of any colour that can be
told from what is behind it. Validation has digits (MNIST's test part) and photographs of its own.
"""

import argparse
import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SIDE = 300
SMALLEST, LARGEST = 24, 120
MOST = 6
OVERLAP = 0.2
"""How much of the smaller of two boxes may lie in the other."""
CONTRAST = 60.0
"""Least distance of a digit's colour from the mean of what is behind it, in RGB."""
INK = 64
"""A pixel of MNIST is part of a digit from here on, of 255."""
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})


def read_idx(folder: Path, name: str) -> np.ndarray:
    """The numbers of an IDX file of bytes (http://yann.lecun.com/exdb/mnist), compressed or not."""
    path = next(p for p in (folder / name, folder / f"{name}.gz") if p.is_file())
    data = path.read_bytes()
    data = gzip.decompress(data) if path.suffix == ".gz" else data
    shape = np.frombuffer(data, ">i4", data[3], 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape)


def photographs(folders: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Those to learn from, and every tenth to validate on."""
    every = sorted(p for folder in folders for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
    return [p for n, p in enumerate(every) if n % 10], every[::10]


def background(path: Path, rng: np.random.Generator) -> Image.Image:
    """A square of a photograph, at least half as wide as its shorter side, mirrored or not."""
    with Image.open(path) as photograph:
        image = photograph.convert("RGB")
    side = max(1, round(min(image.size) * rng.uniform(0.5, 1)))
    left, top = (int(rng.integers(0, length - side + 1)) for length in image.size)
    square = image.resize((SIDE, SIDE), Image.Resampling.BICUBIC, (left, top, left + side, top + side))
    return square.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else square


def scaled(digit: np.ndarray, longer: int) -> np.ndarray:
    """A digit cut to its ink, `(h, w) uint8`, its longer side of so many pixels."""
    rows, columns = (np.flatnonzero((digit >= INK).any(axis)) for axis in (1, 0))
    cut = Image.fromarray(digit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    factor = longer / max(cut.size)
    size = tuple(max(2, round(side * factor)) for side in cut.size)
    return np.asarray(cut.resize(size, Image.Resampling.BICUBIC))


def covers(one: tuple[int, int, int, int], others: Sequence[tuple[int, int, int, int]]) -> bool:
    """Whether a box x y w h has too much in common with others."""
    x, y, w, h = one
    for a, b, c, d in others:
        shared = max(0, min(x + w, a + c) - max(x, a)) * max(0, min(y + h, b + d) - max(y, b))
        if shared > OVERLAP * min(w * h, c * d):
            return True
    return False


def compose(
    square: Image.Image, digits: np.ndarray, labels: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, list[tuple[int, tuple[int, int, int, int]]]]:
    """A picture `(300, 300, 3) uint8`, and of each digit on it what it is and its box x y w h."""
    canvas = np.asarray(square).astype(np.float32)
    placed: list[tuple[int, tuple[int, int, int, int]]] = []
    for _ in range(int(rng.integers(1, MOST + 1))):
        which = int(rng.integers(len(digits)))
        # As many of each size by its logarithm: small ones are as frequent as large ones.
        ink = scaled(digits[which], round(float(np.exp(rng.uniform(np.log(SMALLEST), np.log(LARGEST))))))
        height, width = ink.shape
        for _ in range(20):
            x, y = int(rng.integers(0, SIDE - width + 1)), int(rng.integers(0, SIDE - height + 1))
            if not covers((x, y, width, height), [box for _, box in placed]):
                break
        else:
            continue
        behind = canvas[y : y + height, x : x + width]
        colour = rng.uniform(0, 255, 3)
        while np.linalg.norm(colour - behind.mean((0, 1))) < CONTRAST:
            colour = rng.uniform(0, 255, 3)
        share = ink[..., None].astype(np.float32) / 255
        canvas[y : y + height, x : x + width] = behind * (1 - share) + colour.astype(np.float32) * share
        placed.append((int(labels[which]), (x, y, width, height)))
    return canvas.round().astype(np.uint8), placed


def write_part(
    out: Path, split: str, count: int, paths: Sequence[Path], digits: np.ndarray, labels: np.ndarray, seed: int
) -> None:
    """Writes the pictures and the annotations of one part; each follows from the seed and its number alone."""
    folder = out / "images" / split
    folder.mkdir(parents=True, exist_ok=True)
    images, annotations = [], list[dict[str, Any]]()
    for n in range(count):
        rng = np.random.default_rng((seed, split == "val", n))
        pixels, placed = compose(background(paths[n % len(paths)], rng), digits, labels, rng)
        name = f"{n:05d}.jpg"
        Image.fromarray(pixels).save(folder / name, quality=92)
        images.append({"id": n + 1, "file_name": name, "width": SIDE, "height": SIDE})
        for label, box in placed:
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": n + 1,
                    "category_id": label + 1,
                    "bbox": list(box),
                    "area": box[2] * box[3],
                    "iscrowd": 0,
                }
            )
    body = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": n + 1, "name": str(n)} for n in range(10)],
    }
    path = out / "annotations" / f"instances_{split}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(body))


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mnist", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("photographs", type=Path, nargs="+")
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--val", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    train, val = photographs(chosen.photographs)
    validated = round(chosen.pictures * chosen.val)
    parts = (("train", "train", chosen.pictures - validated, train), ("val", "t10k", validated, val))
    for split, prefix, count, paths in parts:
        digits = read_idx(chosen.mnist, f"{prefix}-images-idx3-ubyte")
        labels = read_idx(chosen.mnist, f"{prefix}-labels-idx1-ubyte")
        write_part(chosen.out, split, count, paths, digits, labels, chosen.seed)


if __name__ == "__main__":
    main()
