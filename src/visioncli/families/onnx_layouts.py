"""How the answers of ONNX files for detection and segmentation are laid out: told by shapes, names and metadata.

Where two readings would fit, none is taken: UsageError shows the shapes and says what is read.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from visioncli.errors import UsageError
from visioncli.models.labels import load_labels
from visioncli.models.row import Labels, Layout

MOST_MAPS = 256
"""Classes that a label map of bytes can hold."""
_MANY = 1000
"""More rows than suppression ever leaves."""
_MASK_COLUMNS = 32
"""Coefficients of masks that YOLO's segmentation networks answer behind the classes."""

_TAKEN = {
    "detect": "Taken are (N, 4 + C, A) and (N, A, 5 + C), as of YOLO; logits (N, Q, C) with boxes (N, Q, 4), as of "
    "DETR; (N, K, 6) after suppression: x1 y1 x2 y2 score class; and outputs called boxes, scores, labels.",
    "segment": "Taken are maps (N, C, h, w) of each class's logits, and (N, h, w) of class numbers.",
}


@dataclass(frozen=True, slots=True)
class Output:
    """One output of a file: its name, its shape and whether it holds whole numbers."""

    name: str
    shape: tuple[int, ...]
    whole: bool = False

    def __str__(self) -> str:
        return f"{self.name} ({', '.join(map(str, self.shape))})"


@dataclass(frozen=True, slots=True)
class Facts:
    """What a file says of itself beside its shapes: names of its classes by number, and the metadata of YOLO."""

    names: dict[int, str] | None = None
    task: str = ""
    suppressed: bool = False


class _Unclear(Exception):
    """The layout cannot be told, with a hint."""


def read_layout(
    path: str, task: str, outputs: Sequence[Output], facts: Facts, size: tuple[int, int], letterbox: bool | None
) -> tuple[Layout, Labels]:
    """The layout of a file with inputs of `size` (height, width), and its labels. Raises UsageError.

    `letterbox` None means what is usual for the layout.
    """
    try:
        return _detection(outputs, facts, size, letterbox) if task == "detect" else _map(outputs, facts, size)
    except _Unclear as hint:
        shown = "; ".join(map(str, outputs)) or "nothing"
        raise UsageError(f"{path} answers {shown}. {hint} {_TAKEN[task]}") from None


def likely_task(outputs: Sequence[Output], facts: Facts) -> Literal["classify", "detect", "segment"]:
    """What a file is for, by its first outputs."""
    if facts.task:
        return "classify" if facts.task == "classify" else "detect"
    dimensions = len(outputs[0].shape) if outputs else 0
    if len(outputs) == 1 and dimensions == 2 and outputs[0].shape[1] != 6:
        return "classify"
    return "segment" if dimensions == 4 or (dimensions == 3 and outputs[0].whole) else "detect"


def _detection(
    outputs: Sequence[Output], facts: Facts, size: tuple[int, int], letterbox: bool | None
) -> tuple[Layout, Labels]:
    if facts.task in ("obb", "classify"):
        raise _Unclear({"obb": "Its boxes are turned.", "classify": "It says that it classifies."}[facts.task])
    read = _queries(outputs, facts) or _lists(outputs, facts) or _rows(outputs, facts)
    if read is None:
        raise _Unclear("That is none of the layouts that are known.")
    layout, labels = read
    framed = layout.style != "queries" if letterbox is None else letterbox
    return dataclasses.replace(layout, height=size[0], width=size[1], letterbox=framed), labels


_Read = tuple[Layout, Labels]


def _queries(outputs: Sequence[Output], facts: Facts) -> _Read | None:
    """Logits and boxes apart, told by their names."""
    logits = [n for n, o in enumerate(outputs) if "logit" in o.name.lower() and len(o.shape) == 3]
    boxes = [n for n, o in enumerate(outputs) if "box" in o.name.lower() and o.shape[2:] == (4,)]
    if len(logits) != 1 or len(boxes) != 1 or outputs[logits[0]].shape[1] != outputs[boxes[0]].shape[1]:
        return None
    answers = outputs[logits[0]].shape[2]
    if facts.names is None:
        if answers not in (80, 81, 91, 92):
            raise _Unclear(f"It says no names of its {answers} classes: give them with --labels FILE.")
        labels, ids = _coco(answers // 10 * 10 + (answers > 90))
        nothing = answers in (81, 92)
    else:
        labels, ids = _named(facts.names)
        nothing = answers == len(facts.names) + 1
        if not nothing and answers != len(facts.names):
            raise _Unclear(f"It has {answers} classes and {len(facts.names)} names.")
    return Layout("queries", 0, 0, outputs=(logits[0], boxes[0]), ids=ids, nothing=nothing), labels


def _lists(outputs: Sequence[Output], facts: Facts) -> _Read | None:
    """Boxes, scores and classes apart, told by their names."""
    places = []
    for words in (("box",), ("score", "conf"), ("label", "class")):
        fitting = [n for n, o in enumerate(outputs) if any(word in o.name.lower() for word in words)]
        if len(fitting) != 1:
            return None
        places.append(fitting[0])
    boxes, scores, classes = (outputs[n].shape for n in places)
    if boxes[-1:] != (4,) or len(boxes) not in (2, 3) or len(scores) != len(boxes) - 1 or len(scores) != len(classes):
        return None
    if facts.names is None:
        raise _Unclear("It says no names of its classes: give them with --labels FILE.")
    labels, ids = _named(facts.names)
    return Layout("lists", 0, 0, outputs=tuple(places), ids=ids), labels


def _rows(outputs: Sequence[Output], facts: Facts) -> _Read | None:
    """One output with a row, or a column, for each box."""
    fitting = [n for n, o in enumerate(outputs) if len(o.shape) in (2, 3) and not o.whole]
    if len(fitting) != 1:
        return None
    place, shape = fitting[0], outputs[fitting[0]].shape
    across, down = shape[-2:]
    count = len(facts.names) if facts.names is not None else None
    few = down == 6 and (len(shape) == 2 or across <= _MANY)
    if few and count == 2 and not facts.suppressed and len(shape) == 3:
        raise _Unclear(
            "With two classes that may be boxes before suppression or after it: write end2end = True into its "
            "metadata where it is after."
        )
    if few or (facts.suppressed and down > 6):
        if facts.names is None:
            raise _Unclear("It says no names of its classes: give them with --labels FILE.")
        labels, ids = _named(facts.names)
        return Layout("suppressed", 0, 0, outputs=(place,), ids=ids), labels
    if len(shape) != 3:
        return None
    style, classes = _yolo(across, down, count, facts.task)
    labels, ids = _named(facts.names) if facts.names is not None else _coco(classes)
    return Layout(style, 0, 0, outputs=(place,), ids=ids, classes=classes), labels


def _yolo(
    across: int, down: int, count: int | None, task: str
) -> tuple[Literal["classes first", "anchors first", "objectness"], int]:
    """The style of `(N, across, down)`, and how many classes it has."""
    if count is not None:
        more = across - 4 - count if task == "pose" else _MASK_COLUMNS if task == "segment" else 0
        found: list[Literal["classes first", "anchors first", "objectness"]] = []
        if across == 4 + count + more and more >= 0:
            found.append("classes first")
        if down == 4 + count:
            found.append("anchors first")
        if down == 5 + count + (more if task == "segment" else 0):
            found.append("objectness")
        if len(found) != 1:
            raise _Unclear(f"With the {count} names of its classes that fits {'several' if found else 'no'} layouts.")
        return found[0], count
    if across < down:
        if across < 5:
            raise _Unclear("No row is left for the score of a class.")
        return "classes first", across - 4
    if down == 84:
        return "anchors first", 80
    if down == 85:
        return "objectness", 80
    raise _Unclear("Whether there is an objectness cannot be told without names: give them with --labels FILE.")


def _named(names: dict[int, str]) -> tuple[Labels, tuple[int, ...]]:
    """Labels, and the category id of each class; COCO's own where the names are COCO's."""
    coco = load_labels("coco")
    if sorted(names) == list(range(len(coco))) and [names[n].casefold() for n in range(len(coco))] == [
        name.casefold() for name in coco.values()
    ]:
        return "coco", tuple(coco)
    return tuple(sorted(names.items())), ()


def _coco(classes: int) -> tuple[Labels, tuple[int, ...]]:
    """Labels of that many classes without names: COCO's for 80, and for 91, which are its ids."""
    if classes in (80, 91):
        return "coco", tuple(load_labels("coco")) if classes == 80 else ()
    return tuple((n, f"class {n}") for n in range(classes)), ()


def _map(outputs: Sequence[Output], facts: Facts, size: tuple[int, int]) -> _Read:
    if facts.task:
        raise _Unclear("It is a YOLO network, of which `vision detect` takes the boxes.")
    fitting = [n for n, o in enumerate(outputs) if len(o.shape) == 4 or (len(o.shape) == 3 and o.whole)]
    preferred = [n for n in fitting if outputs[n].name.lower() in ("out", "output", "logits")]
    # Others are of parts that help training, such as `aux`; all have the shape of the first.
    place = next(iter(preferred or fitting), None)
    if place is None:
        raise _Unclear("That is no map.")
    shape = outputs[place].shape
    classes = len(facts.names or ()) if outputs[place].whole else shape[1]
    if outputs[place].whole:
        if len(shape) == 4 and shape[1] != 1:
            raise _Unclear("Class numbers come in one map.")
        if not classes:
            raise _Unclear("It says no names of its classes: give them with --labels FILE.")
    rows, columns = shape[-2:]
    if abs(rows * size[1] - columns * size[0]) > max(size):
        raise _Unclear(f"That is no map in the proportions of its input, {size[1]} x {size[0]} pixels.")
    if classes > MOST_MAPS:
        raise _Unclear(f"More than {MOST_MAPS} classes are not taken.")
    return Layout("map", *size, outputs=(place,)), _map_labels(classes, facts.names)


def _map_labels(classes: int, names: dict[int, str] | None) -> Labels:
    if names is not None and classes == 1 and len(names) == 1:
        return ((0, "background"), (1, next(iter(names.values()))))
    if names is not None:
        if sorted(names) == list(range(classes)) or (classes == 1 and sorted(names) == [0, 1]):
            return tuple(sorted(names.items()))
        if len(names) == classes - 1 and sorted(names) == list(range(len(names))):
            return ((0, "background"), *((n + 1, name) for n, name in sorted(names.items())))
        raise _Unclear(f"It has {classes} classes and {len(names)} names.")
    if classes == 1:
        return ((0, "background"), (1, "foreground"))
    return "voc" if classes == 21 else tuple((n, f"class {n}") for n in range(classes))
