"""Precision-recall curves and confusion tables as PNG, drawn with Pillow."""

from pathlib import Path

import numpy as np
from PIL import Image

from visioncli.errors import OutputError
from visioncli.files import whole_file
from visioncli.metrics.report import AnyReport, ConfusionTable, LabelMapReport, PrecisionRecall, Report
from visioncli.render.canvas import Colour, fit
from visioncli.render.confusion import draw
from visioncli.render.sheet import FAINT, GREY_LINE, GRID, MEAN, TEXT, Sheet, one_line

CLASS_COLOURS: tuple[Colour, ...] = (
    (230, 126, 34),
    (39, 154, 90),
    (192, 57, 43),
    (125, 80, 180),
    (0, 150, 170),
    (200, 80, 140),
    (140, 110, 60),
    (90, 100, 110),
    (150, 170, 20),
    (70, 70, 200),
)
MOST_CURVES = 1_000


def draw_plots(report: AnyReport, folder: Path) -> list[Path]:
    """Write `precision_recall.png` (objects only) and `confusion.png` into the folder; returns their paths.

    Each file appears whole or not at all. Raises OutputError where it cannot be written.
    """
    pictures: dict[str, Image.Image] = {}
    if isinstance(report, Report):
        pictures["precision_recall.png"] = precision_recall(report.curves, report.kind)
        pictures["confusion.png"] = confusion(report.confusion, ("missed", "spurious"), f"matched at {report.iou:g}")
    elif isinstance(report, LabelMapReport):
        pictures["confusion.png"] = confusion(report.confusion, ("ignored", ""), "pixels")
    written = []
    for name, picture in pictures.items():
        path = folder / name
        if folder.exists() and not folder.is_dir():
            raise OutputError(f"Cannot write {path}: {folder} is a file, not a folder.")
        with whole_file(path) as temporary:
            picture.save(temporary, "PNG")
        written.append(path)
    return written


def precision_recall(curves: tuple[PrecisionRecall, ...], kind: str) -> Image.Image:
    """The curve of each class and their mean, at IoU (OKS) 0.5. The first curve is the mean."""
    classes = curves[1:]
    coloured = len(classes) <= len(CLASS_COLOURS)
    legend = 230
    left, top, side = 64, 64, 520
    sheet = Sheet(left + side + 28 + legend, top + side + 64)
    measure = "OKS" if kind == "keypoints" else "IoU"
    sheet.text((left, 20), f"Precision and recall at {measure} 0.5", 20)
    for step in range(11):
        share = step / 10
        x, y = left + share * side, top + side - share * side
        sheet.line([(x, top), (x, top + side)], GRID, 1)
        sheet.line([(left, y), (left + side, y)], GRID, 1)
        if step % 2 == 0:
            sheet.text((x, top + side + 8), f"{share:.1f}", 13, FAINT, "ma")
            sheet.text((left - 8, y), f"{share:.1f}", 13, FAINT, "rm")
    sheet.text((left + side / 2, top + side + 34), "recall", 15, TEXT, "ma")
    sheet.upright((16, top + side / 2 + 30), "precision", 15)
    if not curves:
        sheet.text((left + side / 2, top + side / 2), "There is no truth to measure recall on.", 16, FAINT, "mm")
        return sheet.finished()
    for k, curve in enumerate(classes[:MOST_CURVES]):
        colour = CLASS_COLOURS[k] if coloured else GREY_LINE
        sheet.line(_path(curve, left, top, side), colour, 1.6 if coloured else 1)
    sheet.line(_path(curves[0], left, top, side), MEAN, 3)
    at = left + side + 28
    entries: list[tuple[str, Colour, float]] = [(f"{curves[0].average:.3f}  all classes", MEAN, 3)]
    if coloured:
        entries += [(f"{c.average:.3f}  {one_line(c.label)}", CLASS_COLOURS[k], 1.6) for k, c in enumerate(classes)]
    else:
        drawn = f"{MOST_CURVES} of" if len(classes) > MOST_CURVES else "each of"
        entries.append((f"{drawn} {len(classes)} classes", GREY_LINE, 1.6))
    sheet.text((at, top), "AP50", 13, FAINT)
    for row, (words, colour, width) in enumerate(entries):
        y = top + 34 + row * 24
        sheet.line([(at, y), (at + 22, y)], colour, width)
        sheet.text((at + 32, y), fit(words, 14, legend - 44), 14, TEXT, "lm")
    if not coloured:
        _extremes(sheet, classes, at, top + 34 + 3 * 24, legend)
    return sheet.finished()


def _extremes(sheet: Sheet, classes: tuple[PrecisionRecall, ...], x: float, y: float, width: int) -> None:
    """The weakest and the strongest classes by name, since their lines cannot be told apart."""
    ordered = sorted(classes, key=lambda c: c.average)
    for title, chosen in (("weakest classes", ordered[:6]), ("strongest classes", ordered[:-7:-1])):
        sheet.text((x, y), title, 13, FAINT)
        for row, curve in enumerate(chosen):
            words = fit(f"{curve.average:.3f}  {one_line(curve.label)}", 14, width - 8)
            sheet.text((x, y + 22 + row * 22), words, 14)
        y += 22 * (len(chosen) + 2)


def _path(curve: PrecisionRecall, left: float, top: float, side: float) -> list[tuple[float, float]]:
    """The curve as a staircase: precision holds up to its recall and then drops."""
    points: list[tuple[float, float]] = []
    recalls = np.linspace(0, 1, len(curve.precision))
    for recall, precision in zip(recalls, curve.precision.tolist(), strict=True):
        y = top + side - precision * side
        x = left + float(recall) * side
        if points and points[-1][1] != y:
            points.append((points[-1][0], y))
        points.append((x, y))
    return points


def confusion(table: ConfusionTable, rest: tuple[str, str], note: str) -> Image.Image:
    """The table of a report as a picture; `rest` names its last column and its last row, which stand for nothing."""
    return draw(table.labels, table.counts, note, rest=rest)
