"""Torchvision's networks with its default weights, read from the tables beside this file.

Figures are those of torchvision's own weight metadata. Multiply-adds are for the input size of the table, for
detection networks for the pictures of COCO val2017.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from visioncli.models.row import Accuracy, Download, Form, InputSpec, ModelRow

_WEIGHTS = "https://download.pytorch.org/models/"
_REPOSITORY = "https://github.com/pytorch/vision/"
_REFERENCES = "tree/main/references/"

# The code is BSD-3-Clause; torchvision grants no separate licence for its weights and points to the data's terms.
_LICENCE = "code BSD-3-Clause; weights: none stated"
_SWAG_LICENCE = "code BSD-3-Clause; weights CC-BY-NC-4.0"

_SCALES = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "half": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "caffe": ((0.48235, 0.45882, 0.40784), (1 / 255, 1 / 255, 1 / 255)),
}
# Their feature maps are sequences, or keep channels last: class activation maps need channels first.
_NO_FEATURE_MAP = ("ViT", "Swin", "Swin v2")


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of a table below its family's header."""

    family: str
    paper: str
    about: str
    cells: tuple[str, ...]


def _lines(table: str) -> list[_Line]:
    found: list[_Line] = []
    family = paper = about = ""
    for line in (Path(__file__).parent / f"{table}.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            family, _, rest = line[1:].partition("] ")
            paper, about = rest.split(" ", 1)
        elif line.strip() and not line.startswith("#"):
            found.append(_Line(family, paper, about, tuple(line.split())))
    return found


def _row(
    line: _Line, tasks: tuple[str, ...], labels: str, accuracy: tuple[Accuracy, ...], form: Form = ""
) -> ModelRow:
    name, parameters, gflops, mib, _, _, size, resize, interpolation, scale, file, recipe = line.cells
    mean, std = _SCALES[scale]
    if not recipe.startswith("http"):
        recipe = _REPOSITORY + recipe.replace("references/", _REFERENCES)
    return ModelRow(
        name=name,
        tasks=tasks,
        architecture=f"torchvision:{name}",
        source=Download(_WEIGHTS + file),
        input=InputSpec(int(size), 0 if resize == "-" else int(resize), interpolation, mean, std),
        labels=labels,
        parameters=int(parameters),
        gflops=float(gflops),
        licence=_SWAG_LICENCE if "swag" in file else _LICENCE,
        paper=line.paper,
        about=line.about,
        accuracy=accuracy,
        file_mib=float(mib),
        recipe=recipe,
        form=form,
        family=line.family,
    )


def _classification(line: _Line) -> ModelRow:
    first, fifth = (float(x) for x in line.cells[4:6])
    on = "ImageNet-1k val"
    tasks = ("classify",) if line.family in _NO_FEATURE_MAP else ("classify", "gradcam")
    return _row(line, tasks, "imagenet1k", (Accuracy("top-1", first, on), Accuracy("top-5", fifth, on)))


_DETECTION_TASKS = {"Mask R-CNN": ("detect", "segment"), "Keypoint R-CNN": ("pose",)}
_FORMS: dict[str, Form] = {"Mask R-CNN": "instances", "Keypoint R-CNN": "people"}
_SECOND_METRIC = {"Mask R-CNN": "mask AP", "Keypoint R-CNN": "keypoint AP"}


def _detection(line: _Line) -> ModelRow:
    on = "COCO val2017"
    accuracy = [Accuracy("box AP", float(line.cells[4]), on)]
    if line.family in _SECOND_METRIC:
        accuracy.insert(0, Accuracy(_SECOND_METRIC[line.family], float(line.cells[5]), on))
    tasks = _DETECTION_TASKS.get(line.family, ("detect",))
    return _row(line, tasks, "coco", tuple(accuracy), _FORMS.get(line.family, "boxes"))


def _segmentation(line: _Line) -> ModelRow:
    on = "COCO val2017, VOC classes"
    accuracy = (Accuracy("mIoU", float(line.cells[4]), on), Accuracy("pixel accuracy", float(line.cells[5]), on))
    return _row(line, ("segment",), "voc", accuracy, "pixels")


_TABLES: dict[str, Callable[[_Line], ModelRow]] = {
    "classification": _classification,
    "detection": _detection,
    "segmentation": _segmentation,
}

ROWS: tuple[ModelRow, ...] = tuple(build(line) for table, build in _TABLES.items() for line in _lines(table))
