"""Bringing truth and predictions onto the same pictures and classes, whatever formats they came in.

Pictures are matched by COCO id where both sides have ids that mean the same, else by file name: the longest equal
end of the path, first with the suffix, then without. Classes are matched by COCO id where both sides have ids that
mean the same, else by name.
"""

from collections import Counter
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from visioncli.datasets.doubts import odd_boxes
from visioncli.datasets.interface import (
    I64,
    Annotations,
    Categories,
    Dataset,
    DatasetError,
    Flags,
    Images,
    first_few,
)
from visioncli.datasets.picture_names import match_names, parts_of, stem
from visioncli.names import did_you_mean

Table = TypeVar("Table", Images, Categories)

MANY_CLASSES = 5_000
"""With more classes those that do not occur are left out of the comparison."""
MOST_CLASSES = 30_000


@dataclass(frozen=True, slots=True, eq=False)
class Aligned:
    """Truth and detections over one table of pictures and one of classes, both in the order of their COCO ids.

    predicted: (P,) int64 place in `images` of each picture of the predictions, -1 where it was left out.
    """

    images: Images
    categories: Categories
    truth: Annotations
    detections: Annotations
    warnings: tuple[str, ...]
    predicted: I64 | None = None


def align(truth: Dataset, predictions: Dataset, *, skip_unknown: bool = False) -> Aligned:
    """Match up the two sides.

    Predictions about a picture or a class that the truth does not know raise DatasetError, naming the first few;
    with `skip_unknown` they are left out with a warning. Where the truth cannot list its pictures or classes
    (a CSV has a row only where there is an object), new ones are taken in: their detections are spurious.
    """
    warnings = [*truth.warnings, *predictions.warnings]
    detections = predictions.annotations
    used = np.bincount(detections.image, minlength=len(predictions.images)) > 0
    known = image_of = match_images(truth, predictions, used)
    images, image_of, keep_image = _settle(
        truth.images, predictions.images, image_of, used, truth, predictions, skip_unknown, warnings
    )
    used = np.bincount(detections.category, minlength=len(predictions.categories)) > 0
    category_of = _match_categories(truth, predictions, used)
    categories, category_of, keep_category = _settle(
        truth.categories,
        predictions.categories,
        category_of,
        used,
        truth,
        predictions,
        skip_unknown,
        warnings,
    )
    keep = keep_image[detections.image] & keep_category[detections.category]
    image, category = image_of[detections.image], category_of[detections.category]
    if keep.all():  # without copies of what stays as it is, for there may be ten million rows
        detections = replace(detections, image=image, category=category)
    else:
        detections = detections.take(keep, image[keep], category[keep])
    objects = truth.annotations
    if len(categories) > MANY_CLASSES:
        categories, objects, detections = _only_used(categories, objects, detections, str(predictions.source))
    if not predictions.scored and len(detections):
        warnings.append(f"{predictions.source}: the predictions have no scores; average precision treats all alike.")
    warnings += odd_boxes(images, detections, str(predictions.source))
    image_order, categories_order = _order(images.ids), _order(categories.ids)
    return Aligned(
        images=_reorder(images, image_order),
        categories=_reorder(categories, categories_order),
        truth=_renumber(objects, image_order, categories_order),
        detections=_renumber(detections, image_order, categories_order),
        warnings=tuple(warnings),
        predicted=_places((known >= 0) | ((images is not truth.images) & keep_image), image_of, image_order),
    )


def _places(there: Flags, place: I64, order: I64 | None) -> I64:
    """Where each picture of the predictions is in the end; -1 for those that are not `there`."""
    return np.where(there, place if order is None else order[place], -1)


def _only_used(
    table: Categories, truth: Annotations, detections: Annotations, source: str
) -> tuple[Categories, Annotations, Annotations]:
    """The classes that occur on either side: curves are kept for each, and take 32 KB a class."""
    used = np.bincount(np.concatenate([truth.category, detections.category]), minlength=len(table)) > 0
    kept = np.flatnonzero(used)
    if len(kept) > MOST_CLASSES:
        raise DatasetError(
            f"{source}: there are {len(kept):,} different classes, and at most {MOST_CLASSES:,} can be compared; "
            "are the labels really those of classes?"
        )
    place = np.cumsum(used) - 1
    smaller = replace(
        table,
        names=tuple(table.names[i] for i in kept),
        ids=None if table.ids is None else tuple(table.ids[i] for i in kept),
    )
    return (
        smaller,
        replace(truth, category=place[truth.category]),
        replace(detections, category=place[detections.category]),
    )


def _order(ids: tuple[int | str, ...] | None) -> I64 | None:
    """The new place of each entry when sorted by id, or None where the order of the file stays."""
    if ids is None or not all(isinstance(i, int) for i in ids):
        return None
    place = np.empty(len(ids), np.int64)
    place[np.array(sorted(range(len(ids)), key=lambda i: ids[i]), np.int64)] = np.arange(len(ids))
    return place


def _reorder(table: Table, place: I64 | None) -> Table:
    if place is None:
        return table
    back = np.argsort(place).tolist()
    names = tuple(table.names[i] for i in back)
    ids = None if table.ids is None else tuple(table.ids[i] for i in back)
    if isinstance(table, Images):
        return replace(table, names=names, ids=ids, sizes=table.sizes[back])
    return replace(table, names=names, ids=ids)


def _renumber(rows: Annotations, image: I64 | None, category: I64 | None) -> Annotations:
    return replace(
        rows,
        image=rows.image if image is None else image[rows.image],
        category=rows.category if category is None else category[rows.category],
    )


def _settle(
    truth: Table,
    other: Table,
    place: I64,
    used: Flags,
    truth_set: Dataset,
    prediction_set: Dataset,
    skip_unknown: bool,
    warnings: list[str],
) -> tuple[Table, I64, Flags]:
    """Decide about what the truth does not know: refuse it, leave it out, or take it into the table."""
    pictures = isinstance(truth, Images)
    unknown = np.flatnonzero((place < 0) & used)
    keep = np.ones(len(other), bool)
    if len(unknown):
        words = [_shown(other, int(i)) for i in unknown]
        what = "images" if pictures else "categories"
        called = "named" if other.names[unknown[0]] else "with the ids"
        if skip_unknown:
            keep[unknown] = False
            warnings.append(
                f"{prediction_set.source}: left out the predictions of {len(unknown)} {what} "
                f"that {truth_set.source} does not have, {called} {first_few(words)}."
            )
        elif truth.listed:
            near = "" if pictures else did_you_mean(words[0], [truth.call(i) for i in range(len(truth))])
            raise DatasetError(
                f"{prediction_set.source}: {truth_set.source} has no {what} {called} {first_few(words)}.{near}"
                f"{_known(truth, other, unknown)} Compare with the truth that they belong to, or leave them out with "
                "--skip-unknown.",
                "unknown_pictures" if pictures else "unknown_categories",
            )
    added = np.flatnonzero((place < 0) & keep & (used | (pictures and not truth.listed)))
    if not len(added) or truth.listed:
        return truth, np.where(place < 0, 0, place), keep
    place = place.copy()
    place[added] = len(truth) + np.arange(len(added))
    names = truth.names + tuple(other.call(int(i)) for i in added)
    ids = truth.ids
    if ids is not None:
        top = max((i for i in ids if isinstance(i, int)), default=0)
        ids = ids + tuple(range(top + 1, top + 1 + len(added)))
    if isinstance(truth, Images) and isinstance(other, Images):
        sizes = np.concatenate([truth.sizes, other.sizes[added]])
        return replace(truth, names=names, ids=ids, sizes=sizes), np.where(place < 0, 0, place), keep
    return replace(truth, names=names, ids=ids), np.where(place < 0, 0, place), keep


def _known(truth: Table, other: Table, unknown: I64) -> str:
    """What the truth has instead, in a sentence with a leading blank."""
    if not len(truth):
        return ""
    if not other.names[unknown[0]] and truth.ids is not None and other.ids is not None:
        numbers = [i for i in other.ids if isinstance(i, int)]
        if 0 in numbers and 0 not in truth.ids and {n + 1 for n in numbers} <= set(truth.ids):
            return " Are they counted from 0, and those of the truth from 1?"
        return f" It has {first_few(list(truth.ids))}."
    return f" It has {first_few([truth.call(i) for i in range(len(truth))])}."


def _shown(table: Images | Categories, index: int) -> str:
    if table.names[index]:
        return table.names[index]
    return str(table.ids[index]) if table.ids is not None else str(index)


def match_images(truth: Dataset, predictions: Dataset, used: Flags) -> I64:
    """(P,) int64 place of each prediction picture in the truth's table, -1 where the truth does not have it."""
    ours, theirs = truth.images, predictions.images
    named = any(ours.names) and any(theirs.names)
    if ours.ids is not None and theirs.ids is not None:
        by_id = _by_id(ours.ids, theirs.ids)
        if not named or _same_pictures(ours, theirs, by_id, used):
            return by_id
    if not named and (not len(theirs) or not len(ours)):
        return np.full(len(theirs), -1, np.int64)
    if not named:
        bare, other = (predictions, truth) if any(ours.names) else (truth, predictions)
        raise DatasetError(
            f"{bare.source}: it has only ids of pictures, and {other.source} only file names; say which is which "
            "with --images FILE, a COCO file with the images (and categories) that the ids stand for."
        )
    return match_names(ours.names, theirs.names, str(truth.source), str(predictions.source))


def _by_id(ours: tuple[int | str, ...], theirs: tuple[int | str, ...]) -> I64:
    index = {value: i for i, value in enumerate(ours)}
    return np.array([index.get(value, -1) for value in theirs], np.int64)


def _same_pictures(ours: Images, theirs: Images, by_id: I64, used: Flags) -> bool:
    """Whether equal ids mean equal pictures: no id that is used is unknown, and no file name disagrees.

    Names that several pictures of the truth share have to agree in their folders too, where both sides give them.
    """
    if ((by_id < 0) & used).any() and not (by_id >= 0).any():
        return False
    count = Counter(map(stem, ours.names))

    def agree(one: str, other: str) -> bool:
        if (own := stem(one)) != stem(other):
            return False
        folders = [name for name in (parts_of(one)[-2:-1], parts_of(other)[-2:-1]) if name]
        return count[own] < 2 or len(folders) < 2 or folders[0] == folders[1]

    return all(
        j < 0 or not theirs.names[i] or not ours.names[j] or agree(theirs.names[i], ours.names[j])
        for i, j in enumerate(by_id.tolist())
    )


def _match_categories(truth: Dataset, predictions: Dataset, used: Flags) -> I64:
    """(P,) int64 place of each predicted class in the truth's table, -1 where the truth does not have it."""
    ours, theirs = truth.categories, predictions.categories
    named = any(ours.names) and any(theirs.names)
    # YOLO numbers its classes from 0 in their order; COCO ids have holes. Neither can stand for the other.
    alike = (truth.format == "yolo") == (predictions.format == "yolo")
    if ours.ids is not None and theirs.ids is not None and alike:
        by_id = _by_id(ours.ids, theirs.ids)
        agree = all(
            j < 0 or theirs.names[i].casefold() == ours.names[j].casefold() for i, j in enumerate(by_id.tolist())
        )
        if not named or (agree and ((by_id >= 0) | ~used).all()):
            return by_id
    if not named:
        if not len(theirs) or not len(ours):
            return np.full(len(theirs), -1, np.int64)
        bare = truth if not any(ours.names) else predictions
        remedy = "--names FILE, one name a line"
        if bare.format == "coco":
            remedy = "--images FILE, a COCO file with the categories that the numbers stand for"
        raise DatasetError(
            f"{bare.source}: it has class numbers but no class names, and the other side has names; "
            f"give them with {remedy}."
        )
    exact = {name: i for i, name in reversed(list(enumerate(ours.names))) if name}
    folded = {name.casefold(): i for name, i in exact.items()}
    count = Counter(ours.names)
    twice = sorted({name for name in theirs.names if name and count[name] > 1})
    if twice:
        raise DatasetError(
            f"{truth.source}: more than one category is called {first_few(twice)}, so that classes cannot be "
            "matched by name."
        )
    return np.array([exact.get(name, folded.get(name.casefold(), -1)) for name in theirs.names], np.int64)
