"""`python -m benchmarks`: us and what a user would pick instead, in one run, taking turns.

Reported are medians over the rounds with the least and the greatest, and ratios within the same round.
"""

import argparse
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.inputs import make_folder
from benchmarks.report import write_report
from benchmarks.running import ROOT, Case, run_case

from benchmarks import cases

SIZES = ((0.3, 200), (2.0, 80), (12.0, 24))
"""Megapixels, and how many such pictures."""


def plan(folder: Path, scale: float) -> list[tuple[str, Callable[[], list[Case]]]]:
    """The kinds of cases by name; their inputs are made when they are asked for."""
    counts = {megapixels: max(4, round(count * scale)) for megapixels, count in SIZES}
    out = folder / "out"

    def place(megapixels: float) -> Path:
        return folder / f"{megapixels:g}mp"

    def by_task() -> list[Case]:
        least = min(counts)
        some = folder / "some"
        make_folder(some, max(counts[least] // 2, 2), least)
        return cases.task_cases(some, out, max(counts[least] // 2, 2), least)

    def length() -> list[Case]:
        make_folder(place(0.3), counts[0.3], 0.3)
        return [cases.length_case(place(0.3), 100, max(2, round(100 * scale)))]

    return [
        ("cold", lambda: [cases.cold(make_folder(folder / "one", 1, 0.3)[0])]),
        ("folder", lambda: [cases.folder_case(place(mp), out, count, mp) for mp, count in counts.items()]),
        ("tasks", by_task),
        ("length", length),
        ("evaluation", lambda: [cases.evaluation_case(folder, max(20, round(5000 * scale)))]),
        ("boxes", lambda: [cases.box_case(max(10, round(2000 * scale)))]),
    ]


def main() -> None:
    """Runs everything and writes `results.json`, `results.md` and `results.png` into the output folder."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("-o", "--out", type=Path, default=ROOT / "benchmarks" / "results")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the pictures and boxes")
    parser.add_argument("--only", default="", help="kinds of cases, separated by commas")
    options = parser.parse_args()
    done: list[Case] = []
    with tempfile.TemporaryDirectory(prefix="vision-bench-") as name:
        folder = Path(name)
        kinds = plan(folder, options.scale)
        wanted = options.only.split(",") if options.only else [kind for kind, _ in kinds]
        if unknown := set(wanted) - {kind for kind, _ in kinds}:
            parser.error(f"--only knows {', '.join(kind for kind, _ in kinds)}, not {', '.join(sorted(unknown))}")
        for kind, make in kinds:
            for case in make() if kind in wanted else []:
                run_case(case, options.rounds, lambda: shutil.rmtree(folder / "out", ignore_errors=True))
                done.append(case)
                # What is finished is not lost where a later case is interrupted.
                write_report(options.out, done)


main()
