"""Precision-recall curves and confusion tables as PNG, drawn with Pillow."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from visioncli.errors import OutputError
from visioncli.files import whole_file
from visioncli.metrics.report import AnyReport, ConfusionTable, LabelMapReport, PrecisionRecall, Report
from visioncli.render.canvas import Colour, fit, text_size
from visioncli.render.fonts import font, legible, typeface_of

SCALE = 2
"""Everything is drawn this much larger and then reduced, which smooths lines and letters."""
PAPER: Colour = (255, 255, 255)
TEXT: Colour = (33, 37, 41)
FAINT: Colour = (120, 127, 135)
GRID: Colour = (230, 233, 237)
GREY_LINE: Colour = (203, 209, 216)
MEAN: Colour = (20, 98, 196)
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
MOST_CLASSES = 100
"""A confusion table with more classes than this shows those with the most objects."""

MOST_CURVES = 1_000
LONGEST_LABEL = 100


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


def _words(label: str) -> str:
    """A label in one line that can be drawn."""
    return legible(label[:LONGEST_LABEL], "?")


class _Sheet:
    """A white sheet in final pixels; coordinates are scaled up on the way in."""

    def __init__(self, width: int, height: int) -> None:
        self._size = (width, height)
        self._image = Image.new("RGB", (width * SCALE, height * SCALE), PAPER)
        self._draw = ImageDraw.Draw(self._image)

    def text(self, at: tuple[float, float], words: str, size: int, colour: Colour = TEXT, anchor: str = "la") -> None:
        face = font(size * SCALE, typeface_of(words))
        self._draw.text((at[0] * SCALE, at[1] * SCALE), words, colour, face, anchor)

    def line(self, points: list[tuple[float, float]], colour: Colour, width: float) -> None:
        scaled = [(x * SCALE, y * SCALE) for x, y in points]
        self._draw.line(scaled, colour, max(1, round(width * SCALE)), joint="curve")

    def box(self, box: tuple[float, float, float, float], colour: Colour) -> None:
        x1, y1, x2, y2 = (round(v * SCALE) for v in box)
        self._draw.rectangle((x1, y1, x2 - 1, y2 - 1), colour)

    def upright(self, at: tuple[float, float], words: str, size: int, colour: Colour = TEXT) -> None:
        """Words from bottom to top; `at` is the middle of their lower end."""
        face = font(size * SCALE, typeface_of(words))
        length, height = int(face.getlength(words)) + 2 * SCALE, round(size * SCALE * 1.4)
        strip = Image.new("RGB", (max(1, length), height), PAPER)
        ImageDraw.Draw(strip).text((0, height / 2), words, colour, face, "lm")
        turned = strip.rotate(90, expand=True)
        self._image.paste(turned, (round(at[0] * SCALE - height / 2), round(at[1] * SCALE - turned.height)))

    def finished(self) -> Image.Image:
        return self._image.resize(self._size, Image.Resampling.LANCZOS)


def precision_recall(curves: tuple[PrecisionRecall, ...], kind: str) -> Image.Image:
    """The curve of each class and their mean, at IoU (OKS) 0.5. The first curve is the mean."""
    classes = curves[1:]
    coloured = len(classes) <= len(CLASS_COLOURS)
    legend = 230
    left, top, side = 64, 64, 520
    sheet = _Sheet(left + side + 28 + legend, top + side + 64)
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
        entries += [(f"{c.average:.3f}  {_words(c.label)}", CLASS_COLOURS[k], 1.6) for k, c in enumerate(classes)]
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


def _extremes(sheet: _Sheet, classes: tuple[PrecisionRecall, ...], x: float, y: float, width: int) -> None:
    """The weakest and the strongest classes by name, since their lines cannot be told apart."""
    ordered = sorted(classes, key=lambda c: c.average)
    for title, chosen in (("weakest classes", ordered[:6]), ("strongest classes", ordered[:-7:-1])):
        sheet.text((x, y), title, 13, FAINT)
        for row, curve in enumerate(chosen):
            words = fit(f"{curve.average:.3f}  {_words(curve.label)}", 14, width - 8)
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
    """The table as a picture: rows are the truth, columns what was predicted; a row's colours are its shares.

    `rest` names the last column and the last row, which stand for nothing.
    """
    counts, chosen = _chosen(table)
    labels = [_words(label) for label in chosen]
    rows = [*labels, rest[1]] if rest[1] else list(labels)
    columns = [*labels, rest[0]]
    shown = counts[: len(rows), : len(columns)]
    cell = max(12, min(56, 1400 // max(1, len(columns))))
    size = max(9, min(14, round(cell * 0.62)))
    longest = max([text_size(n, size)[0] for n in (*rows, *columns)] + [60])
    label = min(190, round(longest) + 14)
    left, top = label + 40, label + 78
    sheet = _Sheet(max(left + cell * len(columns) + 24, 420), top + cell * len(rows) + 24)
    dropped = len(table.labels) - len(labels)
    title = f"Confusion ({note})" + (f", the {len(labels)} classes with the most objects" if dropped else "")
    sheet.text((16, 16), title, 20)
    sheet.text((left, 48), "predicted", 14, FAINT)
    sheet.upright((18, top + 44), "truth", 14, FAINT)
    totals = shown.sum(axis=1)
    for r, name in enumerate(rows):
        y = top + r * cell
        faint = bool(rest[1]) and r == len(rows) - 1
        words = fit(name, size, label - 10)
        sheet.text((left - 8, y + cell / 2), words, size, FAINT if faint else TEXT, "rm")
        for c in range(len(columns)):
            count = int(shown[r, c])
            share = count / int(totals[r]) if totals[r] else 0.0
            x = left + c * cell
            sheet.box((x, y, x + cell - 1, y + cell - 1), _shade(share, r == c, faint))
            if count and cell >= 22:
                _number(sheet, (x + cell / 2, y + cell / 2), count, cell, share > 0.55 and not faint)
    for c, name in enumerate(columns):
        words = fit(name, size, label - 10)
        sheet.upright((left + (c + 0.5) * cell, top - 6), words, size, FAINT if c == len(columns) - 1 else TEXT)
    return sheet.finished()


def _chosen(table: ConfusionTable) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.int64]], list[str]]:
    counts = table.counts
    if len(table.labels) <= MOST_CLASSES:
        return counts, list(table.labels)
    weight = counts[:-1].sum(axis=1) + counts[:, :-1].sum(axis=0)[: len(table.labels)]
    keep = np.sort(np.argsort(-weight, kind="stable")[:MOST_CLASSES])
    whole = np.append(keep, len(table.labels))
    return counts[np.ix_(whole, whole)], [table.labels[k] for k in keep]


def _shade(share: float, right: bool, faint: bool) -> Colour:
    """White to blue on the diagonal, white to orange off it; grey for the row of spurious detections."""
    full = (150, 156, 164) if faint else (MEAN if right else (222, 98, 30))
    base = (247, 248, 250)
    strength = share**0.6
    r, g, b = (round(a + (z - a) * strength) for a, z in zip(base, full, strict=True))
    return r, g, b


def _number(sheet: _Sheet, at: tuple[float, float], count: int, cell: int, light: bool) -> None:
    words = str(count)
    if count >= 10**6:
        words = f"{count / 10**6:.3g}M"
    elif count >= 10**4:
        words = f"{count / 10**3:.3g}k"
    size = max(8, min(14, int(cell * 0.4), int(1.5 * cell / max(1, len(words)))))
    sheet.text(at, words, size, PAPER if light else TEXT, "mm")
