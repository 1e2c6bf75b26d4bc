"""The benchmark's figures as JSON, as Markdown tables and as a plot."""

import dataclasses
import json
import platform
import statistics
from pathlib import Path

from benchmarks.running import Case, Contender
from PIL import Image, ImageDraw, ImageFont

_OURS, _THEIRS, _LIMIT = "#2a78b5", "#b0b0b0", "#7fb069"


def write_report(out: Path, cases: list[Case]) -> None:
    """Writes `results.json`, `results.md` and `results.png` into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "results.json").write_text(json.dumps([dataclasses.asdict(case) for case in cases], indent=1))
    (out / "results.md").write_text(_markdown(cases))
    _plot(cases).save(out / "results.png", optimize=True)


def ratio(values: list[float], base: list[float]) -> float:
    """The median of the ratios within each round."""
    return statistics.median(a / b for a, b in zip(values, base, strict=False))


def _spread(values: list[float], form: str) -> str:
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def _markdown(cases: list[Case]) -> str:
    lines = [f"{platform.machine()}, Python {platform.python_version()}", ""]
    for case in cases:
        lines += [f"### {case.name}", ""]
        base = next(iter(case.contenders.values()), None)
        if base is None:
            continue
        if base_each := base.each(case.count):
            whole = any(contender.seconds for contender in case.contenders.values())
            lines += [
                f"| |{' whole run, s | ratio |' if whole else ''} ms a {case.what} | {case.what}s/s | ratio |",
                f"|---|{'---|---|' if whole else ''}---|---|---|",
            ]
            for name, contender in case.contenders.items():
                each = contender.each(case.count)
                row = _whole(contender, base) if whole else ""
                row += (
                    f" {_spread(each, '.2f')} | {1000 / statistics.median(each):.1f} | {ratio(each, base_each):.2f} |"
                )
                lines.append(f"| {name} |{row}")
        else:
            lines += ["| | s | ratio |", "|---|---|---|"]
            lines += [f"| {name} |{_whole(contender, base)}" for name, contender in case.contenders.items()]
        lines.append("")
    return "\n".join(lines) + "\n"


def _whole(contender: Contender, base: Contender) -> str:
    if not contender.seconds:
        return " | |"
    against = f"{ratio(contender.seconds, base.seconds):.2f}" if base.seconds else ""
    return f" {_spread(contender.seconds, '.2f')} | {against} |"


def _plot(cases: list[Case]) -> Image.Image:
    """A bar for each contender, the whisker from least to most."""
    bar, left, width = 22, 320, 900
    height = sum(34 + bar * len(case.contenders) for case in cases) + 20
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    font, bold = ImageFont.load_default(13), ImageFont.load_default(15)
    y = 10
    for case in cases:
        base = next(iter(case.contenders.values()), None)
        if base is None:
            continue
        unit = f"milliseconds a {case.what}" if base.each(case.count) else "seconds"
        draw.text((10, y), f"{case.name}: {unit} (shorter is better)", fill="black", font=bold)
        y += 24
        rows = {name: c.each(case.count) or c.seconds for name, c in case.contenders.items()}
        scale = (width - left - 130) / max(max(values) for values in rows.values())
        first = next(iter(rows.values()))
        for name, values in rows.items():
            middle = statistics.median(values)
            colour = _OURS if name.startswith(("vision", "ours")) else _LIMIT if "alone" in name else _THEIRS
            draw.text((left - 8, y + 9), name, fill="black", font=font, anchor="rm")
            draw.rectangle((left, y + 3, left + middle * scale, y + bar - 5), fill=colour)
            draw.line((left + min(values) * scale, y + 9, left + max(values) * scale, y + 9), fill="black")
            words = f"{middle:.2f} ({ratio(values, first):.2f})"
            draw.text((left + max(values) * scale + 8, y + 9), words, fill="black", font=font, anchor="lm")
            y += bar
        y += 10
    return image
