"""The answers that runs are held against: which kind a path is, and those of the pictures of a page."""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from visioncli.datasets.interface import DatasetError
from visioncli.datasets.label_maps import picture_name
from visioncli.datasets.picture_names import match_names
from visioncli.datasets.picture_sizes import pictures_in
from visioncli.datasets.recognise import Format
from visioncli.datasets.sides import Side, locate
from visioncli.errors import UsageError, VisionError
from visioncli.evaluation.objects import holds_objects, map_folders
from visioncli.inputs.item import INSIDE
from visioncli.labelled.interface import Example
from visioncli.labelled.mask_sets import read_masks
from visioncli.labelled.recognise import read_set
from visioncli.report.alike import TITLES
from visioncli.report.maps import VOID, MapOf, of_file, of_truth
from visioncli.report.outputs import Output, Pictures
from visioncli.weights.runs import is_run, mask_numbers, read_facts

CLASSES = ("classify", "gradcam")
"""Tasks whose answers are classes of whole pictures."""


@dataclass(frozen=True, slots=True, eq=False)
class ClassTruth:
    """The classes of the N pictures, as places in `classes`; None where a picture has no answer.

    `examples` has each picture's entry in the set where there is one: some lie inside of archives.
    """

    source: str
    classes: tuple[str, ...]
    labels: tuple[tuple[int, ...] | None, ...]
    multi_label: bool
    examples: dict[int, Example] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class ObjectTruth:
    """A file or folder of annotations."""

    source: str
    side: Side


@dataclass(frozen=True, slots=True, eq=False)
class MapTruth:
    """Label maps: those of the N pictures, None where a picture has none."""

    source: str
    maps: tuple[MapOf | None, ...]
    warnings: tuple[str, ...] = ()


Truth = ClassTruth | ObjectTruth | MapTruth


def truth_of(source: str | None, outputs: Sequence[Output], pictures: Pictures) -> Truth | None:
    """What `source` holds for these pictures; without it what stands beside the records, if anything.

    Raises DatasetError, SetError and UsageError where it is no truth for this task.
    """
    task = outputs[0].task
    if source is None:
        if task == "segment":
            return maps_beside(outputs, pictures)
        return beside(outputs, pictures) if task in CLASSES else None
    if task in TITLES:
        raise UsageError(
            f"No truth says which pictures look alike: make the report of vision {task} without --truth."
        )
    if task == "caption":
        raise UsageError("Captions are not right or wrong by one truth: make the report without --truth.")
    if task in CLASSES:
        if os.path.exists(source) and holds_objects(source):
            raise UsageError(
                f"{source} holds boxes or label maps, and vision {task} names classes of whole pictures. Give class "
                "folders, or a table with the columns path and label."
            )
        return _of_set(source, pictures)
    path = Path(source)
    if task == "segment" and (maps := _maps_below(path)) is not None:
        return _maps(source, maps, outputs, pictures)
    side = locate(path, None, keypoints=task == "pose")
    if side.form is Format.JSONL:
        raise UsageError(f"{source} holds predictions, not a truth. Name it as one of the runs.")
    if side.form is Format.LABELMAP:
        raise UsageError(f"{source} holds label maps, which vision segment is measured on, not {task}.")
    return ObjectTruth(source, side)


def beside(outputs: Sequence[Output], pictures: Pictures) -> ClassTruth | None:
    """What `vision train` and `vision eval` put beside their records; None where there is nothing."""
    names: dict[str, int] = {}
    labels: list[tuple[int, ...] | None] = [None] * len(pictures.names)
    for output, places in zip(outputs, pictures.places, strict=True):
        for truth, place in zip(output.truths, places, strict=True):
            if truth is not None and labels[place] is None:
                labels[place] = tuple(names.setdefault(name, len(names)) for name in truth)
    if not any(found is not None for found in labels):
        return None
    several = any(found is not None and len(found) != 1 for found in labels)
    return ClassTruth(str(outputs[0].path), tuple(names), tuple(labels), several)


def of_training(outputs: Sequence[Output], pictures: Pictures) -> dict[int, Example]:
    """The entries of pictures that are no files of their own, but lie in the archive, the arrays or the annotated
    pictures that a RUN was trained on; none where these are no longer there."""
    found: dict[int, Example] = {}
    inside = {name: n for n, name in enumerate(pictures.names) if INSIDE in name or not os.path.lexists(name)}
    for output in outputs:
        if not inside or not is_run(output.folder):
            continue
        with suppress(VisionError):
            data = read_facts(output.folder).get("data", {})
            source, form = str(data.get("source")), str(data.get("format", ""))
            masks = form.endswith("masks")
            examples = (read_masks(source) if masks else read_set(source, crops=form.endswith("crops"))).examples
            found |= {inside[e.path]: e for e in examples if e.path in inside}
    return found


def _of_set(source: str, pictures: Pictures) -> ClassTruth:
    found = read_set(source)
    by_path = {os.path.abspath(e.path): n for n, e in enumerate(found.examples)}
    place = [by_path.get(os.path.abspath(name), -1) for name in pictures.names]
    if rest := [n for n, at in enumerate(place) if at < 0]:
        theirs = tuple(pictures.names[n] for n in rest)
        for n, at in zip(
            rest, match_names(tuple(e.path for e in found.examples), theirs, source, "the runs"), strict=True
        ):
            place[n] = int(at)
    if max(place, default=-1) < 0:
        raise UsageError(
            f"{source} has none of these pictures: it has {found.examples[0].path}, and the runs have "
            f"{pictures.names[0]}."
        )
    examples = {n: found.examples[at] for n, at in enumerate(place) if at >= 0}
    labels = tuple(examples[n].labels if n in examples else None for n in range(len(place)))
    return ClassTruth(
        source, found.classes, labels, found.multi_label, examples, (*found.warnings, *_without(source, labels))
    )


def _without(source: str, found: Sequence[object]) -> list[str]:
    """A warning where pictures have no answer."""
    missing = sum(one is None for one in found)
    if not missing:
        return []
    pictures = "1 picture" if missing == 1 else f"{missing:,} of {len(found):,} pictures"
    return [f"{source} has no answer for {pictures}."]


def _maps_below(path: Path) -> Path | None:
    """The folder of label maps that a path stands for; None where it is something else."""
    if not path.is_dir():
        return None
    if (found := map_folders(path)) is not None:
        return found[1]
    side = locate(path, None, keypoints=False)
    return path if side.form is Format.LABELMAP else None


def maps_beside(outputs: Sequence[Output], pictures: Pictures) -> MapTruth | None:
    """The true masks that `vision train` puts beside the records of a RUN; None where there are none."""
    found: list[MapOf | None] = [None] * len(pictures.names)
    for output, places in zip(outputs, pictures.places, strict=True):
        for record, truth, place in zip(output.records, output.maps, places, strict=True):
            if truth is not None and found[place] is None:
                found[place] = partial(of_truth, truth, record)
    if not any(one is not None for one in found):
        return None
    source = str(outputs[0].path)
    return MapTruth(source, tuple(found), tuple(_without(source, found)))


def _maps(source: str, folder: Path, outputs: Sequence[Output], pictures: Pictures) -> MapTruth:
    files = list(pictures_in(folder))
    names = tuple(picture_name(file, folder) for file in files)
    place = match_names(names, pictures.names, source, "the runs")
    values = next(filter(None, (mask_numbers(output.folder, VOID) for output in outputs)), {})
    found = tuple(partial(of_file, files[at], values) if at >= 0 else None for at in place.tolist())
    if not any(one is not None for one in found):
        raise DatasetError(
            f"{source} has a label map for none of these pictures: it has {names[0] if names else 'none'}, and the "
            f"runs have {pictures.names[0]}."
        )
    return MapTruth(source, found, tuple(_without(source, found)))
