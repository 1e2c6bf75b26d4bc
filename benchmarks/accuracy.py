"""`python -m benchmarks.accuracy --data DIR`: what each network reaches on pictures with known answers.

Every network that this package knows by itself and whose weights are here is run by `vision eval`, captions by
`vision caption`, with their defaults, in each precision that it has; the figures are written where `vision models`
reads them. DIR holds `imagenet/labels.csv`, `coco/instances.json`, `coco/person_keypoints.json` and
`coco/captions.json`, the pictures in `images` beside them. Figures of other networks and precisions stay as they are.
"""

import argparse
import contextlib
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.running import ROOT
from PIL import Image

from visioncli.cli.models.listing import state_of
from visioncli.datasets.interface import F64
from visioncli.engines.interface import PRECISIONS
from visioncli.metrics.intervals import Numbers, intervals, pair
from visioncli.models.labels import load_labels
from visioncli.models.measured import MEASURED_FILE
from visioncli.models.registry import DEFAULTS, ROWS
from visioncli.models.row import ModelRow
from visioncli.tasks.caption.words import tokenise

Figure = dict[str, Any]

ON_CPU = ("fp32", "int8")
"""The precisions of a processor; the others are for GPUs."""
VOC_OF_COCO = {
    "airplane": "aeroplane",
    "motorcycle": "motorbike",
    "dining table": "diningtable",
    "potted plant": "pottedplant",
    "couch": "sofa",
    "tv": "tvmonitor",
}
"""Classes that COCO calls otherwise than Pascal VOC."""
IGNORED = 255
"""The pixels of a label map that do not count: those of COCO's crowds."""


class NotMeasuredError(Exception):
    """A network or precision has no figure: why."""


def vision(*args: str) -> str:
    """What `vision` prints. Raises NotMeasuredError with its words where it ends with another status than 0."""
    command = [sys.executable, "-m", "visioncli", *args]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise NotMeasuredError(ended.stderr.strip().splitlines()[-1] if ended.stderr.strip() else ended.returncode)
    return ended.stdout


def check_precision(row: ModelRow, precision: str) -> None:
    """Raises NotMeasuredError where this machine computes the network in other numbers, as records say."""
    task = next(task for task in row.tasks if task in MEASURES)
    # What captions are made of are the detector's answers.
    name, task = (DEFAULTS["detect"], "detect") if task == "caption" else (row.name, task)
    picture = str(ROOT / "sample_images" / "coffee.png")
    said = vision(task, picture, "-m", name, "--precision", precision, "--out", "-", "--json", "--quiet")
    found = json.loads(said)["model"].get("precision") or "fp32"
    if found != precision:
        raise NotMeasuredError(f"here it computes in {found}")


def evaluated(row: ModelRow, precision: str, data: Path, *args: str) -> dict[str, Any]:
    """The document of `vision eval` about one network."""
    with_options = ("--model", row.name, "--precision", precision, "--json", "--quiet", "--out", "-")
    document: dict[str, Any] = json.loads(vision("eval", str(data), *args, *with_options))
    if document["failed"]:
        raise NotMeasuredError(f"{document['failed']} pictures failed")
    return document


def figure(metric: str, value: float, ends: Sequence[float], on: str, pictures: int, *, share: bool = True) -> Figure:
    """One entry of `measured.json`, without what all of a network's share; shares become per cent."""
    digits, factor = (2, 100) if share else (4, 1)
    low, high = (round(factor * end, digits) for end in ends)
    shown = round(factor * value, digits)
    return {"metric": metric, "value": shown, "low": low, "high": high, "on": on, "pictures": pictures}


def classification(row: ModelRow, precision: str, data: Path) -> list[Figure]:
    """top-1 and top-5 on ImageNet's classes."""
    if row.labels != "imagenet1k":
        raise NotMeasuredError(f"it has other classes ({row.labels}) than the pictures")
    found = evaluated(row, precision, data / "imagenet" / "labels.csv")
    (one,) = found["models"]
    names = (("top-1", "top1"), ("top-5", "top5"))
    return [figure(m, one["total"][k], one["intervals"][k], "ImageNet", one["pictures"]) for m, k in names]


def detection(row: ModelRow, precision: str, data: Path) -> list[Figure]:
    """COCO's average precision of boxes."""
    return _coco(row, precision, data / "coco" / "instances.json", "detect", (("box AP", "AP"), ("box AP50", "AP50")))


def keypoints(row: ModelRow, precision: str, data: Path) -> list[Figure]:
    """COCO's average precision of keypoints, by OKS."""
    return _coco(row, precision, data / "coco" / "person_keypoints.json", "pose", (("keypoint AP", "AP"),))


def _coco(row: ModelRow, precision: str, truth: Path, task: str, names: tuple[tuple[str, str], ...]) -> list[Figure]:
    found = evaluated(row, precision, truth, "--images", str(truth.parent / "images"), "--task", task)
    (one,) = found["models"]
    return [figure(m, one["coco"][k], one["intervals"][k], "COCO val2017", one["pictures"]) for m, k in names]


def segmentation(row: ModelRow, precision: str, data: Path) -> list[Figure]:
    """Mean IoU over those of Pascal VOC's classes, background included, that occur in COCO's annotations."""
    if row.labels != "voc":
        raise NotMeasuredError("its classes are not Pascal VOC's, for which there are label maps")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_label_maps(data / "coco" / "instances.json", folder)
        images = str(data / "coco" / "images")
        found = evaluated(row, precision, folder, "--images", images, "--task", "segment")
    (one,) = found["models"]
    ends = one["intervals"]["miou"]
    return [figure("mIoU", one["total"]["miou"], ends, "COCO val2017", one["pictures"])]


def write_label_maps(instances: Path, folder: Path) -> None:
    """Label maps of Pascal VOC's classes out of COCO's instances: small objects lie on large ones."""
    from pycocotools.coco import COCO

    voc = {name: number for number, name in load_labels("voc").items()}
    with contextlib.redirect_stdout(None):
        truth = COCO(str(instances))
    numbers = {
        category["id"]: voc.get(VOC_OF_COCO.get(category["name"], category["name"]), 0)
        for category in truth.loadCats(truth.getCatIds())
    }
    for image in truth.loadImgs(truth.getImgIds()):
        classes = np.zeros((image["height"], image["width"]), np.uint8)
        known = [a for a in truth.imgToAnns[image["id"]] if numbers[a["category_id"]]]
        for annotation in sorted(known, key=lambda a: (not a["iscrowd"], -a["area"])):
            inside = truth.annToMask(annotation).astype(bool)
            classes[inside] = IGNORED if annotation["iscrowd"] else numbers[annotation["category_id"]]
        Image.fromarray(classes).save(folder / f"{Path(image['file_name']).stem}.png")


class Mean:
    """The mean of one number a picture, (N,), as something that can be resampled: see `metrics.intervals.Sample`."""

    width = 1

    def __init__(self, values: Sequence[float]) -> None:
        self._values = np.array(values, float)

    def __len__(self) -> int:
        return len(self._values)

    def measure(self, weights: F64) -> Numbers:
        """The mean where pictures count with `weights`, (B, N) float64."""
        return Numbers({"mean": weights @ self._values / weights.sum(axis=1)})


def captions(row: ModelRow, precision: str, data: Path) -> list[Figure]:
    """CIDEr against COCO's captions; a picture without a caption of the network has 0."""
    from pycocoevalcap.cider.cider import Cider

    truth = json.loads((data / "coco" / "captions.json").read_text(encoding="utf-8"))
    images = data / "coco" / "images"
    names = {image["id"]: image["file_name"] for image in truth["images"]}
    said = vision("caption", str(images), "-m", row.name, "--precision", precision, "--out", "-", "--json", "--quiet")
    records = {Path(record["input"]).name: record for record in map(json.loads, said.splitlines())}
    told = {}
    for number, name in names.items():
        best = records[name]["predictions"][:1]
        told[number] = [" ".join(tokenise(one["caption"])) for one in best] or [""]
    references: dict[int, list[str]] = {number: [] for number in names}
    for one in truth["annotations"]:
        references[one["image_id"]].append(" ".join(tokenise(one["caption"])))
    _, each = Cider().compute_score(references, told)
    values = [float(v) for v in each]
    ends = pair(intervals(Mean(values)).totals["mean"]) or (math.nan, math.nan)
    return [figure("CIDEr", float(np.mean(values)), ends, "COCO val2017", len(values), share=False)]


MEASURES: dict[str, Callable[[ModelRow, str, Path], list[Figure]]] = {
    "classify": classification,
    "detect": detection,
    "segment": segmentation,
    "pose": keypoints,
    "caption": captions,
}


def measure(row: ModelRow, precision: str, data: Path) -> list[Figure]:
    """All figures of a network. Raises NotMeasuredError where it has none."""
    if not MEASURES.keys() & set(row.tasks):
        raise NotMeasuredError(f"nothing measures {', '.join(row.tasks)}")
    check_precision(row, precision)
    figures: list[Figure] = []
    reasons: list[str] = []
    for task in row.tasks:
        if task in MEASURES:
            try:
                figures += MEASURES[task](row, precision, data)
            except NotMeasuredError as reason:
                reasons.append(str(reason))
    if not figures:
        raise NotMeasuredError("; ".join(reasons))
    sha256 = getattr(row.source, "sha256", None)
    return [one | {"precision": precision, "weights_sha256": sha256} for one in figures]


def merged(before: dict[str, list[Figure]], row: ModelRow, found: list[Figure]) -> dict[str, list[Figure]]:
    """`before` with the figures of one network and precision in the place of its former ones.

    What belongs to other weights is left out; rows and precisions stand in the order in which they are known.
    """
    precision = found[0]["precision"]
    kept = [
        one
        for one in before.get(row.name, [])
        if one["precision"] != precision and one["weights_sha256"] == found[0]["weights_sha256"]
    ]
    figures = sorted([*kept, *found], key=lambda one: ON_CPU.index(one["precision"]))
    after = before | {row.name: figures}
    return {known.name: after[known.name] for known in ROWS if known.name in after}


def wanted(names: str) -> Iterator[ModelRow]:
    """The rows whose weights are here, or those of them that are named, separated by commas."""
    chosen = [name for name in names.split(",") if name]
    here = {row.name: row for row in ROWS if state_of(row) in ("installed", "cached")}
    if missing := [name for name in chosen if name not in here]:
        raise SystemExit(f"Not on this machine: {', '.join(missing)}.")
    yield from (here[name] for name in chosen or here)


def main(given: Sequence[str] | None = None) -> None:
    """Measures and writes after each network, so that what is finished is not lost."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__)
    shared = os.environ.get("VISION_SHARED_DATA")
    parser.add_argument("--data", type=Path, default=shared and Path(shared), help="[env: VISION_SHARED_DATA]")
    parser.add_argument("--only", default="", metavar="NAMES", help="these networks, separated by commas")
    here = ",".join(p for p in ON_CPU if p in PRECISIONS)
    parser.add_argument("--precision", default=here, metavar="NAMES", help=f"separated by commas [default: {here}]")
    parser.add_argument("-o", "--out", type=Path, default=MEASURED_FILE, help="what to write, and to complete")
    options = parser.parse_args(given)
    if options.data is None or not options.data.is_dir():
        parser.error("--data names no folder of pictures with known answers")
    if unknown := [p for p in options.precision.split(",") if p not in ON_CPU or p not in PRECISIONS]:
        parser.error(f"--precision knows {here}, not {', '.join(unknown)}")
    done = json.loads(options.out.read_text(encoding="utf-8")) if options.out.exists() else {}
    for row in wanted(options.only):
        for precision in options.precision.split(","):
            try:
                found = measure(row, precision, options.data)
            except NotMeasuredError as reason:
                print(f"{row.name} in {precision}: not measured: {reason}", flush=True)
                continue
            done = merged(done, row, found)
            options.out.write_text(json.dumps(done, indent=1) + "\n", encoding="utf-8")
            for one in found:
                shown = (
                    f"{one['value']:g} ({one['low']:g} to {one['high']:g}) on {one['pictures']} {one['on']} pictures"
                )
                print(f"{row.name} in {precision}: {one['metric']} {shown}", flush=True)


if __name__ == "__main__":
    main()
