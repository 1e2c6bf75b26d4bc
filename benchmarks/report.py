"""The benchmark's figures as JSON, as a Markdown table and as a plot."""

import json
import platform
import statistics
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

_OURS, _THEIRS = "#2a78b5", "#b0b0b0"


def write_report(out: Path, cases: list[dict[str, Any]], limits: dict[str, float]) -> None:
    """Writes `results.json`, `results.md` and `results.png` into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "results.json").write_text(json.dumps({"cases": cases, "network alone, pictures/s": limits}, indent=1))
    (out / "results.md").write_text(_markdown(cases, limits))
    _plot(cases).save(out / "results.png", optimize=True)


def _rows(case: dict[str, Any]) -> list[tuple[str, float, float, float, float]]:
    """Name, median, least and greatest seconds, and the ratio to our first command, of each contender."""
    medians = {name: statistics.median(values) for name, values in case["seconds"].items()}
    base = next(iter(medians.values()), 1.0)
    return [
        (name, m, min(v), max(v), m / base)
        for (name, v), m in zip(case["seconds"].items(), medians.values(), strict=True)
    ]


def _markdown(cases: list[dict[str, Any]], limits: dict[str, float]) -> str:
    lines = [f"{platform.machine()}, Python {platform.python_version()}", ""]
    for case in cases:
        lines += [
            f"### {case['case']}",
            "",
            "| | seconds | least to greatest | pictures/s | ratio |",
            "|---|---|---|---|---|",
        ]
        for name, median, low, high, ratio in _rows(case):
            rate = case["count"] / median
            lines.append(f"| {name} | {median:.2f} | {low:.2f} to {high:.2f} | {rate:.1f} | {ratio:.2f} |")
        lines.append("")
    lines += ["### The networks alone", "", "| | pictures/s |", "|---|---|"]
    lines += [f"| {name} | {rate:.1f} |" for name, rate in limits.items()]
    return "\n".join(lines) + "\n"


def _plot(cases: list[dict[str, Any]]) -> Image.Image:
    """A bar for each contender: seconds relative to our first command of the case, the whisker from least to most."""
    bar, left, width = 22, 300, 900
    height = sum(34 + bar * len(case["seconds"]) for case in cases) + 20
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    font, bold = ImageFont.load_default(13), ImageFont.load_default(15)
    y = 10
    for case in cases:
        rows = _rows(case)
        draw.text((10, y), f"{case['case']}: seconds (shorter is better)", fill="black", font=bold)
        y += 24
        longest = max((row[3] for row in rows), default=1.0)
        scale = (width - left - 110) / longest
        for name, median, low, high, ratio in rows:
            draw.text((left - 8, y + 9), name, fill="black", font=font, anchor="rm")
            colour = _OURS if name.startswith("vision") else _THEIRS
            draw.rectangle((left, y + 3, left + median * scale, y + bar - 5), fill=colour)
            draw.line((left + low * scale, y + 9, left + high * scale, y + 9), fill="black")
            draw.text(
                (left + high * scale + 8, y + 9),
                f"{median:.2f} s ({ratio:.2f})",
                fill="black",
                font=font,
                anchor="lm",
            )
            y += bar
        y += 10
    return image
