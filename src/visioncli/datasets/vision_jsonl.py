"""Our own records (`vision schema`), one JSON object a line or one JSON array: what `vision detect` writes."""

from pathlib import Path
from typing import Any

import numpy as np

from visioncli.datasets.columns import (
    LARGEST_SIDE,
    Place,
    check_corners,
    check_reach,
    describe,
    is_number,
    number_rows,
    numbers,
)
from visioncli.datasets.interface import (
    F64,
    Categories,
    Dataset,
    DatasetError,
    Images,
    PartsMissing,
    ReadOptions,
    Rle,
    Role,
    first_few,
    plain_annotations,
)
from visioncli.datasets.text import parse_json, read_text
from visioncli.earlier_results import PREDICTIONS, task_of
from visioncli.geometry import masks as mask_tools
from visioncli.geometry.keypoints import NAMES

NAME = "jsonl"
SCHEMA_FAMILY = "vision/"
BOXES, MASKS, KEYPOINTS = ("detect", "pose", "segment"), ("segment",), ("pose",)
"""The tasks whose records can be compared in each way, the likeliest first."""


def read(path: Path, options: ReadOptions) -> Dataset:
    """Read one file. A failed record is a picture without detections, and is mentioned in `warnings`.

    Raises DatasetError with the line of whatever is wrong.
    """
    records = _records(path)
    names = tuple(record["input"] for _, record in records)
    failed = [record["input"] for _, record in records if record.get("predictions") is None]
    image, places, found = [], [], []
    for i, (line, record) in enumerate(records):
        for k, prediction in enumerate(record.get("predictions") or ()):
            if not isinstance(prediction, dict):
                raise DatasetError(f"{path}: {line}: prediction {k} must be an object.")
            image.append(i)
            places.append((line, k))
            found.append(prediction)

    def place(i: int) -> str:
        return f"{path}: {places[i][0]}: prediction {places[i][1]}"

    for i, prediction in enumerate(found):
        if "box" not in prediction:
            raise DatasetError(f"{place(i)} has no box; records of this task cannot be compared by overlap.")
    boxes = number_rows([p["box"] for p in found], 4, "box", "x1, y1, x2, y2", place)
    check_corners(boxes, place)
    categories, category = _categories(found, places, path)
    has = [p.get("score") is not None for p in found]
    if any(has) and not all(has):
        raise DatasetError(f"{place(has.index(False))} has no score, though others have one.")
    scored = options.role is Role.PREDICTIONS and any(has)
    score = numbers([p["score"] for p in found], "score", place) if scored else None
    sizes = np.array([_size(path, line, record) for line, record in records], np.int64).reshape(-1, 2)
    masks = None
    if options.masks:
        masks = tuple(_mask(p, sizes[j], place(i)) for i, (p, j) in enumerate(zip(found, image, strict=True)))
    area = mask_tools.areas(masks) if masks is not None and options.role is Role.TRUTH else None
    points = None
    if options.keypoints:
        points = np.array([_points(p, place(i)) for i, p in enumerate(found)], np.float64).reshape(-1, len(NAMES), 3)
    warnings = []
    if failed:
        warnings.append(
            f"{path}: {len(failed)} of {len(records)} pictures failed and count as pictures without detections: "
            f"{first_few(failed)}."
        )
    return Dataset(
        path,
        NAME,
        Images(names, sizes),
        categories,
        plain_annotations(
            image,
            category,
            boxes,
            score,
            masks=masks,
            keypoints=points,
            area=area,
            ids=[k for _, k in places],
        ),
        scored or not found,
        tuple(warnings),
        holds_scores=any(has),
    )


def records_in(folder: Path, options: ReadOptions) -> tuple[Path, tuple[str, ...]]:
    """Which records of an output folder can be compared, and a warning where they are not those of its last run.

    A folder keeps the last records of each task: `predictions.jsonl`, and those of other tasks as
    `predictions.TASK.jsonl`.
    """
    last = folder / PREDICTIONS
    tasks = MASKS if options.masks else KEYPOINTS if options.keypoints else BOXES
    task = task_of(str(last))
    if task is None or task in tasks:
        return last, ()
    for other in tasks:
        path = folder / f"predictions.{other}.jsonl"
        if path.is_file():
            return path, (f"{last} holds records of vision {task}, so {path.name} is compared.",)
    return last, ()


def _records(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """The records of a file, each with where it stands; the file may also be one JSON array of records."""
    text = read_text(path)
    if text.lstrip().startswith("["):
        bodies = [(f"record {n}", body) for n, body in enumerate(parse_json(text, str(path)), start=1)]
    else:
        lines = enumerate(text.split("\n"), start=1)
        bodies = [(f"line {n}", parse_json(line, str(path), n)) for n, line in lines if line.strip()]
    out = []
    for line, record in bodies:
        where = f"{path}: {line}"
        if not isinstance(record, dict) or not isinstance(record.get("input"), str):
            raise DatasetError(f"{where} is no record of ours: it has no input.")
        if not str(record.get("schema", SCHEMA_FAMILY)).startswith(SCHEMA_FAMILY):
            raise DatasetError(f"{where}: the schema is {describe(record['schema'])}, not vision/1.")
        if not isinstance(record.get("predictions", []), list | None):
            raise DatasetError(f"{where}: predictions must be a list or null.")
        out.append((line, record))
    seen: dict[str, str] = {}
    for line, record in out:
        if record["input"] in seen:
            raise DatasetError(
                f"{path}: {line}: {record['input']} was already given by {seen[record['input']]}; "
                "each picture has one record.",
                "duplicate_ids",
            )
        seen[record["input"]] = line
    return out


def _size(path: Path, line: str, record: dict[str, Any]) -> tuple[int, int]:
    sides = []
    for key in ("width", "height"):
        value = record.get(key) or 0
        if not is_number(value) or not 0 <= value < LARGEST_SIDE:
            raise DatasetError(f"{path}: {line}: {key} must be a number of pixels, not {describe(value)}.")
        sides.append(int(value))
    return sides[0], sides[1]


def _categories(found: list[Any], places: list[tuple[str, int]], path: Path) -> tuple[Categories, list[int]]:
    table: dict[str, int] = {}
    ids: list[int | str] = []
    category = []
    for (line, k), prediction in zip(places, found, strict=True):
        label, number = prediction.get("label"), prediction.get("label_id")
        if not isinstance(label, str) and not is_number(number):
            raise DatasetError(f"{path}: {line}: prediction {k} has neither label nor label_id.")
        if is_number(number) and not (number == number // 1 and abs(number) < LARGEST_SIDE):
            raise DatasetError(
                f"{path}: {line}: prediction {k}: label_id must be a whole number, not {describe(number)}."
            )
        name = label if isinstance(label, str) else str(int(number))
        if name not in table:
            table[name] = len(table)
            ids.append(int(number) if is_number(number) else name)
        category.append(table[name])
    unique = len(set(ids)) == len(ids)
    return Categories(tuple(table), tuple(ids) if unique else None, listed=False), category


def _mask(prediction: dict[str, Any], size: Any, where: str) -> Rle:
    if not prediction.get("mask"):
        raise PartsMissing(f"{where}: mask: it has no mask.")
    try:
        return mask_tools.to_rle(prediction["mask"], int(size[1]), int(size[0]))
    except ValueError as problem:
        raise DatasetError(f"{where}: mask: {problem}.") from None


def _points(prediction: dict[str, Any], where: str) -> F64:
    """(17, 3) x, y, visibility in COCO's order; keypoints may come by name in any order."""
    given = prediction.get("keypoints")
    if not isinstance(given, list) or len(given) != len(NAMES) or not all(isinstance(p, dict) for p in given):
        raise DatasetError(f"{where}: keypoints must be a list of the 17 keypoints of a COCO person.")
    by_name = {p["name"]: p for p in given if isinstance(p.get("name"), str)}
    ordered = [by_name[n] for n in NAMES] if set(by_name) == set(NAMES) else given
    rows = [[p.get("x"), p.get("y")] for p in ordered]
    out = np.ones((len(NAMES), 3))
    place: Place = lambda i: f"{where}: keypoint {i} of {len(NAMES)}"  # noqa: E731
    out[:, :2] = number_rows(rows, 2, "keypoint", "x, y", place)
    check_reach(out[:, :2], "keypoint", place)
    return out
