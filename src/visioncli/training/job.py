"""What is to be learned, written down before the loop begins: every process of a run, and `--resume`, reads it."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from visioncli.errors import UsageError
from visioncli.files import write_whole
from visioncli.labelled.boxes import BoxSet
from visioncli.labelled.interface import PictureSet
from visioncli.labelled.masks import MaskSet
from visioncli.training.checkpoint import FOLDER
from visioncli.training.recipe import Balance, Recipe

FILE = "job.json"


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A set, which of its pictures are learned from, and how.

    `train` and `val` are places in the set; `mirror`, `epochs` and `batch_size` are what the recipe left open.
    `class_weights` `(C,)` are None where every picture counts the same. `names` tells that
    the set is read again with the same pictures in the same order, `key` is what a resumed run must share.

    Of masks, `turns` says whether pictures may be turned by quarters; an epoch has so many `crops` of each picture,
    of `side` pixels, and pictures have an `area` of so many pixels on average. Of boxes, `settings` are what the
    network's learner chose by the data.
    """

    data: dict[str, Any]
    names: str
    recipe: Recipe
    train: np.ndarray
    val: np.ndarray
    mirror: bool
    epochs: int
    batch_size: int
    class_weights: np.ndarray | None
    key: str
    task: str = "classify"
    turns: bool = False
    side: int = 0
    crops: int = 1
    area: float = 0.0
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)

    def check(self, names: str, source: str) -> None:
        """Raises UsageError where the set that was read again, from `source`, is not what it was: `names` as one of
        the functions below says it."""
        if names != self.names:
            raise UsageError(f"{source} was changed while it was looked at. Begin again, into another folder.")

    def write(self, run: Path) -> None:
        """Raises OutputError."""
        body = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        body["recipe"] = dataclasses.asdict(self.recipe)
        for name in ("train", "val", "class_weights"):
            body[name] = None if body[name] is None else body[name].tolist()
        write_whole(run / FOLDER / FILE, json.dumps(body).encode())


def read_job(run: Path) -> Job:
    """Raises UsageError where there is nothing to go on with."""
    path = run / FOLDER / FILE
    try:
        body = json.loads(path.read_bytes())
        body["recipe"] = Recipe.of(**body["recipe"])
        for name in ("train", "val"):
            body[name] = np.array(body[name], np.int64)
        if body["class_weights"] is not None:
            body["class_weights"] = np.array(body["class_weights"], np.float64)
        return Job(**body)
    except (OSError, KeyError, TypeError, ValueError) as problem:
        raise UsageError(f"{path} cannot be read ({problem}), so training cannot go on. Train anew.") from None


def targets(pictures: PictureSet, places: np.ndarray) -> np.ndarray:
    """The answers of some pictures: `(N,) int64` classes, or `(N, C) float32` of 0 and 1 for several labels."""
    if not pictures.multi_label:
        return np.array([pictures.examples[n].label for n in places.tolist()], np.int64)
    found = np.zeros((len(places), len(pictures.classes)), np.float32)
    for row, n in enumerate(places.tolist()):
        found[row, list(pictures.examples[n].labels)] = 1
    return found


def names_of(pictures: PictureSet) -> str:
    """What changes when a picture of the set is added, removed or moved."""
    names = [pictures.classes, [(example.path, example.box, example.labels) for example in pictures.examples]]
    return hashlib.sha256(json.dumps(names).encode()).hexdigest()


def mask_names(pictures: MaskSet) -> str:
    """What changes when a picture or mask of the set is added, removed or moved."""
    names = [[example.path for example in pictures.examples], pictures.paths]
    return hashlib.sha256(json.dumps(names).encode()).hexdigest()


def box_names(pictures: BoxSet) -> str:
    """What changes when a picture, a box, a mask or a keypoint of the set is added, removed or moved."""
    boxes = [[one.boxes.tolist(), one.labels.tolist(), one.crowd.tolist(), one.parts()] for one in pictures.objects]
    points = None if pictures.points is None else pictures.points.names
    names = [pictures.classes, [example.path for example in pictures.examples], boxes, points]
    return hashlib.sha256(json.dumps(names).encode()).hexdigest()


def class_weights(answers: np.ndarray, classes: int, balance: Balance) -> np.ndarray | None:
    """Weights that make rare classes count like frequent ones, 1 on average over pictures; None where they hardly
    differ in number (less than twofold), for weighing makes noise too.

    With the square root: a class of three pictures would otherwise be worth a hundred of another, each the same.
    """
    if balance is Balance.NONE or answers.ndim == 2:
        return None
    counts = np.bincount(answers, minlength=classes).astype(np.float64)
    known = counts[counts > 0]
    if len(known) < 2 or known.max() < 2 * known.min():
        return None
    weights = np.where(counts > 0, 1 / np.sqrt(np.maximum(counts, 1)), 0.0)
    scaled: np.ndarray = weights * counts.sum() / (weights * counts).sum()
    return scaled
