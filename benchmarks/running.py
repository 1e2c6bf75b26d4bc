"""Contenders that take turns: a round runs each once, so that what else the machine does hits all alike."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


class Failed(Exception):
    """A contender ended with an error; its last words."""


@dataclass
class Contender:
    """A command and what came out.

    `seconds` are of whole processes, from start to exit, `starts` those of the command `one`, which does a single one
    of the case's pictures. A contender that `tells` prints milliseconds a picture itself; its seconds do not count.
    """

    command: list[str]
    one: list[str] | None = None
    tells: bool = False
    seconds: list[float] = field(default_factory=list)
    starts: list[float] = field(default_factory=list)
    told: list[float] = field(default_factory=list)

    def each(self, count: int) -> list[float]:
        """Milliseconds that a further picture takes, by round: the start and the imports cancel out."""
        if not self.starts:
            return self.told
        start = statistics.median(self.starts)
        return [max(took - start, 1e-6) / (count - 1) * 1000 for took in self.seconds]


@dataclass
class Case:
    """One table of the report; `count` is what one run of a contender handles, called `what`."""

    name: str
    count: int
    contenders: dict[str, Contender]
    what: str = "picture"


def run_case(case: Case, rounds: int, clean: Callable[[], None]) -> None:
    """Runs every contender once a round. One that fails is left out, with its last words."""
    for number in range(rounds):
        for name, contender in list(case.contenders.items()):
            clean()
            try:
                run_once(contender)
            except Failed as problem:
                sys.stderr.write(f"{case.name}: {name} failed: {problem}\n")
                del case.contenders[name]
        sys.stderr.write(f"{case.name}: round {number + 1} of {rounds}\n")


def run_once(contender: Contender) -> None:
    """One more figure for a contender. Raises Failed."""
    if contender.tells:
        contender.told.append(float(_run(contender.command)[1]))
        return
    if contender.one:
        contender.starts.append(_run(contender.one)[0])
    contender.seconds.append(_run(contender.command)[0])


def _run(command: list[str]) -> tuple[float, bytes]:
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, check=False, cwd=ROOT)
    took = time.perf_counter() - start
    if done.returncode:
        words = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no message"]
        raise Failed(words[0])
    return took, done.stdout
