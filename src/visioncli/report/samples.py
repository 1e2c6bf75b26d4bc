"""The page of runs that learned to make pictures: what they made on the way, with a slider over the epochs."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from visioncli import __version__
from visioncli.errors import InputError, UsageError
from visioncli.files import write_whole
from visioncli.report.columns import script
from visioncli.report.write import SAMPLES_PAGE, page_files, write_folder, write_single, write_zip
from visioncli.sinks.folder import OutputFolder
from visioncli.weights.runs import is_run

SAMPLES, LOG = "samples", "log.jsonl"
MOST_RUNS = 3
_OWN = frozenset({"event", "seconds", "stage", "epoch", "step", "steps", "rate"})
"""What of a look is no measurement."""


@dataclass(frozen=True, slots=True)
class Look:
    """One sheet: its file, and what was measured then."""

    path: Path
    epoch: float
    step: int
    numbers: dict[str, float | None]


def makes_pictures(path: Path) -> bool:
    """Whether a folder is of a run that learned to make pictures, finished or not."""
    return (is_run(path) or (path / LOG).is_file()) and (path / SAMPLES).is_dir()


def looks_of(run: Path) -> list[Look]:
    """The sheets of a run in their order. Raises InputError where there are none."""
    try:
        lines = (run / LOG).read_text(encoding="utf-8").splitlines()
        events = [json.loads(line) for line in lines]
        told = {int(event["step"]): (float(event["epoch"]), event) for event in events if event["event"] == "epoch"}
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise InputError("read_failed", f"{run / LOG} cannot be read: {problem}.") from None
    found = []
    for step, (epoch, event) in sorted(told.items()):
        path = run / SAMPLES / f"{step:07d}.png"
        if path.is_file():
            numbers = {name: value for name, value in event.items() if name not in _OWN}
            found.append(Look(path, epoch, step, numbers))
    if not found:
        raise InputError("not_found", f"{run}: it has made no samples yet, so there is nothing to show.")
    return found


def build_page(
    runs: Sequence[str], out: Path, title: str | None, *, single_file: bool, archive: bool
) -> tuple[Path, int, Path | None]:
    """Writes the page of up to three runs: where it is, of how many sheets, and the archive.

    Raises InputError, UsageError for too many runs or folders of another kind, and OutputError.
    """
    folders = [Path(run) for run in runs]
    others = [folder for folder in folders if not makes_pictures(folder)]
    if others:
        raise UsageError(f"{others[0]} is no run that learned to make pictures. Make a report of each kind.")
    if len(folders) > MOST_RUNS:
        raise UsageError(f"There are {len(folders)} runs here, and a report compares at most {MOST_RUNS}.")
    looks = [looks_of(folder) for folder in folders]
    names = [folder.resolve().name for folder in folders]
    title = title or " and ".join(names)
    count = sum(map(len, looks))
    if single_file:
        target = out if out.suffix.lower() in (".html", ".htm") else Path(f"{out}.html")
        inside = [[_inside(look.path) for look in several] for several in looks]
        write_single(target, title, script(_data(title, names, looks, inside)), SAMPLES_PAGE)
        return target, count, None
    files = [[f"sheets/{n}/{look.path.name}" for look in several] for n, several in enumerate(looks)]
    if any(out.resolve() == folder.resolve() for folder in folders):
        raise UsageError(f"{out} is the folder of the run itself. Choose another one with -o.")
    folder = OutputFolder(out)
    try:
        for several, called in zip(looks, files, strict=True):
            for look, name in zip(several, called, strict=True):
                write_whole(folder.file(name), look.path.read_bytes(), folder.partial)
        write_folder(folder, title, script(_data(title, names, looks, files)), SAMPLES_PAGE)
        folder.remove_unwritten("sheets")
    except BaseException:
        folder.abandon()
        raise
    folder.close()
    packed = None
    if archive:
        packed = out.with_name(f"{out.resolve().name}.zip")
        sheets = [name for called in files for name in called]
        write_zip(out, packed, dict.fromkeys(["index.html", "data.js", *page_files(SAMPLES_PAGE), *sheets]))
    return out / "index.html", count, packed


def _inside(path: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"


def _data(
    title: str, names: Sequence[str], looks: Sequence[Sequence[Look]], files: Sequence[Sequence[str]]
) -> dict[str, Any]:
    runs = [
        {
            "name": name,
            "looks": [
                {"epoch": look.epoch, "step": look.step, "file": file, "numbers": look.numbers}
                for look, file in zip(several, called, strict=True)
            ],
        }
        for name, several, called in zip(names, looks, files, strict=True)
    ]
    about = "What was made after each look, from the same noise or of the same pictures each time."
    return {"format": "vision-samples/1", "version": __version__, "title": title, "about": about, "runs": runs}
