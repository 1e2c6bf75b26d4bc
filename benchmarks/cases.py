"""What is compared with what."""

import sys
from importlib.util import find_spec
from pathlib import Path

from benchmarks.evaluation import evaluation_commands
from benchmarks.inputs import make_folder, multiply
from benchmarks.running import Case, Contender

TASKS = ("classify", "detect", "segment", "pose")
ALONE = "the network alone"


def vision(task: str, *args: object) -> list[str]:
    """Our command."""
    return [sys.executable, "-m", "visioncli", task, *map(str, args), "-q"]


def peer(name: str, target: Path) -> list[str]:
    """A program of `peers`."""
    return [sys.executable, "-m", "benchmarks.peers", name, str(target)]


def alone(task: str, folder: Path) -> Contender:
    """The limit: no reading, no preparing, no writing."""
    return Contender([sys.executable, "-m", "benchmarks.alone", task, str(folder)], tells=True)


def has(package: str) -> bool:
    """Whether a peer is installed."""
    return find_spec(package) is not None


def peers(*names: str) -> list[str]:
    """Those of the peers that are installed."""
    package = {"loop": "timm", "loader": "timm", "pipeline": "transformers", "yolo": "ultralytics"}
    return [name for name in names if has(package[name])]


def cold(one: Path) -> Case:
    """A single picture in a new process."""
    contenders = {f"vision {task}": Contender(vision(task, one, "-o", "-")) for task in TASKS}
    contenders["vision classify --engine torch"] = Contender(vision("classify", one, "-o", "-", "--engine", "torch"))
    contenders |= {name: Contender(peer(name, one)) for name in peers("loop", "pipeline", "yolo")}
    return Case("one picture, cold", 1, contenders)


def folder_case(folder: Path, out: Path, count: int, megapixels: float) -> Case:
    """A folder, classified."""
    first = make_folder(folder, count, megapixels)[0]

    def ours(*args: object) -> Contender:
        return Contender(vision("classify", folder, *args), vision("classify", first, *args))

    contenders = {
        "vision classify": ours("-o", "-"),
        "vision classify -m efficientnet_lite0": ours("-o", "-", "-m", "efficientnet_lite0"),
        "vision classify -m efficientnet_lite0 --precision fp32": ours(
            "-o", "-", "-m", "efficientnet_lite0", "--precision", "fp32"
        ),
        "vision classify, annotated": ours("-o", out),
        "vision classify --exact-decode": ours("-o", "-", "--exact-decode"),
        "vision classify --exact-decode, annotated": ours("-o", out, "--exact-decode"),
    }
    for name in peers("loop", "loader", "pipeline"):
        contenders[name] = Contender(peer(name, folder), peer(name, first))
    contenders[ALONE] = alone("classify", folder)
    return Case(f"{count} pictures of {megapixels:g} megapixels", count, contenders)


def task_cases(folder: Path, out: Path, count: int, megapixels: float) -> list[Case]:
    """The other tasks on the same folder, each beside its own networks alone."""
    first = sorted(folder.iterdir())[0]
    found = []
    for task in TASKS[1:]:
        contenders = {
            name: Contender(vision(task, folder, "-o", to), vision(task, first, "-o", to))
            for name, to in ((f"vision {task}", "-"), (f"vision {task}, annotated", out))
        }
        whole = ("-o", "-", "--precision", "fp32")
        contenders[f"vision {task} --precision fp32"] = Contender(
            vision(task, folder, *whole), vision(task, first, *whole)
        )
        contenders[ALONE] = alone(task, folder)
        found.append(Case(f"{task}, {count} pictures of {megapixels:g} megapixels", count, contenders))
    return found


def length_case(folder: Path, count: int, times: int) -> Case:
    """Whether a picture costs the same in a long run. The short runs are many, so that both take as long."""
    long = multiply(folder, folder.with_name("many"), count * times)
    short = multiply(folder, folder.with_name("few"), count)
    first = sorted(short.iterdir())[0]
    one = vision("classify", first, "-o", "-")
    return Case(
        f"{count} pictures and {count * times}",
        count * times,
        {
            f"vision classify, {count} pictures": Contender(
                [sys.executable, "-m", "benchmarks.again", str(times), str(short), str(first), str(count)], tells=True
            ),
            f"vision classify, {count * times} pictures": Contender(vision("classify", long, "-o", "-"), one),
        },
    )


def evaluation_case(folder: Path, pictures: int) -> Case:
    """COCO's twelve numbers."""
    commands = evaluation_commands(folder, pictures)
    return Case(f"evaluation of {pictures} pictures", pictures, {n: Contender(c) for n, c in commands.items()})


def box_case(count: int) -> Case:
    """The IoU of many boxes with many."""
    names = ["ours", *(name for name in ("torchvision", "pycocotools") if has(name))]
    contenders = {
        name: Contender([sys.executable, "-m", "benchmarks.box_iou", name, str(count)], tells=True) for name in names
    }
    return Case(f"IoU of {count} boxes with {count}", 1, contenders, what="call")
