"""CIFAR-10 and CIFAR-100, in both published forms."""

import hashlib
import io
import pickle
import tarfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from torchvision import datasets

from small_sets import zipped
from visioncli.labelled import content
from visioncli.labelled.interface import SetError
from visioncli.labelled.recognise import read_set

BATCHES = [f"data_batch_{n}" for n in range(1, 6)]


def pixels(count: int, seed: int = 0) -> np.ndarray:
    """(N, 3072) uint8, as both forms hold pictures: all of red, all of green, all of blue."""
    return np.random.default_rng(seed).integers(0, 256, (count, 3072), np.uint8)


def python_version(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files like those that are published, whose MD5 torchvision is told."""
    where = folder / "cifar-10-batches-py"
    where.mkdir(parents=True)
    hashes = {}
    for seed, name in enumerate([*BATCHES, "test_batch", "batches.meta"]):
        body: dict[str, object] = {"data": pixels(4, seed), "labels": [0, 1, 2, 9]}
        if name == "batches.meta":
            body = {"label_names": [f"class {n}" for n in range(10)]}
        data = pickle.dumps(body)
        (where / name).write_bytes(data)
        hashes[name] = hashlib.md5(data).hexdigest()
    monkeypatch.setattr(datasets.CIFAR10, "train_list", [[name, hashes[name]] for name in BATCHES])
    monkeypatch.setattr(datasets.CIFAR10, "test_list", [["test_batch", hashes["test_batch"]]])
    monkeypatch.setattr(datasets.CIFAR10, "meta", {**datasets.CIFAR10.meta, "md5": hashes["batches.meta"]})
    return folder


def packed(folder: Path, target: Path) -> Path:
    """A .tar.gz of a folder."""
    with tarfile.open(target, "w:gz") as archive:
        archive.add(folder, folder.name)
    return target


def binary_version(folder: Path) -> Path:
    folder.mkdir()
    for seed, name in enumerate([*BATCHES, "test_batch"]):
        rows = np.concatenate([np.array([[0], [1], [2], [9]], np.uint8), pixels(4, seed)], axis=1)
        (folder / f"{name}.bin").write_bytes(rows.tobytes())
    (folder / "batches.meta.txt").write_text("".join(f"class {n}\n" for n in range(10)) + "\n")
    return folder


def check(path: str, seed_of_last: int = 5) -> None:
    """That the set at a path is the one that is made here."""
    found = read_set(path)
    assert (found.format, found.classes[9], found.source) == ("cifar", "class 9", path)
    assert Counter(e.split for e in found.examples) == {"train": 20, "test": 4}
    last = found.examples[-1]
    expected = pixels(4, seed_of_last)[3].reshape(3, 32, 32).transpose(1, 2, 0)
    assert np.array_equal(content.load(last).rgb, expected)
    assert last.label == 9
    assert last.path.startswith(path)
    assert len({e.path for e in found.examples}) == len({e.relative for e in found.examples}) == 24


def test_the_python_version_is_read_through_torchvision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = python_version(tmp_path / "set", monkeypatch)
    check(str(folder))
    check(str(folder / "cifar-10-batches-py"))
    check(str(zipped(folder, tmp_path / "set.zip")))
    check(str(packed(folder / "cifar-10-batches-py", tmp_path / "cifar-10-python.tar.gz")))


def test_nothing_is_unpickled_that_is_not_as_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = python_version(tmp_path / "set", monkeypatch)
    marker = tmp_path / "ran"

    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (marker,)  # type: ignore[return-value]

    (folder / "cifar-10-batches-py" / "data_batch_3").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(SetError, match=r"data_batch_3: this is not the published file.*it is not opened"):
        read_set(str(folder))
    assert not marker.exists()


def test_the_binary_version_is_read(tmp_path: Path) -> None:
    folder = binary_version(tmp_path / "cifar-10-batches-bin")
    check(str(folder))
    check(str(zipped(folder, tmp_path / "set.zip")))
    check(str(packed(folder, tmp_path / "cifar-10-binary.tar.gz")))


def test_fine_classes_of_cifar_100_are_read(tmp_path: Path) -> None:
    names = [f"fine {n}" for n in range(100)]
    (tmp_path / "fine_label_names.txt").write_text("\n".join(names))
    for name in ("train.bin", "test.bin"):
        rows = np.concatenate(
            [np.full((3, 1), 19, np.uint8), np.array([[0], [50], [99]], np.uint8), pixels(3)], axis=1
        )
        (tmp_path / name).write_bytes(rows.tobytes())
    found = read_set(str(tmp_path))
    assert [e.label for e in found.examples] == [0, 50, 99] * 2
    assert found.classes == tuple(names)


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"", "no whole number of pictures"), (bytes(3072), "no whole number"), (b"\x0b" + bytes(3072), "of class 11")],
)
def test_a_damaged_batch_is_a_sentence(tmp_path: Path, data: bytes, words: str) -> None:
    folder = binary_version(tmp_path / "set")
    (folder / "data_batch_2.bin").write_bytes(data)
    with pytest.raises(SetError, match=rf"data_batch_2.bin: .*{words}"):
        read_set(str(folder))


def test_missing_batches_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = binary_version(tmp_path / "bin")
    (folder / "data_batch_2.bin").unlink()
    assert read_set(str(folder)).warnings == ("Of CIFAR10, data_batch_2.bin is missing.",)
    folder = python_version(tmp_path / "py", monkeypatch)
    (folder / "cifar-10-batches-py" / "test_batch").unlink()
    with pytest.raises(SetError, match="the file test_batch is missing"):
        read_set(str(folder))


@pytest.mark.parametrize("data", [b"", b"\x1f\x8b\x08\0hello"])
def test_a_damaged_archive_is_a_sentence(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "cifar-10-binary.tar.gz").write_bytes(data)
    with pytest.raises(SetError, match="the archive cannot be read"):
        read_set(str(tmp_path / "cifar-10-binary.tar.gz"))


def test_an_archive_that_ends_too_early_is_a_sentence(tmp_path: Path) -> None:
    archive = packed(binary_version(tmp_path / "cifar-10-batches-bin"), tmp_path / "cifar-10-binary.tar.gz")
    archive.write_bytes(archive.read_bytes()[:-2000])
    with pytest.raises(SetError, match="cannot be read: it is damaged"):
        read_set(str(archive))


def test_no_name_in_an_archive_becomes_a_path(tmp_path: Path) -> None:
    target = tmp_path / "cifar-10-binary.tar.gz"
    with tarfile.open(target, "w:gz") as archive:
        for name in ("../../outside", "/tmp/vision-outside"):
            archive.addfile(tarfile.TarInfo(name), io.BytesIO())
        link = tarfile.TarInfo("test_batch.bin")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    with pytest.raises(SetError, match="none of the files of CIFAR-10"):
        read_set(str(target))
    assert [p.name for p in tmp_path.iterdir()] == [target.name]
