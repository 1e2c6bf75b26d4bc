"""Boxes, masks, keypoints and label maps: predictions of a network on the pictures of a truth, scored as by
`vision iou`."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from visioncli.datasets import class_names, coco_json, csv_boxes, roots, yolo
from visioncli.datasets.align import Aligned, align
from visioncli.datasets.file_bytes import exists, open_bytes
from visioncli.datasets.interface import DatasetError, ReadOptions
from visioncli.datasets.label_maps import LabelMapPair, read_pairs, renumbered
from visioncli.datasets.picture_sizes import PictureTable, pictures_in
from visioncli.datasets.recognise import Format, read
from visioncli.datasets.roots import Part
from visioncli.datasets.sides import Side, locate, read_both
from visioncli.datasets.splits import named
from visioncli.errors import UsageError
from visioncli.evaluation.classes import folded
from visioncli.evaluation.score import Resampling
from visioncli.inputs.sources import Item
from visioncli.metrics.evaluate import Evaluation, Settings, evaluate
from visioncli.metrics.intervals import Sample
from visioncli.metrics.label_map_scores import LabelMapScores
from visioncli.metrics.report import LabelMapReport
from visioncli.publish import publish
from visioncli.results import Record
from visioncli.runner import RunOptions, run
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.interface import PictureSink
from visioncli.sinks.journal import Journal
from visioncli.tasks.interface import Task

PICTURES = ("images", "JPEGImages", "imgs", "img", "pictures")
MAPS = ("masks", "SegmentationClass", "labels", "annotations", "mask", "gt")
"""Folders of pictures and of their label maps, side by side below a root."""
_LOOKED_AT = 1 << 16


@dataclass(frozen=True, slots=True)
class Truth:
    """Where the answers are, and their pictures: a `side` of a comparison, or else a label map for each picture."""

    path: Path
    items: tuple[Item, ...]
    side: Side | None = None
    maps: tuple[Path, ...] = ()
    split: str | None = None
    note: str = ""


def holds_objects(data: str) -> bool:
    """Whether DATA is a file of annotations, or the root of a data set with them. Raises DatasetError."""
    path = Path(data)
    if os.path.isdir(path):
        parts = roots.find(path)
        # A folder of pictures may hold any JSON.
        known = [part for part in parts if part.format != coco_json.NAME or _is_coco(part.path)]
        return bool(known) or map_folders(path) is not None
    if not exists(path):
        return False
    suffix = path.suffix.lower()
    if suffix in (".json", ".xml", ".yaml", ".yml"):
        return True
    if suffix in (".csv", ".tsv", ".txt"):
        with open_bytes(path) as file:
            return csv_boxes.is_header((file.readline(1 << 16) or b"").decode("utf-8-sig", "replace"))
    return False


def _is_coco(path: Path) -> bool:
    """Whether a JSON file names what COCO's do at its beginning or its end."""
    with open_bytes(path) as file:
        ends = file.read(_LOOKED_AT) or b""
        file.seek(max(0, os.path.getsize(path) - _LOOKED_AT))
        ends += file.read(_LOOKED_AT) or b""
    return sum(name in ends for name in (b'"images"', b'"annotations"', b'"categories"')) > 1


def map_folders(root: Path) -> tuple[Path, Path] | None:
    """The folders of pictures and of label maps below a root, where it has both."""
    pictures = next((root / n for n in PICTURES if (root / n).is_dir()), None)
    maps = next((root / n for n in MAPS if (root / n).is_dir()), None)
    if pictures is None or maps is None or next(pictures_in(maps), None) is None:
        return None
    return pictures, maps


def truth_of(data: str, task: str, split: str | None, images: Path | None, names: Path | None) -> Truth:
    """What DATA holds for a task, and its pictures: those of one split. Raises DatasetError and UsageError."""
    path = Path(data)
    if not exists(path):
        raise DatasetError(f"{path}: there is no such file or folder.", "not_found")
    if task == "segment" and (maps := _maps_of(path, images)):
        if split is not None:
            raise UsageError(f"--split {split}: {path} has no splits, only pictures with label maps.")
        items, files = zip(*maps, strict=True)
        return Truth(path, items, maps=files, note=f"{data}: {len(items):,} pictures with label maps.")
    side = locate(path, None, keypoints=task == "pose")
    if side.form is Format.LABELMAP:
        raise UsageError(f"{path} holds label maps, which --task segment is measured on, not {task}.")
    if side.form is Format.JSONL:
        raise UsageError(f"{path} holds predictions, not a truth. vision iou compares them with one.")
    part = _part(side, split)
    items = _items(path, side, part, images, names)
    said = f" the split {part.split}" if part is not None and part.split else ""
    note = f"{data} ({side.form}):{said} {len(items):,} pictures."
    return Truth(path, items, side, split=part.split if part is not None else None, note=note)


def _maps_of(path: Path, images: Path | None) -> list[tuple[Item, Path]]:
    """Pictures with their label maps; none where this is no folder of label maps."""
    found = map_folders(path) if path.is_dir() else None
    if found is None and (images is None or not path.is_dir() or roots.find(path)):
        return []
    pictures, maps = found or (path, path)
    root = images or pictures
    table = PictureTable(root)
    pairs = []
    for file in pictures_in(maps):
        relative = file.relative_to(maps).as_posix()
        picture = table.find(_without_ending(relative)) or relative
        pairs.append((Item(str(root / picture), picture, root.name), file))
    return pairs


def _without_ending(name: str) -> str:
    path = Path(name).with_suffix("")
    for ending in (".mask", "_mask", ".labels", "_labels", "_labelIds"):
        if path.name.endswith(ending) and len(path.name) > len(ending):
            return path.with_name(path.name[: -len(ending)]).as_posix()
    return path.as_posix()


def _part(side: Side, split: str | None) -> Part | None:
    if not side.parts:
        if split is not None:
            raise UsageError(f"--split {split}: {side.path} has no splits.")
        return None
    return side.parts[0] if split is None else named(side.parts, split, side.path)


def _items(path: Path, side: Side, part: Part | None, images: Path | None, names: Path | None) -> tuple[Item, ...]:
    """The pictures of a truth, where they lie; one that is nowhere is an item too, and fails."""
    files = part.path if part is not None else path
    folder = images or (part.images if part is not None else None) or _pictures_beside(files, path)
    table = PictureTable(folder)
    if side.form is Format.YOLO:
        labels = part.files if part is not None and part.files is not None else tuple(yolo.label_files(files))
        wanted = [f.relative_to(files).with_suffix("").as_posix() for f in labels]
        if part is not None and part.images is not None:  # those without labels hold nothing
            wanted = list(dict.fromkeys([*(table.find(n) or n for n in wanted), *table.names]))
    else:
        options = ReadOptions(files=None if part is None else part.files, images=folder, names=names)
        wanted = [name.replace("\\", "/") for name in read(files, side.form, options).images.names]
    found = [table.find(name) or name for name in wanted]
    return tuple(Item(str(folder / name), name, folder.name) for name in dict.fromkeys(found))


def _pictures_beside(files: Path, root: Path) -> Path:
    """The folder in which the pictures of annotations most likely lie. Raises UsageError where there is none."""
    bases = [files if files.is_dir() else files.parent]
    bases += [base.parent for base in bases] + [root if root.is_dir() else root.parent]
    for base in dict.fromkeys(bases):
        for folder in (*(base / name for name in PICTURES), base):
            if folder.is_dir() and next(pictures_in(folder), None) is not None:
                return folder
    raise UsageError(f"The pictures of {root} are not beside it. Say where they are: --images DIR.")


def predict_into(
    out: OutputFolder,
    task: Task,
    items: Sequence[Item],
    options: RunOptions,
    done: Callable[[Record], None],
    sinks: Sequence[PictureSink] = (),
) -> list[Record]:
    """Every picture through the task; `predictions.jsonl` in `out` has the records, `sinks` write files beside it."""
    records = []
    journal = Journal(out, task.name, resume=False)
    published = publish(run(items, task, options), out, list(sinks), [journal])
    try:
        for _, record in published:
            # Masks of thousands of pictures would fill the memory; they are in the file.
            records.append(replace(record, predictions=()) if record.ok else record)
            done(record)
    finally:
        published.close()
        journal.close()
    return records


def score_objects(
    truth: Truth, predictions: Path, settings: Settings, options: ReadOptions, task: Task, *, skip_unknown: bool
) -> Evaluation:
    """The records in `predictions` against the truth. What is predicted of classes that the truth does not have is
    left out; objects of classes that the network does not know raise UsageError, or with `skip_unknown` do not count.
    """
    assert truth.side is not None
    split = truth.split if len(truth.side.parts) > 1 else None
    other = locate(predictions, Format.JSONL, keypoints=options.keypoints)
    ours, theirs = read_both(truth.side, other, options, split)
    data = align(ours, replace(theirs, warnings=()), skip_unknown=True)
    about = str(predictions)
    data = replace(data, warnings=tuple(w for w in data.warnings if about not in w))
    data = _known(data, task, truth, skip_unknown=skip_unknown)
    return evaluate(data, settings, str(truth.path), task.model.name, options.progress)


def _known(data: Aligned, task: Task, truth: Truth, *, skip_unknown: bool) -> Aligned:
    known = {folded(label) for label in task.labels.values()}
    counts = np.bincount(data.truth.category, minlength=len(data.categories))
    names = [data.categories.call(k) for k in range(len(data.categories))]
    unknown = [k for k, name in enumerate(names) if counts[k] and folded(name) not in known]
    if not unknown or not any(data.categories.names):
        return data
    shown = ", ".join(names[k] for k in unknown[:5]) + (", …" if len(unknown) > 5 else "")
    if not skip_unknown:
        raise UsageError(
            f"{truth.path}: {task.model.name} knows no {shown}. --skip-unknown leaves out objects of such classes."
        )
    ignored = np.isin(data.truth.category, unknown)
    warning = f"Left out {int(ignored.sum()):,} objects of classes that {task.model.name} does not know: {shown}."
    objects = replace(data.truth, ignore=data.truth.ignore | ignored)
    return replace(data, truth=objects, warnings=(*data.warnings, warning))


def score_maps(
    truth: Truth,
    records: Sequence[Record],
    task: Task,
    ignore_index: int | None,
    names: Path | None,
    how: Resampling,
    numbers: Mapping[int, int] = MappingProxyType({}),
) -> tuple[LabelMapReport, Sample | None]:
    """The label maps that `records` name, one for each of the truth's pictures, against its own; and what intervals
    are made of, where they are wanted. `numbers` are those of the network by those in the truth."""
    called = tuple(task.labels.get(i, str(i)) for i in range(max(task.labels, default=-1) + 1))
    called = class_names.read(names) if names is not None else called
    scores = LabelMapScores(ignore_index, called, resamples=how.resamples, seed=how.seed)
    pairs = [
        LabelMapPair(item.relative, own, Path(record.files["mask"]))
        for item, own, record in zip(truth.items, truth.maps, records, strict=True)
        if record.ok
    ]
    for both, true_map, predicted in read_pairs(pairs):
        scores.add(both.name, renumbered(true_map, numbers), predicted)
    report = scores.report(str(truth.path), task.model.name)
    return report, scores.sample(report) if how.resamples else None
