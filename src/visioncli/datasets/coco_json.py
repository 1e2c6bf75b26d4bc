"""COCO JSON: ground truth, a list of results, or a dataset whose annotations carry scores.

Format: cocodataset.org/#format-data and #format-results. Boxes are x, y, width, height; a detection's area is that
of its box where it has one, else that of its mask, as `COCO.loadRes` decides it.
"""

from pathlib import Path
from typing import Any

import numpy as np

from visioncli.datasets.columns import (
    LARGEST_SIDE,
    LONGEST_SHOWN,
    Place,
    check_reach,
    check_sizes,
    describe,
    is_number,
    number_rows,
    numbers,
    repeated,
)
from visioncli.datasets.interface import (
    F64,
    I64,
    Annotations,
    Categories,
    Dataset,
    DatasetError,
    Flags,
    Images,
    PartsMissing,
    ReadOptions,
    Rle,
    Role,
    first_few,
)
from visioncli.datasets.text import read_json
from visioncli.geometry import masks as mask_tools
from visioncli.geometry.keypoints import NAMES

NAME = "coco"


def read(path: Path, options: ReadOptions) -> Dataset:
    """Read one file. Raises DatasetError with the file and the place of whatever is wrong."""
    return from_json(read_json(path), path, options)


def from_json(body: Any, path: Path, options: ReadOptions) -> Dataset:
    """As `read`, of a JSON value already parsed."""
    if isinstance(body, list):
        if options.role is Role.TRUTH:
            raise DatasetError(
                f"{path}: this is a list of results; the truth must be an object with images, categories "
                "and annotations. Are the two files swapped?"
            )
        rows, (images, categories) = body, _tables_elsewhere(body, options.images)
    elif isinstance(body, dict):
        tables = [_table(body, name, path, options.role) for name in ("annotations", "images", "categories")]
        rows, images, categories = tables[0] or [], tables[1], tables[2]
    else:
        raise DatasetError(f"{path}: a COCO file is an object or a list, not {describe(body)}.")
    for i, row in enumerate(rows):
        if not isinstance(row, dict):
            raise DatasetError(f"{path}: annotation {i} must be an object, not {describe(row)}.")
    place = _placer(path, rows)
    image_ids = _column(rows, "image_id", place)
    category_ids = _column(rows, "category_id", place)
    pictures = _images(images, image_ids, path, place)
    classes = _categories(categories, category_ids, path, place)
    image = _lookup(image_ids, pictures.ids, "image", path, place)
    category = _lookup(category_ids, classes.ids, "category", path, place)
    ids = _annotation_ids(rows, place)
    if options.role is Role.TRUTH:
        _refuse_repeated(list(ids), "annotation", path)
    annotations, scored = _annotations(rows, ids, image, category, pictures, options, place)
    holds_scores = any(row.get("score") is not None for row in rows)
    return Dataset(path, NAME, pictures, classes, annotations, scored, holds_scores=holds_scores)


def _tables_elsewhere(rows: list[Any], source: Path | None) -> tuple[list[Any] | None, list[Any] | None]:
    """The images and categories of the COCO file `source` for results that have only ids, each where it has all."""
    if source is None or not source.is_file():
        return None, None
    body = read_json(source)
    found: list[list[Any] | None] = []
    for name, key in (("images", "image_id"), ("categories", "category_id")):
        table = body.get(name) if isinstance(body, dict) else None
        known = {e.get("id") for e in table if isinstance(e, dict)} if isinstance(table, list) else set()
        used = {row.get(key) for row in rows if isinstance(row, dict) and isinstance(row.get(key), int | str)}
        found.append(table if used <= known else None)
    return found[0], found[1]


def _table(body: dict[str, Any], name: str, path: Path, role: Role) -> list[Any] | None:
    value = body.get(name)
    if value is None:
        if role is Role.TRUTH or name == "annotations":
            found = ", ".join(list(body)[:6]) or "nothing"
            hint = " It is a data set in a format of datumaro's own: export it as coco." if "items" in body else ""
            raise DatasetError(f'{path}: there is no "{name}" list in this COCO file; it holds {found}.{hint}')
        return None
    if not isinstance(value, list):
        raise DatasetError(f'{path}: "{name}" must be a list, not {describe(value)}.')
    return value


def _placer(path: Path, rows: list[dict[str, Any]]) -> Place:
    def place(i: int) -> str:
        given = rows[i].get("id")
        named = f" (id {_shown(given)})" if isinstance(given, int | str) else ""
        return f"{path}: annotation {i}{named}"

    return place


def _annotation_ids(rows: list[dict[str, Any]], place: Place) -> tuple[int | str, ...]:
    """What the file calls each annotation, else its place."""
    ids = [row.get("id", i) for i, row in enumerate(rows)]
    if not {int, str}.issuperset(map(type, ids)):
        ids = [i if value is None else value for i, value in enumerate(ids)]
        for i, value in enumerate(ids):
            if isinstance(value, bool) or not isinstance(value, int | str):
                raise DatasetError(f"{place(i)}: id must be a whole number or a text, not {describe(value)}.")
    return tuple(ids)


def _column(rows: list[dict[str, Any]], key: str, place: Place) -> list[Any]:
    try:
        return [row[key] for row in rows]
    except KeyError:
        missing = next(i for i, row in enumerate(rows) if key not in row)
        raise DatasetError(f"{place(missing)}: {key} is missing.") from None


def _refuse_repeated(ids: list[Any], what: str, path: Path) -> None:
    again = repeated(ids)
    if again:
        raise DatasetError(
            f"{path}: duplicate {what} ids: {first_few(again)}. Each id may occur once.", "duplicate_ids"
        )


def _ids(entries: list[Any], what: str, path: Path) -> tuple[int | str, ...]:
    out: list[int | str] = []
    for i, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise DatasetError(f"{path}: {what} {i} must be an object, not {describe(entry)}.")
        value = entry.get("id")
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise DatasetError(f"{path}: {what} {i}: id must be a whole number or a text, not {describe(value)}.")
        out.append(value)
    _refuse_repeated(out, what, path)
    return tuple(out)


def _images(entries: list[Any] | None, used: list[Any], path: Path, place: Place) -> Images:
    if entries is None:
        ids = _distinct(used, "image_id", place)
        return Images(("",) * len(ids), np.zeros((len(ids), 2), np.int64), ids, listed=False)
    ids = _ids(entries, "image", path)
    sizes = np.zeros((len(entries), 2), np.int64)
    for i, entry in enumerate(entries):
        for k, side in enumerate(("width", "height")):
            value = entry.get(side)
            if value is None:
                continue
            if not is_number(value) or not 0 <= value < LARGEST_SIDE:
                raise DatasetError(
                    f"{path}: image {i} (id {_shown(entry['id'])}): {side} must be a number of pixels, "
                    f"not {describe(value)}."
                )
            sizes[i, k] = int(value)
    names = tuple(entry.get("file_name") or "" for entry in entries)
    for i, name in enumerate(names):
        if not isinstance(name, str):
            raise DatasetError(
                f"{path}: image {i} (id {_shown(entries[i]['id'])}): file_name must be a text, not {describe(name)}."
            )
    return Images(names, sizes, ids)


def _categories(entries: list[Any] | None, used: list[Any], path: Path, place: Place) -> Categories:
    if entries is None:
        ids = _distinct(used, "category_id", place)
        return Categories(("",) * len(ids), ids, listed=False)
    ids = _ids(entries, "category", path)
    names = [e["id"] if e.get("name") is None else e["name"] for e in entries]
    for i, name in enumerate(names):
        if not isinstance(name, str | int | float):
            raise DatasetError(
                f"{path}: category {i} (id {_shown(entries[i]['id'])}): name must be a text, not {describe(name)}."
            )
    return Categories(tuple(map(str, names)), ids)


def _shown(value: int | str) -> str:
    return value[:LONGEST_SHOWN] if isinstance(value, str) else describe(value)


def _distinct(values: list[Any], key: str, place: Place) -> tuple[int | str, ...]:
    """The ids that occur, in order. Raises DatasetError where one is neither a whole number nor a text."""
    for i, value in enumerate(values):
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise DatasetError(f"{place(i)}: {key} must be a whole number or a text, not {describe(value)}.")
    return tuple(dict.fromkeys(values))


def _lookup(values: list[Any], known: tuple[int | str, ...] | None, what: str, path: Path, place: Place) -> I64:
    """(N,) int64 places of ids in their table. Raises DatasetError naming the first few that are not there."""
    index = {value: i for i, value in enumerate(known or ())}
    try:
        return np.fromiter((index[v] for v in values), np.int64, len(values))
    except (KeyError, TypeError):
        _distinct(values, f"{what}_id", place)
    unknown = list(dict.fromkeys(v for v in values if v not in index))
    first = next(i for i, v in enumerate(values) if v not in index)
    as_text = {str(k) for k in index}
    hint = " The table has the same ids of another type (text, number)." if str(unknown[0]) in as_text else ""
    plural = "images" if what == "image" else "categories"
    raise DatasetError(
        f'{place(first)}: unknown {what} ids, not in its "{plural}" list: {first_few(unknown)}.{hint}',
        f"unknown_{plural}",
    )


def _flags(rows: list[dict[str, Any]], key: str, place: Place) -> Flags:
    values = [row.get(key) for row in rows]
    for i, value in enumerate(values):
        if value is not None and not (isinstance(value, int) and value in (0, 1)):
            raise DatasetError(f"{place(i)}: {key} must be 0 or 1, not {describe(value)}.")
    return np.array([bool(v) for v in values], bool).reshape(-1)


def _annotations(
    rows: list[dict[str, Any]],
    ids: tuple[int | str, ...],
    image: I64,
    category: I64,
    pictures: Images,
    options: ReadOptions,
    place: Place,
) -> tuple[Annotations, bool]:
    masks = None
    if options.masks:
        masks = tuple(
            _mask(row, pictures.sizes[j], place, i) for i, (row, j) in enumerate(zip(rows, image, strict=True))
        )
    points, labelled = _keypoints(rows, options, place) if options.keypoints else (None, None)
    xywh = _boxes(rows, image, pictures, masks, points, place)
    area = xywh[:, 2] * xywh[:, 3]
    truth = options.role is Role.TRUTH
    if masks is not None:
        whole = mask_tools.areas(masks)
        boxless = np.array([truth or not row.get("bbox") for row in rows], bool).reshape(-1)
        area = np.where(boxless, whole, area)
    if truth:
        given = [i for i, row in enumerate(rows) if row.get("area") is not None]
        stated = numbers([rows[i]["area"] for i in given], "area", lambda i: place(given[i]))
        for i in np.flatnonzero(stated < 0)[:1]:
            raise DatasetError(f"{place(given[int(i)])}: area is negative ({stated[i]:g}).")
        area[given] = stated
    scores, scored = _scores(rows, options.role, place)
    nothing = np.zeros(len(rows), bool)
    return (
        Annotations(
            image=image,
            category=category,
            xywh=xywh,
            area=area,
            crowd=_flags(rows, "iscrowd", place) if truth else nothing,
            ignore=_flags(rows, "ignore", place) if truth else nothing,
            score=scores,
            ids=ids,
            masks=masks,
            keypoints=points,
            labelled=labelled,
        ),
        scored,
    )


def _scores(rows: list[dict[str, Any]], role: Role, place: Place) -> tuple[F64, bool]:
    """(N,) scores, and whether there are any; a file has them everywhere or nowhere."""
    has = [row.get("score") is not None for row in rows]
    if role is Role.TRUTH or not any(has):
        return np.ones(len(rows)), not rows
    if not all(has):
        raise DatasetError(f"{place(has.index(False))}: score is missing, though other annotations have one.")
    return numbers([row["score"] for row in rows], "score", place), True


def _mask(row: dict[str, Any], size: I64, place: Place, i: int) -> Rle:
    if not row.get("segmentation"):
        raise PartsMissing(f"{place(i)}: segmentation: it has no mask.")
    try:
        return mask_tools.to_rle(row["segmentation"], int(size[1]), int(size[0]))
    except ValueError as problem:
        raise DatasetError(f"{place(i)}: segmentation: {problem}.") from None


def _boxes(
    rows: list[dict[str, Any]],
    image: I64,
    pictures: Images,
    masks: tuple[Rle, ...] | None,
    points: F64 | None,
    place: Place,
) -> F64:
    """(N, 4) x y width height; where `bbox` is missing, the box around the mask or the keypoints."""
    given = [i for i, row in enumerate(rows) if row.get("bbox")]
    given_place: Place = lambda i: place(given[i])  # noqa: E731
    boxes = number_rows([rows[i]["bbox"] for i in given], 4, "bbox", "x, y, width, height", given_place)
    check_sizes(boxes, given_place)
    if len(given) == len(rows):
        return boxes
    out = np.empty((len(rows), 4))
    out[given] = boxes
    for i in sorted(set(range(len(rows))) - set(given)):
        if masks is not None:
            out[i] = mask_tools.bounding_boxes([masks[i]])[0]
        elif points is not None:
            low = points[i, :, :2].min(axis=0)
            out[i] = (*low, *(points[i, :, :2].max(axis=0) - low))
        elif rows[i].get("segmentation"):
            out[i] = mask_tools.bounding_boxes([_mask(rows[i], pictures.sizes[image[i]], place, i)])[0]
        else:
            raise DatasetError(f"{place(i)}: bbox is missing.")
    return out


def _keypoints(rows: list[dict[str, Any]], options: ReadOptions, place: Place) -> tuple[F64, I64]:
    values = [row.get("keypoints") for row in rows]
    if options.role is Role.TRUTH:
        # An object without keypoints is none that could be found by them: it does not count.
        values = [v if v else [0] * (3 * len(NAMES)) for v in values]
    parts = "x, y, visibility of the 17 keypoints of a COCO person"
    flat = number_rows(values, 3 * len(NAMES), "keypoints", parts, place)
    check_reach(flat, "keypoint", place)
    points = flat.reshape(-1, len(NAMES), 3)
    seen = np.count_nonzero(points[:, :, 2] > 0, axis=1)
    stated = [row.get("num_keypoints") for row in rows]
    for i, count in enumerate(stated):
        if count is not None and not (is_number(count) and count in range(len(NAMES) + 1)):
            raise DatasetError(
                f"{place(i)}: num_keypoints must be a whole number from 0 to {len(NAMES)}, not {describe(count)}."
            )
    labelled = [int(s) if n is None else int(n) for n, s in zip(stated, seen, strict=True)]
    return points, np.array(labelled, np.int64).reshape(-1)
