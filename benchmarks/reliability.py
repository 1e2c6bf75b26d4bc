"""`python -m benchmarks.reliability`: disturbs runs of `vision` from outside, and says how often promises held.

Runs are killed or interrupted at random moments and resumed, then compared with one that nobody disturbed; signals
come in the first moments of a run; records that a run resumes from are damaged. The table goes to standard output.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.inputs import make_folder
from benchmarks.running import ROOT
from PIL import Image

COMMAND = ("detect", "--crops", "--format", "coco,csv,yolo,voc")
STEP = 0.012
"""Seconds between two moments at which a signal is tried."""
LAST = 0.6
OURS = 0.05
"""So long may it take until Python runs code of ours on an idle machine; signals before are Python's."""

DAMAGES: dict[str, Any] = {
    "not JSON": b"\xff\xfe{\n",
    "zero bytes": bytes(1000) + b"\n",
    "deep nesting": b"[" * 200_000 + b"]" * 200_000 + b"\n",
    "a number of 5,000 digits": b'{"schema": "vision/1", "width": ' + b"9" * 5000 + b"}\n",
    "a line of 100 MB": b'{"schema": "vision/1", "task": "' + b"a" * 100_000_000 + b'"}\n',
    "another task": {"task": "classify"},
    "an unknown task": {"task": "juggle"},
    "a list as the task": {"task": ["detect"]},
    "no files": {"files": None},
    "files elsewhere": {"files": {"annotated": "/etc/hostname"}, "sizes": {"annotated": 1}},
    "a number as a file": {"files": {"annotated": 5}},
    "an output elsewhere": {"output": "../../outside"},
    "a number as the output": {"output": 5},
    "a dictionary as the key": {"key": {"a": 1}},
    "half a surrogate as the input": {"input": "\ud800"},
    "text as the width": {"width": "6"},
    "text as predictions": {"predictions": "abc"},
    "a short box": {"predictions": [{"label": "cup", "label_id": 47, "score": 0.9, "box": [1]}]},
    "NaN as a score": {"predictions": [{"label": "cup", "label_id": 47, "score": float("nan"), "box": [1, 2, 3, 4]}]},
    "a huge score": {"predictions": [{"label": "cup", "label_id": 47, "score": 10**400, "box": [1, 2, 3, 4]}]},
    "an error without words": {"error": {}},
}
"""Of a record of an earlier run: fields with other values, or bytes in the place of the whole line."""


def start(folder: Path, *args: str) -> subprocess.Popen[bytes]:
    """A run into `folder`/out, so that all runs write the same names."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "visioncli", *COMMAND, *args, "-o", "out"]
    quiet: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT / "src")}, **quiet)


def contents(out: Path) -> dict[str, Any]:
    """Every file by its name. Times that a record states, and the order of the list of files, are left out."""
    found: dict[str, Any] = {}
    for path in (p for p in out.rglob("*") if p.is_file()):
        data: Any = path.read_bytes()
        if path.name == "predictions.jsonl":
            data = [{k: v for k, v in json.loads(line).items() if k != "ms"} for line in data.splitlines()]
        elif path.name == ".visionfiles":
            data = set(data.split(b"\0"))
        found[str(path.relative_to(out))] = data
    return found


def half_files(out: Path) -> Iterator[str]:
    """Names of pictures that are not whole; unfinished ones have a folder of their own, which the next run clears."""
    for path in (p for p in out.rglob("*.jpg") if ".vision-partial" not in p.parts):
        try:
            with Image.open(path) as image:
                image.load()
        except OSError:
            yield str(path)


def disturbed(folder: Path, pictures: Path, count: int) -> tuple[int, list[str]]:
    """Runs that are killed or interrupted `count` times in all, each resumed until it ends; what went wrong."""
    begun = time.perf_counter()
    start(folder / "undisturbed", str(pictures)).communicate()
    lasts = time.perf_counter() - begun
    expected = contents(folder / "undisturbed" / "out")
    done, wrong = 0, []
    while done < count:
        cycle = folder / f"cycle-{done}"
        status = None
        while status != 0:
            process = start(cycle, str(pictures), "--resume")
            number = random.choice((signal.SIGKILL, signal.SIGINT, signal.SIGTERM))
            try:
                process.wait(random.uniform(2 * OURS, lasts) if done < count else None)
            except subprocess.TimeoutExpired:
                process.send_signal(number)
                done += 1
            words = process.communicate()[1].decode()
            status = process.returncode
            if status not in (0, 130, -signal.SIGKILL) or "Traceback" in words:
                wrong.append(f"status {status} after {number.name}: {words[-200:]}")
            wrong += half_files(cycle / "out")
        if contents(cycle / "out") != expected:
            wrong.append(f"{cycle.name} differs from the undisturbed run")
    return done, wrong


def signalled(folder: Path, pictures: Path) -> tuple[int, list[str]]:
    """A signal at every moment of the first half second, but for those before our code ran; what went wrong."""
    tried, wrong = 0, []
    for step in range(int(LAST / STEP)):
        for number in (signal.SIGINT, signal.SIGTERM):
            process = start(folder / f"{number.name}-{step}", str(pictures))
            time.sleep(step * STEP)
            process.send_signal(number)
            words = process.communicate()[1].decode()
            held = process.returncode == 130 and "Traceback" not in words
            tried += held or step * STEP >= OURS
            if not held and step * STEP >= OURS:
                wrong.append(f"status {process.returncode} after {step * STEP:.3f} s: {words[-200:]}")
    return tried, wrong


def damaged(folder: Path, pictures: Path) -> tuple[int, list[str]]:
    """A run that resumes from each kind of damaged record; what went wrong."""
    start(folder, str(pictures)).communicate()
    out = folder / "out"
    expected = contents(out)
    whole = (out / "predictions.jsonl").read_bytes()
    first, _, rest = whole.partition(b"\n")
    wrong = []
    for name, damage in DAMAGES.items():
        line = damage if isinstance(damage, bytes) else json.dumps(json.loads(first) | damage).encode() + b"\n"
        (out / "predictions.jsonl").write_bytes(line + rest)
        process = start(folder, str(pictures), "--resume")
        words = process.communicate()[1].decode()
        # What stood there before is kept under another name, whatever it was.
        for path in [p for p in out.glob("predictions.*.*") if p.name not in expected]:
            path.unlink()
        found = contents(out)
        found[".visionfiles"] &= expected[".visionfiles"]
        if process.returncode != 0 or found != expected:
            wrong.append(f"{name}: status {process.returncode}: {words[-200:]}")
    return len(DAMAGES), wrong


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--disturbances", type=int, default=30, help="kills and interrupts of long runs [30]")
    parser.add_argument("--pictures", type=int, default=40, help="pictures of a run that is disturbed [40]")
    parser.add_argument("--seed", type=int, default=0, help="of the random moments [0]")
    options = parser.parse_args()
    random.seed(options.seed)
    # A shell's background job ignores Ctrl-C, and so would all that it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="vision-reliability-") as name:
        folder = Path(name)
        make_folder(folder / "many", options.pictures, 0.3)
        make_folder(folder / "few", 3, 0.3)
        start(folder / "warm", str(folder / "few")).communicate()  # networks are compiled once
        rows = [
            (
                "killed or interrupted at random, resumed until done: as the undisturbed run",
                *disturbed(folder / "disturbed", folder / "many", options.disturbances),
            ),
            (
                f"SIGINT and SIGTERM in the first {LAST} s, from when Python runs our code: status 130",
                *signalled(folder / "signalled", folder / "few"),
            ),
            ("damaged records under --resume: done again", *damaged(folder / "damaged", folder / "few")),
        ]
    print("| tried | how often | held |\n|---|---|---|")
    for what, count, wrong in rows:
        print(f"| {what} | {count} | {max(count - len(wrong), 0)} |")
    failures = [sentence for *_, wrong in rows for sentence in wrong]
    for sentence in failures:
        print(f"- {sentence}")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
