import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from darknet_files import write_weights
from visioncli import load
from visioncli.errors import ModelUnavailable, UsageError
from visioncli.models import registry
from visioncli.models.row import LocalFile
from visioncli.networks.yolov3 import build
from visioncli.resolve import describe
from visioncli.weights.checkpoints import read_checkpoint
from visioncli.weights.darknet import is_darknet, read_darknet, read_own
from visioncli.weights.load import load_network

TINY = registry.find("yolov3_tiny")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("darknet") / "yolov3-tiny.weights"
    write_weights(path, "tiny", 80)
    return path


def test_the_file_is_as_large_as_the_authors(tiny: Path) -> None:
    assert tiny.stat().st_size == 35_434_956


def test_numbers_come_in_darknet_s_order(tiny: Path) -> None:
    numbers = np.fromfile(tiny, "<f4", offset=20)
    state = read_darknet(tiny, TINY)
    parts = [f"early.0.norm.{part}" for part in ("bias", "weight", "running_mean", "running_var")]
    for n, name in enumerate(parts):
        assert state[name].tolist() == numbers[16 * n : 16 * (n + 1)].tolist()
    assert state["early.0.conv.weight"].flatten().tolist() == numbers[64 : 64 + 16 * 27].tolist()
    assert state["fine.weight"].flatten().tolist() == numbers[-255 * 256 :].tolist()
    assert state["fine.bias"].tolist() == numbers[-255 * 257 : -255 * 256].tolist()
    assert state.keys() == build("tiny").state_dict().keys()


def test_before_version_0_2_the_header_is_shorter(tmp_path: Path, tiny: Path) -> None:
    old = tmp_path / "old.weights"
    write_weights(old, "tiny", 80, minor=1)
    assert old.stat().st_size == tiny.stat().st_size - 4
    first, second = read_darknet(old, TINY), read_darknet(tiny, TINY)
    assert all(torch.equal(first[name], second[name]) for name in second)


@pytest.mark.parametrize("classes", [1, 3, 20])
def test_the_number_of_classes_follows_from_the_size(tmp_path: Path, classes: int) -> None:
    path, names = tmp_path / "own.weights", tmp_path / "names.txt"
    write_weights(path, "tiny", classes)
    names.write_text("\n".join(f"class {n}" for n in range(classes)))
    row = describe("yolov3_tiny", "detect", weights=path, labels=names)
    assert row.architecture == f"yolov3:tiny:{classes}"
    assert row.labels == tuple((n, f"class {n}") for n in range(classes))
    assert load_network(row)(torch.zeros(1, 3, 64, 64))[0].shape == (1, 3 * (5 + classes), 2, 2)
    with pytest.raises(UsageError, match=rf"has {classes} outputs\. Say what they are called: --labels"):
        describe("yolov3_tiny", "detect", weights=path)


def test_the_authors_file_needs_no_names(tiny: Path) -> None:
    row = describe("yolov3_tiny", "detect", weights=tiny)
    assert (row.labels, row.architecture) == ("coco", "yolov3:tiny:80")
    record = load("detect", "yolov3_tiny", weights=tiny, score=0.01, engine="torch")(np.zeros((50, 80, 3), np.uint8))
    assert record.predictions
    assert {p.label for p in record.predictions} <= set(load("detect").task.labels.values())


@pytest.mark.parametrize(
    ("name", "harm", "words"),
    [
        ("yolov3", lambda data: data, r"is not for yolov3: its 8,858,734 numbers are those of --model yolov3_tiny"),
        ("yolov3_tiny", lambda data: data[:-4], r"holds 8,858,733 numbers, .* with 80 classes there are 8,858,734"),
        ("yolov3_tiny", lambda data: data[:-2], r"It was cut off"),
        ("yolov3_tiny", lambda data: data + data[-400:], r"is no file of yolov3_tiny"),
        ("yolov3_tiny", lambda data: b"\xff" * 4 + data[4:], r"does not begin with the version of a Darknet file"),
        ("yolov3_tiny", lambda data: b"", r"does not begin with the version of a Darknet file"),
        ("fcos_resnet50_fpn", lambda data: data, r"is read for yolov3 and yolov3_tiny, not for fcos_resnet50_fpn"),
    ],
)
def test_what_does_not_fit_is_a_sentence(tmp_path: Path, tiny: Path, name: str, harm: object, words: str) -> None:
    path = tmp_path / "x.weights"
    path.write_bytes(harm(tiny.read_bytes()))  # type: ignore[operator]
    with pytest.raises(ModelUnavailable, match=words):
        describe(name, "detect", weights=path)


def test_darknet_s_files_are_told_by_their_beginning_too(tmp_path: Path, tiny: Path) -> None:
    other = tmp_path / "backup"
    other.write_bytes(tiny.read_bytes()[:64])
    assert is_darknet(other)
    state = build("tiny", "2").state_dict()
    for name in ("own.pth", "own.weights"):  # a checkpoint of PyTorch, whatever it is called
        torch.save(state, tmp_path / name)
        assert not is_darknet(tmp_path / name)
        assert read_own(tmp_path / name, TINY).keys() == read_checkpoint(tmp_path / name).keys() == state.keys()
    row = dataclasses.replace(TINY, source=LocalFile(str(tmp_path / "own.pth")), architecture="yolov3:tiny:2")
    assert all(torch.equal(t, state[n]) for n, t in load_network(row).state_dict().items())
