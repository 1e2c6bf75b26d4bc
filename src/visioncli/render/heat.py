"""Heat maps over pictures."""

import numpy as np
from PIL import Image, ImageDraw

from visioncli.predictions import Explanation
from visioncli.render.canvas import FAINT, INK, STRIP, Arrays, below, fit, readable_size, text_size, write
from visioncli.render.colour_maps import colour_table
from visioncli.render.detect import draw_boxes, mark
from visioncli.render.fonts import legible
from visioncli.render.spectrogram import framed, plot_size
from visioncli.results import Record
from visioncli.tasks.gradcam.heat import on_picture, unpacked

LEAST_WIDTH = 240
GAP = 4
_BLOCK = 1 << 22
"""Pixels that are coloured at once; bounds the working memory."""


def overlay(image: Image.Image, heat: np.ndarray, opacity: float) -> Image.Image:
    """The picture under its heat map `(H, W) uint16`, mixed in equal parts everywhere: `opacity` 0 to 1."""
    table, canvas = colour_table(), image.copy()
    step = max(1, _BLOCK // image.width)
    for top in range(0, image.height, step):
        rows = heat[top : top + step]
        colours = Image.fromarray(table[(rows >> 8).astype(np.uint8)])
        part = image.crop((0, top, image.width, top + len(rows)))
        canvas.paste(Image.blend(part, colours, opacity), (0, top))
    return canvas


def draw(
    image: Image.Image, record: Record, arrays: Arrays, *, opacity: float = 0.5, grid: bool = False
) -> Image.Image:
    """The first explanation over the picture; with `grid`, or where models are compared, all side by side."""
    found: tuple[Explanation, ...] = record.predictions or ()
    if not found:
        return _panel(image, None, "nothing to explain")
    several = grid or len({e.model for e in found}) > 1
    panels = []
    for n, explanation in enumerate(found if several else found[:1]):
        if "spectrogram" in arrays:
            heated = _heard(image, arrays, n, opacity)
        else:
            heated = overlay(image, unpacked(arrays, n, image.width, image.height), opacity)
        name = legible(explanation.label, f"#{explanation.label_id}")
        caption = f"{name} {explanation.score:.2f} · {explanation.method}"
        if len({e.model for e in found}) > 1:
            caption = f"{explanation.model}: {caption}"
        panels.append(_panel(heated, explanation, caption))
    return side_by_side(panels)


def _heard(image: Image.Image, arrays: Arrays, n: int, opacity: float) -> Image.Image:
    """The grey spectrogram of a recording under its heat map, with seconds and hertz."""
    width, height = plot_size(*image.size)
    large = image.resize((width, height), Image.Resampling.BILINEAR)
    heat = on_picture(arrays[f"map_{n}"], (0.0, 0.0, float(width), float(height)), width, height)
    return framed(overlay(large, heat, opacity), arrays, image.width)


def _panel(image: Image.Image, explanation: Explanation | None, caption: str) -> Image.Image:
    if explanation is not None and explanation.target is not None:
        draw_boxes(image, [mark(explanation.target, explanation.label, explanation.label_id)])
    width = max(image.width, LEAST_WIDTH)
    size = readable_size(width, image.height)
    canvas, pen, top = below(image, round(size * 2), width)
    room = round(width - size * 1.2)
    scale = _scale(size)
    if explanation is not None and text_size(caption, size)[0] + 2 * size + scale.width <= room:
        canvas.paste(scale, (round(width - size * 0.6) - scale.width, top + (2 * size - scale.height) // 2))
    write(pen, (size * 0.6, top + size), fit(caption, size, room), size, INK)
    return canvas


def _scale(size: int) -> Image.Image:
    """What the colours say: a bar from little to much evidence, between the words "low" and "high"."""
    face, bar = max(10, round(size * 0.8)), (6 * size, max(4, round(size * 0.5)))
    low, high, gap = text_size("low", face)[0], text_size("high", face)[0], round(face * 0.5)
    image = Image.new("RGB", (low + high + 2 * gap + bar[0], 2 * (size - 1)), STRIP)
    pen = ImageDraw.Draw(image)
    middle = image.height // 2
    write(pen, (0, middle), "low", face, FAINT)
    write(pen, (image.width, middle), "high", face, FAINT, side="r")
    colours = Image.fromarray(colour_table()[None]).resize(bar, Image.Resampling.BILINEAR)
    image.paste(colours, (low + gap, middle - bar[1] // 2))
    return image


def side_by_side(panels: list[Image.Image]) -> Image.Image:
    """Panels of one size in rows, as near to a square as they go."""
    if len(panels) == 1:
        return panels[0]
    columns = len(panels) if len(panels) <= 3 else -(-len(panels) // round(len(panels) ** 0.5))
    rows = -(-len(panels) // columns)
    width, height = panels[0].size
    canvas = Image.new("RGB", (columns * (width + GAP) - GAP, rows * (height + GAP) - GAP), STRIP)
    for n, panel in enumerate(panels):
        canvas.paste(panel, ((n % columns) * (width + GAP), (n // columns) * (height + GAP)))
    return canvas
