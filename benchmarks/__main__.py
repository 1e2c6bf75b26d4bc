"""`python -m benchmarks`: us and what a user would pick instead, in one run, taking turns.

Each figure is the time of a whole process, from start to exit. A round runs every contender once; the rounds are
repeated, so that what else the machine does hits all alike. Reported are medians with the least and the greatest,
and their ratios within the same run.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from benchmarks.evaluation import evaluation_cases
from benchmarks.inputs import make_folder
from benchmarks.report import write_report

ROOT = Path(__file__).resolve().parents[1]
TASKS = ("classify", "detect", "segment", "pose")


@dataclass
class Case:
    """One line of the report: contenders by name, each a command; `count` is what one run of it handles."""

    name: str
    count: int
    commands: dict[str, list[str]]
    seconds: dict[str, list[float]] = field(default_factory=dict)


def vision(task: str, *args: object) -> list[str]:
    """Our command."""
    return [sys.executable, "-m", "visioncli", task, *map(str, args), "-q"]


def peer(name: str, target: Path) -> list[str]:
    """A program of `peers`."""
    return [sys.executable, "-m", "benchmarks.peers", name, str(target)]


def cases(folder: Path, counts: dict[float, int]) -> list[Case]:
    """Everything that is compared."""
    found = []
    one = make_folder(folder / "one", 1, 0.3)[0]
    others = [
        n for n, package in (("loop", "timm"), ("pipeline", "transformers"), ("yolo", "ultralytics")) if has(package)
    ]
    cold = {f"vision {task}": vision(task, one, "-o", "-") for task in TASKS}
    cold["vision classify --engine torch"] = vision("classify", one, "-o", "-", "--engine", "torch")
    found.append(Case("one picture, cold", 1, cold | {n: peer(n, one) for n in others}))
    for megapixels, count in counts.items():
        files = folder / f"{megapixels:g}mp"
        make_folder(files, count, megapixels)
        commands = {
            "vision classify": vision("classify", files, "-o", "-"),
            "vision classify, annotated": vision("classify", files, "-o", folder / "out"),
            "vision classify --exact-decode": vision("classify", files, "-o", "-", "--exact-decode"),
        }
        if has("timm"):
            commands |= {"loop": peer("loop", files), "loader": peer("loader", files)}
        if has("transformers"):
            commands["pipeline"] = peer("pipeline", files)
        if has("ultralytics"):
            commands["yolo"] = peer("yolo", files)
        found.append(Case(f"{count} pictures of {megapixels:g} megapixels", count, commands))
    least = min(counts)
    by_task = {f"vision {task}": vision(task, folder / f"{least:g}mp", "-o", "-") for task in TASKS[1:]}
    found.append(Case(f"{counts[least]} pictures of {least:g} megapixels, other tasks", counts[least], by_task))
    return found


def has(package: str) -> bool:
    """Whether a peer is installed."""
    return find_spec(package) is not None


def limit(seconds: float) -> dict[str, float]:
    """Pictures a second of each task's network alone, on arrays ready in memory."""
    models = ("efficientnet_lite0", "ssd_mobilenet_v2", "deeplab_v3_mobilenet_v2", "movenet_lightning")
    command = [sys.executable, "-m", "visioncli", "bench", *models, "-b", "1", "--engine", "onnx", "--json"]
    done = subprocess.run([*command, "--seconds", str(seconds)], capture_output=True, check=True, cwd=ROOT)
    return {m["model"]: m["pictures_per_second"] for m in map(json.loads, done.stdout.splitlines())}


def run_case(case: Case, rounds: int, clean: Callable[[], None]) -> None:
    """Runs every contender once a round. One that fails is left out, with its last words."""
    # Threads that spin while they wait would punish the peers for whatever else this machine does.
    env = os.environ | {"OMP_WAIT_POLICY": "PASSIVE"}
    for number in range(rounds + 1):
        for name, command in list(case.commands.items()):
            clean()
            start = time.perf_counter()
            done = subprocess.run(command, capture_output=True, check=False, cwd=ROOT, env=env)
            took = time.perf_counter() - start
            if done.returncode:
                words = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no message"]
                sys.stderr.write(f"{case.name}: {name} failed: {words[0]}\n")
                del case.commands[name]
                case.seconds.pop(name, None)
            elif number or case.count > 1:
                # The first round of a single picture fills caches of the disk and of us, for all alike.
                case.seconds.setdefault(name, []).append(took)
        sys.stderr.write(f"{case.name}: round {number} of {rounds}\n")
        if case.count > 1 and number == rounds - 1:
            return


def main() -> None:
    """Runs everything and writes `results.json`, `results.md` and `results.png` into the output folder."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("-o", "--out", type=Path, default=ROOT / "benchmarks" / "results")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the pictures and boxes")
    parser.add_argument("--only", default="", help="cases whose name contains this")
    options = parser.parse_args()
    counts = {mp: max(4, round(n * options.scale)) for mp, n in ((0.3, 200), (2.0, 100), (12.0, 40))}
    with tempfile.TemporaryDirectory(prefix="vision-bench-") as name:
        folder = Path(name)
        chosen = cases(folder, counts) + [
            Case(*c) for c in evaluation_cases(folder, max(20, round(5000 * options.scale)))
        ]
        chosen = [case for case in chosen if options.only in case.name]
        before = limit(1.0)
        for case in chosen:
            run_case(case, options.rounds, lambda: shutil.rmtree(folder / "out", ignore_errors=True))
        after = limit(1.0)
    limits = {model: statistics.median((rate, after[model])) for model, rate in before.items()}
    body = [{"case": c.name, "count": c.count, "seconds": c.seconds} for c in chosen]
    write_report(options.out, body, limits)


main()
