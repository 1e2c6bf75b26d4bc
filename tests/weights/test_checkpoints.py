import pickle
import zipfile
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from visioncli.errors import ModelUnavailable
from visioncli.models.registry import find
from visioncli.weights.checkpoints import count_classes, read_checkpoint

TENSORS = {"conv.weight": torch.ones(2, 3), "conv.bias": torch.zeros(2)}


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


@pytest.mark.parametrize(
    "saved",
    [
        TENSORS,
        {"state_dict": TENSORS, "epoch": 3, "optimizer": {"state": {}}},
        {"model": TENSORS, "args": {"lr": 0.1}},
        {"model": {"state_dict": TENSORS}},
        {f"module.{k}": v for k, v in TENSORS.items()},
        {"state_dict": {f"module._orig_mod.{k}": v for k, v in TENSORS.items()}},
        {"state_dict": TENSORS, "loss": torch.tensor(0.3), "best_acc1": torch.tensor(71.2)},
        {"loss": torch.tensor(0.3), "my_network": TENSORS, "optimizer": {"state": {0: {"exp_avg": torch.ones(2)}}}},
        {"model": TENSORS, "model_ema": {"n_averaged": torch.tensor(3), **TENSORS}, "args": Namespace(lr=0.1)},
        {"state_dict": TENSORS, "state_dict_ema": TENSORS, "metric": np.float64(71.2), "args": Namespace(lr=0.1)},
        {"ema": TENSORS, "epoch": 3},
    ],
    ids=[
        *("plain", "state_dict", "model", "nested", "module.", "compiled"),
        *("imagenet", "own name", "torchvision", "timm", "ema"),
    ],
)
def test_the_state_dict_is_found_wherever_training_put_it(saved: object, tmp_path: Path) -> None:
    torch.save(saved, tmp_path / "a.pth")
    assert same(read_checkpoint(tmp_path / "a.pth"), TENSORS)


def test_safetensors_are_read(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "a.safetensors")
    assert same(read_checkpoint(tmp_path / "a.safetensors"), TENSORS)


class Runs:
    """Would make a file if it were unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> object:
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("legacy", [False, True])
def test_a_pickle_that_wants_to_run_code_is_refused_and_does_not_run(legacy: bool, tmp_path: Path) -> None:
    path, trace = tmp_path / "a.pth", tmp_path / "trace"
    torch.save({"state_dict": Runs(trace)}, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(ModelUnavailable, match=r"is refused: .* would run code .*open.*safetensors"):
        read_checkpoint(path)
    path.write_bytes(pickle.dumps(Runs(trace)))
    with pytest.raises(ModelUnavailable):
        read_checkpoint(path)
    assert not trace.exists()


def test_a_whole_model_is_refused_with_what_to_save_instead(tmp_path: Path) -> None:
    torch.save(nn.Linear(2, 2), tmp_path / "a.pth")
    with pytest.raises(ModelUnavailable, match=r"nn\.modules\.linear\.Linear.*torch\.save\(model\.state_dict\(\)"):
        read_checkpoint(tmp_path / "a.pth")


def test_what_is_no_checkpoint_is_said_to_be_none(tmp_path: Path) -> None:
    torch.save(TENSORS, tmp_path / "whole.pth")
    data = (tmp_path / "whole.pth").read_bytes()
    broken = {"cut.pth": data[: len(data) // 2], "empty.pth": b"", "text.pth": b"hello", "cut.safetensors": b"\1\0"}
    with zipfile.ZipFile(tmp_path / "other.pth", "w") as archive:
        archive.writestr("a.txt", "no tensors")
    for name, content in broken.items():
        (tmp_path / name).write_bytes(content)
    for name in [*broken, "other.pth"]:
        with pytest.raises(ModelUnavailable, match=r"not a readable|is refused"):
            read_checkpoint(tmp_path / name)
    torch.save({"epoch": 3}, tmp_path / "nothing.pth")
    with pytest.raises(ModelUnavailable, match="holds no state dict"):
        read_checkpoint(tmp_path / "nothing.pth")
    with pytest.raises(ModelUnavailable, match="There is no checkpoint"):
        read_checkpoint(tmp_path / "absent.pth")


@pytest.mark.parametrize(
    "name",
    [
        "resnet18",
        "vgg11",
        "densenet121",
        "squeezenet1_1",
        "vit_b_32",
        "efficientnet_lite0",
        "inception_v3",
        "fasterrcnn_mobilenet_v3_large_fpn",
        "retinanet_resnet50_fpn",
        "ssd300_vgg16",
        "lraspp_mobilenet_v3_large",
    ],
)
def test_classes_are_counted_at_the_head(name: str) -> None:
    from visioncli.weights.checkpoints import architecture

    module, variant = architecture(find(name))
    with torch.device("meta"):
        state = module.build(*variant, "7").state_dict()
    assert count_classes(state, find(name)) == 7


def test_classes_are_not_counted_in_another_network() -> None:
    with torch.device("meta"):
        from visioncli.families import torchvision as family

        state = family.build("resnet18", "7").state_dict()
    assert count_classes(state, find("resnet50")) is None
    assert count_classes(state, find("ssd_mobilenet_v2")) is None


def test_an_archive_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}.")
        archive.writestr("archive/data/0", bytes(50_000_000))
    with pytest.raises(ModelUnavailable, match="would become 48 MiB of memory"):
        read_checkpoint(path)


@pytest.mark.parametrize("body", [b"]" * 100_000 + b"a" * 99_999, b"(" * 100_000, b"\x8b\xff\xff\xff\x7f", b"h\x07"])
def test_a_pickle_that_is_a_trap_is_a_sentence(body: bytes, tmp_path: Path) -> None:
    path = tmp_path / "trap.pth"
    path.write_bytes(b"\x80\x02" + body + b".")
    with pytest.raises(ModelUnavailable, match=r"trap\.pth"):
        read_checkpoint(path)


def test_of_several_networks_none_is_guessed(tmp_path: Path) -> None:
    torch.save({"generator": TENSORS, "discriminator": TENSORS}, tmp_path / "a.pth")
    with pytest.raises(ModelUnavailable, match=r"several networks: generator, discriminator\. Save the one"):
        read_checkpoint(tmp_path / "a.pth")


def test_a_loss_alone_is_no_state_dict(tmp_path: Path) -> None:
    torch.save({"loss": torch.tensor(0.3), "epoch": 3}, tmp_path / "a.pth")
    with pytest.raises(ModelUnavailable, match="holds no state dict"):
        read_checkpoint(tmp_path / "a.pth")


def test_safetensors_by_another_name_are_read(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "a.bin")
    assert same(read_checkpoint(tmp_path / "a.bin"), TENSORS)


def test_a_checkpoint_of_a_yolo_program_is_refused_with_the_way_to_onnx(tmp_path: Path) -> None:
    body = b"\x80\x02cultralytics.nn.tasks\nDetectionModel\n)R."
    with zipfile.ZipFile(tmp_path / "best.pt", "w") as archive:
        archive.writestr("best/data.pkl", body)
        archive.writestr("best/version", b"3\n")
        archive.writestr("best/byteorder", b"little")
    with pytest.raises(ModelUnavailable, match=r"is refused.*yolo export model=best\.pt format=onnx.*onnx:FILE"):
        read_checkpoint(tmp_path / "best.pt")
