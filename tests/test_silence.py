"""No command asks the network for anything, and nothing is left in HOME but our own cache."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from conftest import ROOT, make_picture
from visioncli.silence import VARIABLES, keep_libraries_silent

MINUTE = 60.0
"""Some libraries begin to send only after a while."""

LIBRARY = """
import visioncli
print(visioncli.load("classify")("photos/000.png").predictions[0].label)
"""


def program(*args: str) -> list[str]:
    return [sys.executable, "-m", "visioncli", *args]


def hf_folder(folder: Path) -> Path:
    """A tiny network of transformers, in the older file format that the library likes to have converted."""
    import torch

    transformers = pytest.importorskip("transformers")
    config = transformers.ViTConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        image_size=32,
        patch_size=8,
        id2label={0: "zero", 1: "one"},
    )
    config.save_pretrained(folder)
    torch.save(transformers.ViTForImageClassification(config).state_dict(), folder / "pytorch_model.bin")
    transformers.ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


def commands(folder: Path) -> list[dict[str, Any]]:
    """Every command once, those with several ways of running a network in each way."""
    import timm
    import torch

    for n in range(3):
        path = folder / "photos" / f"{n:03d}.png"
        path.parent.mkdir(exist_ok=True)
        make_picture(n).save(path)
    with Image.open(ROOT / "sample_images" / "astronaut.png") as image:
        image.convert("RGB").resize((240, 240)).save(folder / "astronaut.png")
    torch.save(timm.create_model("resnet10t", num_classes=2).state_dict(), folder / "timm.pth")
    (folder / "two.txt").write_text("one\ntwo\n")
    truth = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 9, "height": 9}],
        "categories": [{"id": 1, "name": "cup"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5], "area": 25, "iscrowd": 0}],
    }
    (folder / "truth.json").write_text(json.dumps(truth))
    result = {"image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5], "score": 0.9}
    (folder / "results.json").write_text(json.dumps([result]))
    own = ("--weights", "timm.pth", "--labels", "two.txt")
    lines = {
        "help": ["--help"],
        "version": ["--version"],
        "schema": ["schema"],
        "classify": ["classify", "photos", "-o", "o1"],
        "classify, offline": ["classify", "photos", "-o", "o2", "--offline"],
        "classify, torch": ["classify", "photos", "-o", "-", "--engine", "torch"],
        "classify, timm": ["classify", "photos", "-o", "-", "--model", "timm:resnet10t", *own],
        "classify, transformers": [
            *("classify", "photos", "-o", "-", "--model"),
            f"hf:{hf_folder(folder / 'hf')}",
        ],
        "detect": ["detect", "astronaut.png", "-o", "o3", "--format", "coco,yolo,voc,csv"],
        "segment": ["segment", "astronaut.png", "-o", "o4", "--size", "129"],
        "pose": ["pose", "astronaut.png", "-o", "o5"],
        "caption": ["caption", "astronaut.png", "-o", "o6"],
        "gradcam": ["gradcam", "astronaut.png", "-o", "o7"],
        "iou": ["iou", "truth.json", "results.json"],
        "iou of boxes": ["iou", "0,0,5,5", "1,1,5,5"],
        "models": ["models"],
        "models list": ["models", "list"],
        "models info": ["models", "info", "resnet18"],
        "models layers": ["models", "layers", "resnet18"],
        "models arithmetic": ["models", "arithmetic", "-i", "224", "-k", "7"],
        "models plot": ["models", "plot", "-o", "models.png"],
        "models path": ["models", "path"],
        "models verify": ["models", "verify", "efficientnet_lite0"],
        "models compile": ["models", "compile", "efficientnet_lite0"],
        "models remove": ["models", "remove", "movenet_lightning"],
        "bench": ["bench", "efficientnet_lite0", "--seconds", "0.1", "--batch-size", "1"],
        "export": ["export", "efficientnet_lite0", "-o", "lite0.onnx"],
    }
    found: list[dict[str, Any]] = [{"name": name, "argv": program(*args)} for name, args in lines.items()]
    found.append({"name": "library", "argv": [sys.executable, "-c", LIBRARY]})
    onnx = program("classify", "photos", "-o", "-", "--model", "onnx:lite0.onnx")
    found.append({"name": "classify, an ONNX file", "argv": onnx})
    slowly = "".join(f"photos/{n % 3:03d}.png\n" for n in range(12))
    minute = {"name": "a minute", "argv": program("classify", "-", "-o", "-"), "stdin": slowly, "linger": MINUTE}
    return [*found, minute]


def own_network() -> list[str] | None:
    """The command that runs another in a network namespace of its own; None where the system does not let us."""
    for command in (["unshare", "--net"], ["unshare", "--map-root-user", "--net"]):
        try:
            if subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0:
                return command
        except OSError:
            return None
    return None


def test_no_command_asks_the_network_and_home_holds_only_our_cache(tmp_path: Path, cache: Path) -> None:
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    # One network is compiled here: that each would be takes a minute and shows nothing more.
    compiled_here = shutil.ignore_patterns("efficientnet_lite0*", "*.lock")
    shutil.copytree(cache, home / ".cache" / "visioncli", ignore=compiled_here)
    work.mkdir()
    (tmp_path / "commands.json").write_text(json.dumps(commands(work)))
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "HF_", "VISION_")) and k not in VARIABLES
    }
    # As for a user: continuous integration makes some libraries quieter by itself.
    environment = {k: v for k, v in kept.items() if k not in ("CI", "PYTEST_CURRENT_TEST")}
    recorder = [sys.executable, str(Path(__file__).with_name("quiet_network.py"))]
    apart = own_network()
    if apart is None:
        recorder.append("--blind")
    subprocess.run(
        [*(apart or []), *recorder, tmp_path / "commands.json", tmp_path / "report.json"],
        cwd=work,
        env=environment | {"HOME": str(home), "PYTHONPATH": str(ROOT / "src")},
        check=True,
    )
    report = json.loads((tmp_path / "report.json").read_text())
    ended = {name: command["status"] for name, command in report["commands"].items()}
    assert ended == dict.fromkeys(ended, 0), {n: c["err"] for n, c in report["commands"].items() if c["status"]}
    assert report["packets"] == []
    assert bool(report["probes"]) == (apart is not None)
    left = {str(p.relative_to(home)) for p in home.rglob("*") if p.is_file()}
    assert any(path.startswith(".cache/visioncli/compiled/efficientnet_lite0") for path in left)
    assert {path for path in left if not path.startswith(".cache/visioncli/")} == set()


@pytest.mark.parametrize("before", [None, ""])
def test_variables_that_nobody_set_keep_libraries_silent(before: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        if before is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, before)
    keep_libraries_silent()
    assert {name: os.environ[name] for name in VARIABLES} == VARIABLES


def test_what_the_user_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = {name: "0" if silent == "1" else "1" for name, silent in VARIABLES.items()}
    for name, value in chosen.items():
        monkeypatch.setenv(name, value)
    keep_libraries_silent()
    assert {name: os.environ[name] for name in VARIABLES} == chosen


def test_onnxruntime_is_imported_in_one_place_only() -> None:
    sources = (ROOT / "src" / "visioncli").rglob("*.py")
    assert [p.name for p in sources if "import onnxruntime" in p.read_text()] == ["silence.py"]
