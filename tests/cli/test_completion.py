"""Completion as shells ask for it: the words through the environment, the answers on standard output."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from run_folders import make_run
from visioncli.cli import gradcam, iou
from visioncli.cli.app import app
from visioncli.geometry.boxes import BoxFormat, Metric
from visioncli.sinks.names import FORMATS

HEAVY = {"torch", "torchvision", "numpy", "PIL", "onnxruntime"}


def asked(shell: str, *words: str, then: str = "") -> str:
    """What `vision` answers to a shell that wants the last of `words` completed."""
    line = " ".join(words)
    env = {
        "_VISION_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
        "_TYPER_COMPLETE_ARGS": line,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    code = f"import sys; from visioncli.__main__ import main\n{then}\nmain()"
    done = subprocess.run([sys.executable, "-c", code], env=os.environ | env, capture_output=True, check=True)
    assert done.stderr == b""
    return done.stdout.decode().rstrip("\n")


def test_networks_of_the_task_are_offered_in_each_shell() -> None:
    assert asked("bash", "vision", "detect", "-m", "ssd").splitlines() == [
        "ssd_mobilenet_v2",
        "ssd300_vgg16",
        "ssdlite320_mobilenet_v3_large",
    ]
    fish = asked("fish", "vision", "detect", "-m", "ssd_").split("\t")
    assert fish == ["ssd_mobilenet_v2", "16.8 M parameters, box AP 22 %"]
    zsh = asked("zsh", "vision", "detect", "-m", "ssd_")
    assert zsh == """_arguments '*: :(("ssd_mobilenet_v2":"16.8 M parameters, box AP 22 %"))'"""


def test_completing_imports_nothing_heavy() -> None:
    report = "import atexit, os; atexit.register(lambda: print(*sys.modules))"
    for words in (["detect", "-m", "ssd"], ["detect", "-c", "per"], ["detect", "-f", "co"], ["models", "info", "x"]):
        modules = asked("bash", "vision", *words, then=report).split()
        assert "visioncli.cli.completion" in modules
        assert not HEAVY & set(modules)


def words_for(line: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The same in this process, as bash asks."""
    from typer._click.shell_completion import get_completion_class
    from typer.completion import completion_init
    from typer.main import get_command

    completion_init()
    shell = get_completion_class("bash")
    assert shell is not None
    words = shlex.split(line)
    monkeypatch.setenv("_VISION_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(words) - (0 if line.endswith(" ") else 1)))
    return shell(get_command(app), {}, "vision", "_VISION_COMPLETE").complete().splitlines()


@pytest.mark.parametrize(
    ("line", "answers"),
    [
        ("vision detect --classes person,d", ["person,dog", "person,donut", "person,dining\\ table"]),
        ("vision segment --mode instance -c traf", ["traffic\\ light"]),
        ("vision gradcam --class tabb", ["tabby"]),
        ("vision gradcam --class top", ["top-1", "top-2", "top-3"]),
        ("vision gradcam --task detect --class perso", ["person"]),
        ("vision gradcam --method layer", ["layercam"]),
        ("vision detect -f yolo,j", ["yolo,json", "yolo,jsonl"]),
        ("vision classify -m efficientnet_lite0,efficientnet_l", ["efficientnet_lite0,efficientnet_lite1", "…"]),
        ("vision classify -m tim", ["timm:"]),
        ("vision models info resnet1", ["resnet18", "resnet101", "resnet152"]),
        ("vision models pull resnet18 resnet1", ["resnet101", "resnet152"]),
        ("vision models plot --task d", ["detect"]),
        ("vision datasets pull cifar10 ci", ["cifar100"]),
        ("vision datasets info m", ["mnist"]),
        ("vision export ssd3", ["ssd300_vgg16"]),
        ("vision bench movenet", ["movenet_lightning"]),
        ("vision dedupe --find ", ["same", "near"]),
        ("vision similar -m efficientnet_lite", [f"efficientnet_lite{n}" for n in range(4)]),
        ("vision embed -f npy,p", ["npy,parquet"]),
        ("vision detect --annotated ", ["jpg", "png", "none"]),
        ("vision detect --device c", ["cpu", "cuda"]),
        ("vision iou --metric d", ["diou"]),
        ("vision iou --truth-format ", ["coco", "jsonl", "yolo", "voc", "csv", "labelmap"]),
        ("vision iou --engine h", ["hotcoco"]),
        ("vision de", ["detect", "dedupe"]),
        ("vision detect -m no_such_model -c per", []),
        ("vision detect ", []),
    ],
)
def test_what_is_offered(line: str, answers: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    found = words_for(line, monkeypatch)
    if "…" in answers:
        assert found[: len(answers) - 1] == answers[:-1]
    else:
        assert sorted(found) == sorted(answers)


@pytest.mark.parametrize("task", sorted(FORMATS))
def test_every_format_is_offered(task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert words_for(f"vision {task} --format ", monkeypatch) == [*FORMATS[task], "jsonl"]


def test_words_on_the_command_line_are_those_of_what_is_behind_it() -> None:
    from visioncli.datasets.recognise import Format
    from visioncli.metrics.engines import Engine
    from visioncli.tasks.gradcam.methods import METHODS

    assert set(iou.METRICS) == set(Metric)
    assert set(iou.BOX_FORMATS) == set(BoxFormat)
    assert set(iou.FORMATS) == set(Format)
    assert set(iou.ENGINES) == set(Engine)
    assert list(gradcam.METHODS) == list(METHODS)


def test_each_shell_is_given_its_script() -> None:
    assert "complete -o default -F" in asked_source("bash")
    assert "compdef" in asked_source("zsh")
    assert "complete --command vision" in asked_source("fish")


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_completes_once_its_script_is_sourced(tmp_path: Path) -> None:
    program = tmp_path / "vision"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m visioncli "$@"\n')
    program.chmod(0o755)
    script = asked_source("bash") + (
        "COMP_WORDS=(vision detect -c traffic); COMP_CWORD=3\n"
        f"_vision_completion {program}\n"
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=True)
    assert done.stdout.decode() == "traffic\\ light\n"


def asked_source(shell: str) -> str:
    env = os.environ | {"_VISION_COMPLETE": f"source_{shell}"}
    command = [sys.executable, "-m", "visioncli"]
    return subprocess.run(command, env=env, capture_output=True, check=True).stdout.decode()


def test_folders_of_training_are_offered_beside_the_networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("resnet_run", "deep/run"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "model.json").touch()
    (tmp_path / "resnet_photos").mkdir()
    monkeypatch.chdir(tmp_path)
    offered = asked("bash", "vision", "classify", "-m", "resnet").splitlines()
    assert {"resnet18", "resnet_run"} <= set(offered)
    assert "resnet_photos" not in offered
    assert asked("bash", "vision", "classify", "-m", "deep/") == "deep/run"
    assert asked("bash", "vision", "classify", "-m", "lenet5,resnet_r") == "lenet5,resnet_run"
    assert asked("bash", "vision", "models", "info", "resnet_r") == "resnet_run"
    assert asked("bash", "vision", "classify", "-m", "no/such/folder/") == ""


def test_training_is_offered_the_networks_that_learn() -> None:
    detectors = set(asked("bash", "vision", "train", "data", "--task", "detect", "--model", "").splitlines())
    assert {"yolov3", "yolov3_tiny", "rfcn_resnet50", "ssd_mobilenet_v2", "fcos_resnet50_fpn"} <= detectors
    assert {"maskrcnn_resnet50_fpn", "keypointrcnn_resnet50_fpn"} <= detectors
    assert not {"efficientdet_lite0", "resnet18", "unet"} & detectors
    segmenters = set(asked("bash", "vision", "train", "data", "--task", "segment", "--model", "").splitlines())
    assert {"unet", "unet_lite0"} <= segmenters
    assert not {"maskrcnn_resnet50_fpn", "yolov3"} & segmenters
    whatever = set(asked("bash", "vision", "train", "data", "--model", "").splitlines())
    assert {"yolov3", "unet", "lenet5", "resnet18"} <= whatever
    assert "movenet_lightning" not in whatever


def test_classes_are_those_of_the_users_own_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_run(tmp_path / "run", labels=("ants", "bees"))
    monkeypatch.chdir(tmp_path)
    offered = asked("bash", "vision", "gradcam", "-m", "run", "--class", "b").splitlines()
    assert "bees" in offered
    assert "beer bottle" not in offered
