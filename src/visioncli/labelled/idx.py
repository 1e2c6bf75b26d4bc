"""IDX, the files of MNIST and Fashion-MNIST: `train-images-idx3-ubyte`, `t10k-labels-idx1-ubyte`, packed or not.

They may lie beside each other, or in `MNIST/raw` as torchvision keeps them. Torchvision itself reads only unpacked
files in that place, and does not tell what is wrong with a damaged one, so a header and an array are read here.
"""

import gzip
import io
import os
import re
import zlib

import numpy as np

from visioncli.labelled.arrays import array_examples
from visioncli.labelled.interface import TEST, TRAIN, PictureSet, SetError
from visioncli.labelled.trees import Tree

NAME = "idx"
DIGITS = tuple("0123456789")
FASHION = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
_IMAGES = re.compile(r"(?:.*/)?(train|t10k|test|val)-images[-.]idx3-ubyte(?:\.gz)?")
_SPLITS = {"train": TRAIN, "t10k": TEST, "test": TEST, "val": "val"}
_UNSIGNED_BYTES = 8
_MOST_BYTES = 4 << 30
_STARTS = {
    b"\x09\x00\x00\x03": FASHION,
    b"\x09\x02\x01\x01": FASHION,
    b"\x05\x00\x04\x01": DIGITS,
    b"\x07\x02\x01\x00": DIGITS,
}
"""What the labels of the official training and test parts begin with."""


def is_part(name: str) -> bool:
    """Whether a file is called like one of the four."""
    return _IMAGES.fullmatch(name.replace("-labels", "-images").replace("idx1", "idx3")) is not None


def image_files(tree: Tree) -> dict[str, str]:
    """The files of pictures in a tree, by the name of their part."""
    found: dict[str, str] = {}
    for name in tree.files:
        if match := _IMAGES.fullmatch(name):
            found.setdefault(match[1], name)
    return found


def read(tree: Tree) -> PictureSet:
    """The set whose files lie in a tree. Raises SetError for what is missing or damaged."""
    parts = {}
    names = None
    for part, name in sorted(image_files(tree).items(), key=lambda found: found[0] != "train"):
        pictures = _array(tree, name, 3)
        labels_name = name.replace("-images", "-labels").replace("idx3", "idx1")
        other = labels_name.removesuffix(".gz") if labels_name.endswith(".gz") else f"{labels_name}.gz"
        present = next((n for n in (labels_name, other) if n in set(tree.files)), None)
        if present is None:
            raise SetError(f"{tree.path(labels_name)}: the labels of these pictures are missing.", "not_found")
        labels = _array(tree, present, 1)
        if len(labels) != len(pictures):
            raise SetError(
                f"{tree.path(present)}: it holds {len(labels):,} labels, but there are {len(pictures):,} pictures in "
                f"{tree.path(name)}."
            )
        names = names or _STARTS.get(labels[:4].tobytes())
        parts[part] = (name, pictures, labels)
    most = max((int(labels.max(initial=0)) for _, _, labels in parts.values()), default=0)
    if names is None:
        path = f"{os.path.basename(os.path.normpath(tree.source))}/{next(iter(image_files(tree).values()))}"
        names = FASHION if "fashion" in path.casefold() else DIGITS
    classes = names if most < 10 else tuple(map(str, range(most + 1)))
    examples = tuple(
        example
        for part, (name, pictures, labels) in parts.items()
        for example in array_examples(tree.path(name), pictures, labels, _SPLITS[part])
    )
    if not examples:
        raise SetError(f"{tree.source}: the files hold no pictures.")
    return PictureSet(tree.source, NAME, classes, examples, warnings=tree.warnings, published=True)


def _array(tree: Tree, name: str, dimensions: int) -> np.ndarray:
    """`(N,)` or `(N, H, W) uint8` of a file. Raises SetError where it is not whole."""
    where = tree.path(name)
    data = tree.read(name, _MOST_BYTES)
    packed = data[:2] == b"\x1f\x8b"
    try:
        stream = gzip.GzipFile(fileobj=io.BytesIO(data)) if packed else io.BytesIO(data)
        head = stream.read(4 * (1 + dimensions))
        if len(head) < 4 * (1 + dimensions) or head[:4] != bytes((0, 0, _UNSIGNED_BYTES, dimensions)):
            raise SetError(f"{where}: this is no IDX file of bytes in {dimensions} dimensions; what is it?")
        shape = tuple(np.frombuffer(head, ">u4", offset=4).tolist())
        size = int(np.prod(shape, dtype=object))
        if size > _MOST_BYTES:
            raise SetError(f"{where}: it claims {size / 2**30:,.0f} GiB of pictures, which is too much here.")
        body = stream.read(size) if packed else data[len(head) : len(head) + size]
        surplus = stream.read(1) if packed else data[len(head) + size : len(head) + size + 1]
    except (OSError, EOFError, zlib.error):
        raise SetError(f"{where}: the file is damaged or ends too early. Copy or download it again.") from None
    if len(body) < size or surplus:
        found = f"more than the {size:,}" if surplus else f"{len(body):,} of the {size:,}"
        raise SetError(f"{where}: it holds {found} bytes that it says. Copy or download it again.")
    return np.frombuffer(body, np.uint8).reshape(shape)
