"""What `model.json` of a RUN folder says of its network -> its row. Every field is checked: the file may come from
anywhere."""

import math
import re
from pathlib import Path
from typing import Any

from visioncli.models import mask_learners, registry
from visioncli.models.offset import MOST_OFFSET
from visioncli.models.row import Accuracy, Form, InputSpec, ModelRow, Trained
from visioncli.models.sound import recipe_of
from visioncli.models.trainable import has_class_for_nothing
from visioncli.models.tta import SegmentTta

COLDEST, WARMEST = 1e-3, 1e3
"""What a temperature may be: beyond, logits would overflow, or all classes be alike."""
BACKGROUND = "background"
"""The name of class 0 of detectors that have a class for what is no object; it is none of the row's labels."""
MAKERS: dict[str, re.Pattern[str]] = {
    "generate": re.compile(r"(?:dcgan|style_generator):\d{2}x[13]x\d{1,3}x\d{1,4}"),
    "stylize": re.compile(r"cyclegan:pair-resnet[1-9]\d?-[1-9]\d{0,2}"),
}
"""Tasks of networks that make pictures, and their architectures before the number of classes, of which there may be
none."""
_TASKS = (
    *(("classify",), ("classify", "gradcam"), ("segment",)),
    *(("detect",), ("detect", "segment"), ("detect", "pose"), ("detect", "gradcam")),
    *((task,) for task in MAKERS),
)
PLAIN = {"parameters": int, "gflops": float, "licence": str, "paper": str, "about": str, "family": str}
"""Fields of a row that stand in model.json under their own names."""


def row_in(body: dict[str, Any], folder: Path, weights_file: Path) -> ModelRow:
    """The row of the network in `folder` whose tensors are `weights_file`.

    Raises KeyError, TypeError and ValueError where `body` is not what `write_model` writes.
    """
    labels = tuple(enumerate(_list(body["labels"], str, "labels")))
    tasks = tuple(_list(body["tasks"], str, "tasks"))
    if not (labels or tasks[:1] in [(task,) for task in MAKERS]) or not all(name.strip() for _, name in labels):
        raise ValueError("labels are one name a class, none of them blank")
    thresholds = tuple(_list(body["thresholds"], float, "thresholds"))
    if thresholds and len(thresholds) != len(labels):
        raise ValueError(f"there are {len(thresholds)} thresholds for {len(labels)} classes")
    if not all(0 <= threshold <= 1 for threshold in thresholds):
        raise ValueError("thresholds lie between 0 and 1")
    temperature = _of(body["temperature"], float, "temperature")
    if not COLDEST <= temperature <= WARMEST:
        raise ValueError(f"temperature lies between {COLDEST:g} and {WARMEST:g}, not at {temperature:g}")
    weights = _of(body["weights"], dict, "weights")
    sha256 = _of(weights["sha256"], str, "sha256")
    if not re.fullmatch("[0-9a-f]{64}", sha256):
        raise ValueError("sha256 has 64 hexadecimal digits")
    if tasks not in _TASKS:
        raise ValueError(
            f"tasks are classify, with gradcam where it can, or segment, detect or {' or '.join(MAKERS)}, "
            f"not {', '.join(tasks)}"
        )
    architecture, form = _architecture(_of(body["architecture"], str, "architecture"), len(labels), tasks[0])
    plain: dict[str, Any] = {name: _of(body[name], kind, name) for name, kind in PLAIN.items()}
    if min(plain["parameters"], plain["gflops"]) < 0:
        raise ValueError("parameters and gflops are not below zero")
    return ModelRow(
        name=_name(folder),
        tasks=tasks,
        architecture=architecture,
        source=Trained(str(weights_file), sha256),
        input=_input(_of(body["input"], dict, "input")),
        labels=_without_background(labels, architecture) if "detect" in tasks else labels,
        form=form,
        **_keypoints(body, architecture),
        accuracy=tuple(_accuracy(one) for one in _list(body["accuracy"], dict, "accuracy")),
        sound=recipe_of(body["sound"]) if "sound" in body else None,
        views=_views(body, tasks[0]),
        offset=_offset(body, tasks[0]),
        temperature=temperature,
        thresholds=thresholds,
        **plain,
    )


def _views(body: dict[str, Any], task: str) -> str:
    """Raises ValueError for a word that `--tta` lacks."""
    views: str = _of(body.get("views", ""), str, "views")
    if views and (task != "segment" or views not in list(SegmentTta)):
        raise ValueError(f"views of masks are one of {', '.join(SegmentTta)}, not {views!r}")
    return views


def _offset(body: dict[str, Any], task: str) -> tuple[float, float] | None:
    """Raises ValueError for what is no place beside a mask's."""
    if "offset" not in body:
        return None
    numbers = _list(body["offset"], float, "offset")
    if task != "segment" or len(numbers) != 2 or not all(abs(n) <= MOST_OFFSET for n in numbers):
        raise ValueError(f"offset of masks is two numbers of pixels up to {MOST_OFFSET:g}, not {numbers}")
    down, right = numbers
    return down, right


def _name(folder: Path) -> str:
    """What records call it: the folder's own name, also of `.` and `..`."""
    return folder.name if folder.name not in ("", "..") else folder.resolve().name or "run"


def _without_background(labels: tuple[tuple[int, str], ...], architecture: str) -> tuple[tuple[int, str], ...]:
    """The classes that objects may have: where the network has none for nothing, one may be called so too."""
    first = labels[0][1] == BACKGROUND and len(labels) > 1
    return labels[1:] if first and has_class_for_nothing(architecture) else labels


def _keypoints(body: dict[str, Any], architecture: str) -> dict[str, Any]:
    """The fields of a row that say what its keypoints are. Raises ValueError where the network has not as many."""
    if "keypoints" not in body:
        if _COUNT.search(architecture):
            raise ValueError("its keypoints have no names")
        return {}
    told = _of(body["keypoints"], dict, "keypoints")
    names = tuple(_list(told["names"], str, "keypoints"))
    limbs = tuple(tuple(_list(pair, int, "limbs")) for pair in _list(told["limbs"], list, "limbs"))
    count = _COUNT.search(architecture)
    if len(names) != (int(count[1]) if count else 17) or not all(name.strip() for name in names):
        raise ValueError("keypoints are one name for each that the network finds")
    if not all(len(pair) == 2 and min(pair) >= 0 and max(pair) < len(names) for pair in limbs):
        raise ValueError("limbs are pairs of keypoints, numbered from 0")
    return {"points": names, "limbs": limbs}


_COUNT = re.compile(r"/(\d+)(?=:|$)")
"""In an architecture: how many keypoints its network finds, where they are not COCO's 17."""


def _architecture(text: str, classes: int, task: str) -> tuple[str, Form]:
    """`text` and what the network answers. Raises ValueError for what no row of the registry for `task` has: a file
    that came from elsewhere must not choose what is imported."""
    base, _, count = text.rpartition(":")
    if count != str(classes):
        raise ValueError(f"architecture ends in the number of classes, {classes}, not in {count!r}")
    if task in MAKERS:
        if not MAKERS[task].fullmatch(base):
            raise ValueError(f"this vision knows no network {base!r}; it may be of a newer one")
        if task == "stylize" and classes != 2:
            raise ValueError(f"a translation is one between two kinds of pictures, not {classes}")
        return text, "painting" if task == "stylize" else ""
    rows = [row for row in registry.all_rows() if task in row.tasks or (task == "detect" and row.form == "people")]
    if task == "segment":
        rows = [mask_learners.as_learner(row) for row in rows if mask_learners.can_begin_with(row)]
    known: dict[str, Form] = {row.architecture: row.form for row in rows}
    if known.get(plain := _COUNT.sub("", base)) == "people":
        return text, known[plain]
    if base not in known and not (task == "classify" and re.fullmatch(r"timm:[\w.-]+", base)):
        raise ValueError(f"this vision knows no network {base!r}; it may be of a newer one, or of a plug-in")
    return text, known.get(base, "")


def _input(body: dict[str, Any]) -> InputSpec:
    interpolation = _of(body["interpolation"], str, "interpolation")
    if interpolation not in ("nearest", "bilinear", "bicubic", "lanczos"):
        raise ValueError(f"there is no interpolation {interpolation!r}")
    mean, std = (tuple(_list(body[name], float, name)) for name in ("mean", "std"))
    size, resize = (_of(body[name], int, name) for name in ("size", "resize"))
    return InputSpec(size, resize, interpolation, mean, std)


def _accuracy(body: dict[str, Any]) -> Accuracy:
    return Accuracy(
        _of(body["metric"], str, "metric"), _of(body["value"], float, "value"), _of(body["on"], str, "on")
    )


def _list(value: Any, kind: type, name: str) -> list[Any]:
    return [_of(item, kind, name) for item in _of(value, list, name)]


def _of(value: Any, kind: type, name: str) -> Any:
    """`value`, which must be a `kind`; whole numbers may stand for others. Raises ValueError."""
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError(f"{name} is not as it should be: {str(value)[:40]}")
    return value
