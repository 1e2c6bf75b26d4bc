"""SVHN's cropped digits."""

import hashlib
import sys
from pathlib import Path

import numpy as np
import pytest
from torchvision import datasets

from small_sets import zipped
from visioncli.errors import ModelUnavailable
from visioncli.labelled import content
from visioncli.labelled.interface import SetError
from visioncli.labelled.recognise import read_set

io = pytest.importorskip("scipy.io")


def made(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Small files like those that are published, whose MD5 torchvision is told."""
    folder.mkdir()
    known = dict(datasets.SVHN.split_list)
    for split in ("train", "test"):
        pictures = np.random.default_rng(0).integers(0, 256, (32, 32, 3, 3), np.uint8)
        path = folder / f"{split}_32x32.mat"
        io.savemat(path, {"X": pictures, "y": np.array([[10], [1], [9]])})
        known[split] = [*known[split][:2], hashlib.md5(path.read_bytes()).hexdigest()]
    monkeypatch.setattr(datasets.SVHN, "split_list", known)
    return folder


def test_digits_are_read_and_ten_means_zero(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = made(tmp_path / "svhn", monkeypatch)
    zipped(folder, tmp_path / "svhn.zip")
    for path in (folder, folder / "train_32x32.mat", tmp_path / "svhn.zip"):
        found = read_set(str(path))
        assert found.classes == tuple("0123456789")
        assert [(e.split, e.label) for e in found.examples] == [(s, n) for s in ("train", "test") for n in (0, 1, 9)]
        expected = np.random.default_rng(0).integers(0, 256, (32, 32, 3, 3), np.uint8)[..., 2]
        assert np.array_equal(content.load(found.examples[2]).rgb, expected)


def test_a_file_that_is_not_as_published_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = made(tmp_path / "svhn", monkeypatch)
    (folder / "test_32x32.mat").write_bytes(b"x")
    with pytest.raises(SetError, match=r"test_32x32\.mat: this is not the published file"):
        read_set(str(folder))


def test_a_part_alone_is_read_and_the_other_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = made(tmp_path / "svhn", monkeypatch)
    (folder / "test_32x32.mat").unlink()
    assert read_set(str(folder)).warnings == ("test_32x32.mat is missing.",)


def test_without_scipy_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = made(tmp_path / "svhn", monkeypatch)
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    with pytest.raises(ModelUnavailable, match=r"pip install 'visioncli\[datasets\]'"):
        read_set(str(folder))
