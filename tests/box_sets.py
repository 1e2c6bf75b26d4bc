"""Small pictures with boxes that are drawn: bright and dark blocks on a grey ground, as COCO's annotations."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

NAMES = ("bright", "dark")
SIZE = (96, 64)


def draw_boxes(folder: Path, count: int = 12, names: tuple[str, ...] = NAMES, seed: int = 0) -> Path:
    """`images/` and `instances.json` below the folder; a picture has one or two blocks, the first one none."""
    rng = np.random.default_rng(seed)
    (folder / "images").mkdir(parents=True)
    images, annotations = [], list[dict[str, Any]]()
    for n in range(count):
        pixels = rng.normal(110, 12, (SIZE[1], SIZE[0], 3))
        images.append({"id": n, "file_name": f"{n}.png", "width": SIZE[0], "height": SIZE[1]})
        for half in range(int(rng.integers(1, 3)) if n else 0):
            kind = int(rng.integers(len(names)))
            width, height = (int(rng.integers(16, 30)) for _ in range(2))
            x, y = 48 * half + int(rng.integers(0, 48 - width)), int(rng.integers(0, SIZE[1] - height))
            pixels[y : y + height, x : x + width] += 90 if kind == 0 else -90
            annotations.append(annotation(len(annotations), n, kind, [x, y, width, height]))
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(folder / "images" / f"{n}.png")
    return save(folder, images, annotations, names)


def annotation(number: int, image: int, kind: int, box: list[float], **others: Any) -> dict[str, Any]:
    """An object as COCO has it."""
    area = box[2] * box[3]
    return {"id": number, "image_id": image, "category_id": kind, "bbox": box, "area": area, "iscrowd": 0} | others


def save(
    folder: Path, images: list[dict[str, Any]], annotations: list[dict[str, Any]], names: tuple[str, ...] = NAMES
) -> Path:
    """Writes `instances.json`; the folder."""
    categories = [{"id": n, "name": name} for n, name in enumerate(names)]
    body = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "instances.json").write_text(json.dumps(body))
    return folder


def read(folder: Path) -> dict[str, Any]:
    """What `instances.json` holds."""
    body: dict[str, Any] = json.loads((folder / "instances.json").read_text())
    return body
