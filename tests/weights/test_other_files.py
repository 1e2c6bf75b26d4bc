from pathlib import Path

import pytest
import torch
from torch import nn

from visioncli.errors import ModelUnavailable, UsageError
from visioncli.models.not_names import instead_of_name
from visioncli.models.registry import find
from visioncli.weights.checkpoints import read_checkpoint


def test_a_torchscript_archive_is_said_to_be_one(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    torch.jit.save(torch.jit.script(nn.Linear(2, 2)), path)
    with pytest.raises(
        ModelUnavailable, match=r"is a TorchScript archive.*state_dict\(\).*export.*onnx:FILE"
    ) as caught:
        read_checkpoint(path)
    assert "weights_only" not in str(caught.value)


def test_an_exported_program_is_said_to_be_one(tmp_path: Path) -> None:
    path = tmp_path / "a.pt2"
    torch.export.save(torch.export.export(nn.Linear(2, 2), (torch.zeros(1, 2),)), path)
    with pytest.raises(ModelUnavailable, match=r"exported with torch\.export.*onnx:FILE"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    ("name", "start", "words"),
    [
        ("net.onnx", b"\x08\x07", r"is an ONNX file\. .*--model onnx:.*net\.onnx"),
        ("net.h5", b"\x89HDF\r\n", "checkpoint of Keras"),
        ("net.pth", b"\x1c\0\0\0TFL3", "TensorFlow Lite"),
    ],
)
def test_files_of_other_kinds_are_named(name: str, start: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(start + bytes(100))
    with pytest.raises(ModelUnavailable, match=words):
        read_checkpoint(tmp_path / name)


def test_a_folder_and_an_address_are_no_checkpoints(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="is a folder, and --weights takes a file"):
        read_checkpoint(tmp_path)
    with pytest.raises(ModelUnavailable, match="Download it first"):
        read_checkpoint(Path("https://example.org/a.pth"))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("best.pt", "--model NAME --weights best.pt"),
        ("runs/last.ckpt", "--weights runs/last.ckpt"),
        ("model.safetensors", "--weights model.safetensors"),
        ("plain.onnx", "--model onnx:plain.onnx"),
        ("/a/b/Plain.ONNX", "--model onnx:/a/b/Plain.ONNX"),
        (".", "--model hf:."),
        ("./absent", "There is no folder or file ./absent"),
        ("a/b/c", "There is no folder or file a/b/c"),
        ("google/vit-base", "--model hf:google/vit-base, a network of timm's as --model timm:NAME"),
        ("https://huggingface.co/google/vit-base/tree/main", "--model hf:google/vit-base"),
        ("https://me:secret@example.org/best.pt", "example.org/best.pt is an address. Download"),
        ("detect.tflite", "Export the network to ONNX"),
    ],
)
def test_what_is_no_name_is_told_how_to_give_it(name: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        find(name, "classify")
    assert words in str(caught.value)
    assert "secret" not in str(caught.value)


def test_names_are_left_alone() -> None:
    assert instead_of_name("resnet81") == ""
    with pytest.raises(UsageError, match="Did you mean resnet18"):
        find("resnet_18", "classify")
