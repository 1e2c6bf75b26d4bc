"""The pointing game (Zhang et al., 2016): does a map's peak lie on the object that the class names?

    python benchmarks/pointing_game.py IMAGES instances.json [--methods gradcam,layercam] [--model NAME] [--top N]

IMAGES is a folder of COCO pictures, instances.json their annotations. A picture takes part when one of its N best
ImageNet classes (default: the best alone) stands for a COCO class that is annotated in it. A method scores where
the peak of its map for that ImageNet class lies in a box of that COCO class. The picture's centre, which finds
most objects that photographers put there, is in the same table; so is the share of the picture that the boxes
cover, which is what a random point would score.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from visioncli import load
from visioncli.predictions import Box
from visioncli.results import Record

COCO_OF_IMAGENET: dict[str, tuple[int | range, ...]] = {
    "person": (981, 982, 983),
    "bicycle": (444, 671),
    "car": (407, 436, 468, 511, 609, 627, 656, 661, 751, 817),
    "motorcycle": (665, 670),
    "airplane": (404, 895),
    "bus": (654, 779, 874),
    "train": (466, 547, 705, 820, 829),
    "truck": (555, 569, 675, 717, 864, 867),
    "boat": (472, 484, 554, 576, 625, 780, 814, 871, 914),
    "traffic light": (920,),
    "stop sign": (919,),
    "parking meter": (704,),
    "bench": (703,),
    "bird": (range(7, 25), range(80, 101), range(127, 147)),
    "cat": (range(281, 286),),
    "dog": (range(151, 269),),
    "horse": (339,),
    "sheep": (348, 349),
    "cow": (345, 346),
    "elephant": (101, 385, 386),
    "bear": (range(294, 298),),
    "zebra": (340,),
    "backpack": (414,),
    "umbrella": (879,),
    "handbag": (748,),
    "tie": (457, 906),
    "skis": (795,),
    "sports ball": (429, 430, 522, 574, 722, 768, 805, 852, 890),
    "tennis racket": (752,),
    "bottle": (440, 720, 737, 898, 907),
    "wine glass": (572,),
    "cup": (504, 967, 968),
    "bowl": (659, 809),
    "banana": (954,),
    "apple": (948,),
    "sandwich": (933,),
    "orange": (950,),
    "broccoli": (937,),
    "hot dog": (934,),
    "pizza": (963,),
    "chair": (423, 559, 765, 857),
    "couch": (831,),
    "potted plant": (738,),
    "bed": (564,),
    "dining table": (532,),
    "toilet": (861,),
    "tv": (664, 782, 851),
    "laptop": (620, 681),
    "mouse": (673,),
    "remote": (761,),
    "keyboard": (508,),
    "cell phone": (487,),
    "microwave": (651,),
    "oven": (827,),
    "toaster": (859,),
    "sink": (896,),
    "refrigerator": (760,),
    "book": (917, 921),
    "clock": (409, 530, 892),
    "vase": (883,),
    "teddy bear": (850,),
    "hair drier": (589,),
}
"""COCO class -> the ImageNet classes (0 to 999) that name the same kind of thing."""


def coco_by_imagenet() -> dict[int, str]:
    """ImageNet class index -> COCO class name."""
    pairs: dict[int, str] = {}
    for name, entries in COCO_OF_IMAGENET.items():
        for entry in entries:
            pairs |= dict.fromkeys(entry if isinstance(entry, range) else (entry,), name)
    return pairs


def objects_by_picture(instances: Path) -> dict[str, dict[str, list[Box]]]:
    """File name -> COCO class -> boxes x1, y1, x2, y2 of single objects."""
    body = json.loads(instances.read_text())
    files = {image["id"]: image["file_name"] for image in body["images"]}
    names = {category["id"]: category["name"] for category in body["categories"]}
    found: dict[str, dict[str, list[Box]]] = defaultdict(lambda: defaultdict(list))
    for annotation in body["annotations"]:
        if not annotation.get("iscrowd"):
            x, y, width, height = annotation["bbox"]
            box = (x, y, x + width, y + height)
            found[files[annotation["image_id"]]][names[annotation["category_id"]]].append(box)
    return found


def inside(point: tuple[float, float], boxes: list[Box]) -> bool:
    """Whether a point lies in one of the boxes."""
    return any(x1 <= point[0] <= x2 and y1 <= point[1] <= y2 for x1, y1, x2, y2 in boxes)


def covered(boxes: list[Box], width: int, height: int) -> float:
    """The share of the picture that the boxes cover together."""
    import numpy as np

    mask = np.zeros((height, width), bool)
    for x1, y1, x2, y2 in boxes:
        mask[round(y1) : round(y2), round(x1) : round(x2)] = True
    return float(mask.mean())


def rounds(record: Record, objects: dict[str, list[Box]]) -> Iterator[tuple[tuple[float, float], list[Box]]]:
    """The peak and the boxes for each explained class that stands for an annotated COCO class."""
    coco_class = coco_by_imagenet()
    for explanation in record.predictions or ():
        boxes = objects.get(coco_class.get(explanation.label_id, ""))
        if boxes:
            yield explanation.peak, boxes


def play(pictures: list[Path], truth: dict[str, dict[str, list[Box]]], method: str, model: str, top: int) -> str:
    """One row of the table: a method beside the two baselines on the same peaks."""
    explain = load("gradcam", model, method=method, target=f"top-{top}")
    hits, centres, areas = [], [], []
    for path in pictures:
        record = explain(path)
        assert record.width and record.height
        for peak, boxes in rounds(record, truth[path.name]):
            hits.append(inside(peak, boxes))
            centres.append(inside((record.width / 2, record.height / 2), boxes))
            areas.append(covered(boxes, record.width, record.height))
    if not hits:
        sys.exit("No picture's class stands for an object that is annotated in it.")
    mean = [100 * sum(values) / len(values) for values in (hits, centres, areas)]
    return f"| {method} | {len(hits)} | {mean[0]:.1f} % | {mean[1]:.1f} % | {mean[2]:.1f} % |"


def main() -> None:
    """Prints the table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", type=Path, help="folder of COCO pictures")
    parser.add_argument("instances", type=Path, help="their instances.json")
    parser.add_argument("--methods", default="gradcam,gradcam++,smoothgradcam++,xgradcam,layercam,eigencam")
    parser.add_argument("--model", default="efficientnet_lite0")
    parser.add_argument("--top", type=int, default=1, help="classes a picture that may take part")
    options = parser.parse_args()
    truth = objects_by_picture(options.instances)
    pictures = [path for path in sorted(options.images.iterdir()) if path.name in truth]
    print("| method | peaks | in the object's box | centre of the picture | a random point |")
    print("|---|---|---|---|---|")
    for method in options.methods.split(","):
        print(play(pictures, truth, method, options.model, options.top), flush=True)


if __name__ == "__main__":
    main()
