"""`--fail-under AP50=0.5,recall[person]=0.8`: lower bounds on the numbers of a report."""

import math
import re
from dataclasses import dataclass

from visioncli.datasets.interface import F64
from visioncli.errors import UsageError
from visioncli.metrics.report import AnyReport
from visioncli.names import did_you_mean

ROUNDING = 1e-9
"""A mean of ten shares may miss the number that it stands for by this much."""

PER_CLASS = re.compile(r"(?P<name>[^\[\]]+)\[(?P<label>.+)\]$")


@dataclass(frozen=True, slots=True)
class Gate:
    """A number by name, and what it must reach."""

    name: str
    least: float


def parse_gates(text: str) -> tuple[Gate, ...]:
    """`AP50=0.5,mean_iou=0.6` as gates. Raises UsageError where a part is not NAME=NUMBER."""
    gates = []
    for part in split_names(text):
        name, equals, bound = (p.strip() for p in part.rpartition("="))
        try:
            least = float(bound)
        except ValueError:
            least = float("nan")
        if not equals or not name or not math.isfinite(least):
            raise UsageError(
                f"--fail-under takes NAME=NUMBER, several with commas between (AP50=0.5,mean_iou=0.6), not {part!r}."
            )
        gates.append(Gate(name, least))
    if not gates:
        raise UsageError("--fail-under is empty; it takes NAME=NUMBER, for instance AP50=0.5.")
    return tuple(gates)


def split_names(text: str) -> list[str]:
    """The parts between commas that stand outside brackets, so that labels may hold commas."""
    parts = re.findall(r"(?:\[[^\]]*\]|[^,\[])+", text)
    return [p.strip() for p in parts if p.strip()]


def look_up(report: AnyReport, name: str, option: str) -> float:
    """A number of the report by name (`AP50`, or `AP50[person]` of one class).

    Raises UsageError with near matches where there is no such number.
    """
    totals = report.numbers()
    if name in totals:
        return float(totals[name])
    classes = report.class_numbers()
    match = PER_CLASS.match(name)
    if match is None:
        near = did_you_mean(name, totals)
        raise UsageError(f"{option}: this report has no number called {name}.{near} It has {', '.join(totals)}.")
    label, wanted = match["label"], match["name"].strip()
    if label not in classes:
        near = did_you_mean(label, classes)
        raise UsageError(f"{option}: this report has no class called {label}.{near}")
    if wanted not in classes[label]:
        near = did_you_mean(wanted, classes[label])
        raise UsageError(
            f"{option}: a class has no number called {wanted}.{near} It has {', '.join(classes[label])}."
        )
    return float(classes[label][wanted])


def look_up_interval(report: AnyReport, name: str) -> F64 | None:
    """(2,) float64 the ends of the interval of a number that `look_up` finds; None where the report has none."""
    found = report.intervals
    if found is None:
        return None
    if name in found.totals:
        return found.totals[name]
    match = PER_CLASS.match(name)
    ends = found.classes.get(match["name"].strip()) if match else None
    if match is None or ends is None or not ends.shape[1]:
        return None
    last = len(report.class_labels()) - 1 - report.class_labels()[::-1].index(match["label"])
    out: F64 = ends[:, last]
    return out


def missed(report: AnyReport, gates: tuple[Gate, ...]) -> list[str]:
    """A sentence for each gate that the report does not reach; an undefined number reaches none."""
    out = []
    for gate in gates:
        value = look_up(report, gate.name, "--fail-under")
        if math.isnan(value):
            out.append(
                f"{gate.name} is undefined, since there is nothing to measure it on; {gate.least:g} was asked for."
            )
        elif value < gate.least - ROUNDING:
            out.append(f"{gate.name} is {value:.6g}, below {gate.least:g}.")
    return out
