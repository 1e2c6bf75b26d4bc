"""Confusion tables as a picture, drawn with Pillow."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from visioncli.render.canvas import Colour, fit, text_size
from visioncli.render.sheet import FAINT, MEAN, PAPER, TEXT, Sheet, one_line

MOST_CLASSES = 100
"""A confusion table with more classes than this shows those with the most objects."""
SMALLEST_CELL = 10


def draw(
    labels: Sequence[str],
    counts: np.ndarray,
    note: str,
    *,
    rest: tuple[str, str] = ("", ""),
    most: int = MOST_CLASSES,
    objects: str = "objects",
    confused: bool = False,
) -> Image.Image:
    """The table as a picture: rows are the truth, columns what was predicted; a row's colours are its shares.

    `counts` is `(C, C) int64`, or `(C + 1, C + 1)` where the last column and the last row stand for nothing: `rest`
    names them, an empty name leaves them out. With more than `most` classes those with the most `objects` are shown,
    or, where `confused`, those that are most often taken for each other.
    """
    counts, chosen = _chosen(tuple(labels), counts, most, confused=confused)
    names = [one_line(label) for label in chosen]
    rows = [*names, rest[1]] if rest[1] else list(names)
    columns = [*names, rest[0]] if rest[0] else list(names)
    shown = counts[: len(rows), : len(columns)]
    cell = max(SMALLEST_CELL, min(56, 1400 // max(1, len(columns))))
    size = max(9, min(14, round(cell * 0.62)))
    longest = max([text_size(n, size)[0] for n in (*rows, *columns)] + [60])
    label = min(190, round(longest) + 14)
    left, top = label + 40, label + 78
    dropped = len(labels) - len(names)
    title = f"Confusion ({note})"
    if dropped:
        which = f"of {len(labels):,} that are confused most" if confused else f"with the most {objects}"
        title += f", the {len(names)} classes {which}"
    width = max(left + cell * len(columns) + 24, 420, text_size(title, 20)[0] + 32)
    sheet = Sheet(width, top + cell * len(rows) + 24)
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
            if count:
                _number(sheet, (x + cell / 2, y + cell / 2), count, cell, share > 0.55 and not faint)
    for c, name in enumerate(columns):
        words = fit(name, size, label - 10)
        faint = bool(rest[0]) and c == len(columns) - 1
        sheet.upright((left + (c + 0.5) * cell, top - 6), words, size, FAINT if faint else TEXT)
    return sheet.finished()


def _chosen(
    labels: tuple[str, ...], counts: np.ndarray, most: int, *, confused: bool
) -> tuple[np.ndarray, list[str]]:
    n = len(labels)
    if n <= most:
        return counts, list(labels)
    weight = counts[:n].sum(axis=1) + counts[:, :n].sum(axis=0)
    order = np.argsort(-weight, kind="stable")
    if confused:
        order = np.array(list(dict.fromkeys([*_confused(counts[:n, :n], most), *order.tolist()])), int)
    keep = np.sort(order[:most])
    whole = np.append(keep, n) if len(counts) > n else keep
    return counts[np.ix_(whole, whole)], [labels[k] for k in keep]


def _confused(counts: np.ndarray, most: int) -> list[int]:
    """The classes of the most frequent confusions, both of each, as far as `most` classes have room for them."""
    mistakes = counts * ~np.eye(len(counts), dtype=bool)
    pairs = np.argsort(-mistakes, axis=None, kind="stable")[: np.count_nonzero(mistakes)]
    found: dict[int, None] = {}
    for pair in pairs.tolist():
        both = dict.fromkeys(divmod(pair, len(counts)))
        if len(found | both) > most:
            break
        found |= both
    return list(found)


def _shade(share: float, right: bool, faint: bool) -> Colour:
    """White to blue on the diagonal, white to orange off it; grey for the row of spurious detections."""
    full = (150, 156, 164) if faint else (MEAN if right else (222, 98, 30))
    base = (247, 248, 250)
    strength = share**0.6
    r, g, b = (round(a + (z - a) * strength) for a, z in zip(base, full, strict=True))
    return r, g, b


def _number(sheet: Sheet, at: tuple[float, float], count: int, cell: int, light: bool) -> None:
    """The count, where it can be read in a cell of this size."""
    words = str(count)
    if count >= 10**6:
        words = f"{count / 10**6:.3g}M"
    elif count >= 10**4:
        words = f"{count / 10**3:.3g}k"
    # The smallest letters that can be read are 8 pixels high, and three digits of them 12 wide.
    size = max(8, min(14, int(cell * 0.4), int(1.5 * cell / len(words))))
    if cell >= 22 or cell >= max(12, 4 * len(words)):
        sheet.text(at, words, size, PAPER if light else TEXT, "mm")
