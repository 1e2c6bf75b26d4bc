"""Evaluating detections: `vision iou` and the libraries behind or beside it, on one generated data set."""

import json
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np

CLASSES = 80
_BOXES = 7.2  # objects a picture, as in COCO val2017


def make_dataset(folder: Path, pictures: int) -> tuple[Path, Path]:
    """COCO ground truth and detections: jittered copies of most objects, and false alarms."""
    rng = np.random.default_rng(0)
    images, truth, found = [], [], []
    for image_id in range(1, pictures + 1):
        images.append({"id": image_id, "width": 640, "height": 480, "file_name": f"{image_id}.jpg"})
        for _ in range(rng.poisson(_BOXES)):
            width, height = rng.uniform(10, 200, 2)
            box = [*(rng.uniform(0, 1, 2) * (640 - width, 480 - height)), width, height]
            category = int(rng.integers(1, CLASSES + 1))
            truth.append(
                {
                    "id": len(truth) + 1,
                    "image_id": image_id,
                    "category_id": category,
                    "bbox": [round(float(v), 2) for v in box],
                    "area": round(float(width * height), 2),
                    "iscrowd": 0,
                }
            )
            if rng.random() < 0.8:
                moved = np.array(box) + rng.normal(0, 4, 4)
                moved[2:] = np.maximum(moved[2:], 2)
                found.append((image_id, category, moved, rng.uniform(0.3, 1)))
        for _ in range(rng.poisson(2)):
            found.append((image_id, int(rng.integers(1, CLASSES + 1)), rng.uniform(10, 200, 4), rng.uniform(0, 0.6)))
    categories = [{"id": i, "name": f"class {i}"} for i in range(1, CLASSES + 1)]
    truth_file, found_file = folder / "truth.json", folder / "found.json"
    truth_file.write_text(json.dumps({"images": images, "annotations": truth, "categories": categories}))
    detections = [
        {"image_id": i, "category_id": c, "bbox": [round(float(v), 2) for v in box], "score": round(float(s), 4)}
        for i, c, box, s in found
    ]
    found_file.write_text(json.dumps(detections))
    return truth_file, found_file


_IMPORTS = {
    "pycocotools": "from pycocotools.coco import COCO; from pycocotools.cocoeval import COCOeval as Evaluate",
    "faster-coco-eval": "from faster_coco_eval import COCO, COCOeval_faster as Evaluate",
    "hotcoco": "from hotcoco import COCO, COCOeval as Evaluate",
}


def _script(name: str) -> str:
    load = "load_res" if name == "hotcoco" else "loadRes"
    return (
        f"import sys; {_IMPORTS[name]}; truth = COCO(sys.argv[1]); "
        f"run = Evaluate(truth, truth.{load}(sys.argv[2]), 'bbox'); "
        "run.evaluate(); run.accumulate(); run.summarize()"
    )


def evaluation_commands(folder: Path, pictures: int) -> dict[str, list[str]]:
    """What evaluates a data set of so many pictures, by name."""
    truth, found = map(str, make_dataset(folder, pictures))
    ours = [sys.executable, "-m", "visioncli", "iou", truth, found, "--json", "-q"]
    commands = {"vision iou": ours, "vision iou --engine numpy": [*ours, "--engine", "numpy"]}
    if find_spec("hotcoco"):
        commands["vision iou --engine hotcoco"] = [*ours, "--engine", "hotcoco"]
    for name in _IMPORTS:
        if find_spec(name.replace("-", "_")):
            commands[name] = [sys.executable, "-c", _script(name), truth, found]
    return commands
