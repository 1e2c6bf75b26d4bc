"""The files of MNIST and Fashion-MNIST."""

import gzip
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from small_sets import digits, idx
from visioncli.labelled import content
from visioncli.labelled.interface import SetError
from visioncli.labelled.recognise import read_set

IMAGES, LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("inside", [".", "MNIST/raw"])
def test_the_four_files_are_a_set_wherever_they_lie(tmp_path: Path, packed: bool, inside: str) -> None:
    digits(tmp_path / inside, packed=packed)
    found = read_set(str(tmp_path))
    assert (found.format, found.classes) == ("idx", tuple("0123456789"))
    assert Counter(e.split for e in found.examples) == {"train": 6, "test": 4}
    third = found.examples[3]
    assert third.label == 3
    assert third.path.endswith("-ubyte.gz!/3" if packed else "-ubyte!/3")
    picture = content.load(third)
    assert np.array_equal(picture.rgb, np.full((28, 28, 3), 3))


def test_the_pictures_are_those_that_torchvision_reads(tmp_path: Path) -> None:
    from torchvision.datasets import MNIST

    digits(tmp_path / "MNIST" / "raw", packed=False)
    theirs = MNIST(str(tmp_path), train=True)
    ours = [e for e in read_set(str(tmp_path)).examples if e.split == "train"]
    for example, picture, label in zip(ours, theirs.data.numpy(), theirs.targets.tolist(), strict=True):
        assert np.array_equal(content.load(example).rgb[..., 0], picture)
        assert example.label == label


def test_a_file_of_the_set_stands_for_the_set(tmp_path: Path) -> None:
    digits(tmp_path)
    assert len(read_set(str(tmp_path / LABELS))) == 10


@pytest.mark.parametrize(("first", "name"), [([9, 0, 0, 3], "Ankle boot"), ([5, 0, 4, 1], "5")])
def test_fashion_mnist_is_known_by_its_first_labels(tmp_path: Path, first: list[int], name: str) -> None:
    digits(tmp_path, train=4)
    (tmp_path / LABELS).write_bytes(gzip.compress(idx(np.array(first))))
    found = read_set(str(tmp_path))
    assert found.classes[found.examples[0].label] == name


def test_fashion_mnist_is_known_by_its_folder(tmp_path: Path) -> None:
    assert read_set(str(digits(tmp_path / "FashionMNIST" / "raw"))).classes[0] == "0"
    assert read_set(str(tmp_path)).classes[0] == "T-shirt/top"


def test_labels_beyond_ten_are_numbers(tmp_path: Path) -> None:
    digits(tmp_path)
    (tmp_path / LABELS).write_bytes(gzip.compress(idx(np.arange(6) + 20)))
    assert read_set(str(tmp_path)).classes[-1] == "25"


def _cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


@pytest.mark.parametrize(
    ("name", "damage", "words"),
    [
        (IMAGES, _cut, "damaged or ends too early"),
        (IMAGES, lambda data: b"", "no IDX file"),
        (IMAGES, lambda data: b"<html>", "no IDX file"),
        (IMAGES, lambda data: gzip.compress(idx(np.zeros((5, 28, 28)))), "6 labels, but there are 5 pictures"),
        (IMAGES, lambda data: gzip.compress(_cut(gzip.decompress(data))), "bytes that it says"),
        (IMAGES, lambda data: gzip.compress(gzip.decompress(data) + b"x"), "more than the"),
        (IMAGES, lambda data: bytes((0, 0, 8, 3)) + b"\xff" * 12, "which is too much here"),
        (LABELS, lambda data: gzip.compress(idx(np.zeros((6, 1)))), "in 1 dimensions"),
    ],
)
def test_a_damaged_file_is_a_sentence(tmp_path: Path, name: str, damage: object, words: str) -> None:
    digits(tmp_path)
    (tmp_path / name).write_bytes(damage((tmp_path / name).read_bytes()))  # type: ignore[operator]
    with pytest.raises(SetError, match=words):
        read_set(str(tmp_path))


def test_missing_labels_are_a_sentence(tmp_path: Path) -> None:
    digits(tmp_path)
    (tmp_path / LABELS).unlink()
    with pytest.raises(SetError, match="the labels of these pictures are missing"):
        read_set(str(tmp_path))


def test_what_is_packed_into_too_much_is_not_unpacked(tmp_path: Path) -> None:
    digits(tmp_path)
    (tmp_path / IMAGES).write_bytes(gzip.compress(idx(np.zeros((6, 28, 28))) + bytes(50_000_000)))
    with pytest.raises(SetError, match="more than the 4,704 bytes"):
        read_set(str(tmp_path))
