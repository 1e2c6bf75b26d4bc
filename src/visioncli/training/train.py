"""`train`: from a set of pictures to a folder that is a model, step by step."""

import math
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from visioncli.errors import UsageError
from visioncli.labelled.boxes import BoxSet, Parts, read_boxes
from visioncli.labelled.interface import VAL, PictureSet
from visioncli.labelled.mask_sets import is_mask_set, read_masks
from visioncli.labelled.masks import read_names
from visioncli.labelled.recognise import read_set
from visioncli.labelled.recordings import are_recordings
from visioncli.models import registry
from visioncli.models.mask_learners import can_begin_with, needs_weights
from visioncli.models.row import ModelRow, Untrained
from visioncli.models.trainable import parts_of
from visioncli.resolve import own_weights, ready
from visioncli.training.adversarial.kind import Asked
from visioncli.training.adversarial.run import TASKS as MAKES_PICTURES
from visioncli.training.adversarial.run import train_pictures
from visioncli.training.boxes.prepare import BoxPrepared, prepare_boxes
from visioncli.training.classes.prepare import Prepared, prepare
from visioncli.training.classes.sounds.choices import FOR_SOUND, sound_choices
from visioncli.training.classes.sounds.prepare import prepare_sounds
from visioncli.training.data.look import Look
from visioncli.training.masks.prepare import MaskPrepared, prepare_masks
from visioncli.training.one_run import Run, Training, Where, learn, reading
from visioncli.training.recipe import Recipe, Start, Unfreeze
from visioncli.training.rows import described
from visioncli.training.run_folder import locked
from visioncli.training.watch import Watcher
from visioncli.weights.downloads import Access

__all__ = ["DEFAULTS", "TASKS", "Run", "Where", "reading", "train"]

DEFAULTS = {"classify": registry.DEFAULTS["classify"], "segment": "unet_lite0", "detect": "ssd_mobilenet_v2"}
"""What is begun with where no network is named."""
TASKS = (*DEFAULTS, *MAKES_PICTURES)


def train(
    data: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    task: str | None = None,
    model: str | None = None,
    weights: str | None = None,
    crops: bool = False,
    images: str | None = None,
    names: str | None = None,
    palette: str | None = None,
    judge: str | None = None,
    check: bool = False,
    resume: bool = False,
    offline: bool = False,
    mirror_url: str | None = None,
    progress: Any = None,
    where: Where = Where(),  # noqa: B008 - frozen
    command: Sequence[str] = (),
    watcher: Watcher | None = None,
    **choices: Any,
) -> Run | None:
    """Trains a network on the pictures that `data` names, and writes it into the folder `out`.

    `data` is a folder of class folders, a table, a zip, a standard set …, to segment two folders `images` and
    `masks` or outlines of COCO, or to detect annotations of boxes, as `vision train` takes it; `task` is "classify",
    "segment", "detect", or to make pictures "generate" or "translate", None where the folders tell. `names` is a file
    with the names of masks' classes, `palette` one with their colours. `judge` is a classifier's RUN folder by whose
    features made pictures are compared. `weights` is a checkpoint to begin with in place of the published one.
    `choices` are fields of `Recipe` by name: `train("photos", "run", unfreeze="all", seconds=600)`. With `check` the
    set is only looked at, and None is returned. `resume` goes on with a run that was killed.

    Raises UsageError for impossible choices and for pictures that are in two splits, SetError where the set cannot be
    read, ModelUnavailable, OutputError.
    """
    begun = time.monotonic()
    data, run, watcher = os.fspath(data), Path(out), watcher or Watcher()
    if task is None:
        task = "segment" if not crops and is_mask_set(data) else "classify"
    if task not in TASKS:
        raise UsageError(f"A network is trained to {', to '.join(TASKS[:-1])} or to {TASKS[-1]}, not to {task}.")
    _check_options(task, crops=crops, names=names, palette=palette, judge=judge, choices=choices)
    access = Access.of(offline, mirror_url, progress)
    if task in MAKES_PICTURES:
        return train_pictures(
            task, run, Asked(data, images, judge, weights, access), model=model, check=check, resume=resume,
            where=where, watcher=watcher, begun=begun, command=command, choices=choices,
        )  # fmt: skip
    named, model = model, model or DEFAULTS[task]
    base = described(model, task, access)
    if weights is not None:
        base = own_weights(base, Path(weights), None, named=False)
    parts: Parts = parts_of(base) if task == "detect" else ""
    given_set = _Given(data, task, access, crops=crops, images=images, palette=palette, names=names, parts=parts)
    if not _is_follower():
        given_set.read(choices)
    if given_set.listens:
        model = named or FOR_SOUND
        base = described(model, task, access) if named is None and weights is None else base
        choices = sound_choices(base, choices, crops=crops)
    elif base.sound is not None and given_set.pictures is not None:
        raise UsageError(f"{base.name} listens to recordings, and {data} is of pictures. Begin with another network.")
    recipe = _recipe(base, task, choices, 0 if given_set.boxes is None else len(given_set.boxes))
    _check_base(base, recipe, task)
    if _is_follower():
        learn(run, math.inf, where, watcher, _training_for(task).prepares)  # the first one's time counts
        return None
    with locked(run, check=check, resume=resume):
        row = base if _needs_none(base, recipe, task) else ready(base, access)
        prepared = given_set.prepared(row, recipe, where, watcher)
        _tell(prepared.look, prepared.remarks, watcher)
        prepared.look.refuse(allow_leaks=recipe.allow_leaks, fewest=1 if task == "detect" else 2)
        noun = prepared.look.noun
        if not len(prepared.part(VAL)):
            raise UsageError(
                f"{data} leaves no {noun} to validate on: there are too few, or each nearly equals one to learn "
                f"from. Give more {noun}s, or a validation part of their own."
            )
        if check:
            return None
        given = (run, prepared, recipe, where, watcher, begun, model, given_set.told, command)
        return _training_for(task)(*given, resume=resume).run()


def _training_for(task: str) -> type[Training[Any]]:
    """A run that learns `task`. Only its own room is loaded: detectors take their time."""
    if task == "detect":
        from visioncli.training.boxes.run import BoxTraining

        return BoxTraining
    if task == "segment":
        from visioncli.training.masks.run import MaskTraining

        return MaskTraining
    from visioncli.training.classes.run import ClassTraining

    return ClassTraining


class _Given:
    """The set that the user named, whatever is learned from it: `told` is what it takes to read it again."""

    def __init__(
        self,
        data: str,
        task: str,
        access: Access,
        *,
        crops: bool,
        images: str | None,
        palette: str | None,
        names: str | None,
        parts: Parts,
    ) -> None:
        self.data, self.task, self.names, self._access, self._parts = data, task, names, access, parts
        own: dict[str, dict[str, Any]] = {
            "classify": {"crops": crops}, "segment": {"palette": palette}, "detect": {"parts": parts}
        }  # fmt: skip
        self.told: dict[str, Any] = {"name": data, "images": images} | own[task]
        self.boxes: BoxSet | None = None
        self.pictures: PictureSet | None = None
        self.listens = False

    def read(self, choices: dict[str, Any]) -> None:
        """Reads what the recipe depends on. Raises UsageError, SetError."""
        if self.task == "detect":
            self.boxes = read_boxes(**self.told)
        elif self.task == "classify":
            Recipe.of(**choices)  # before a set is fetched
            self.pictures = read_set(**self.told, access=self._access)
            self.listens = are_recordings(self.pictures)

    def prepared(
        self, row: ModelRow, recipe: Recipe, where: Where, watcher: Watcher
    ) -> Prepared | MaskPrepared | BoxPrepared:
        """Looks at all that was given."""
        if (boxes := self.boxes) is not None:
            what = f"{_WITH[self._parts]} of {_counted(boxes.classes)}"
            watcher.say(f"{len(boxes):,} pictures to learn {what} from ({boxes.format}).")
            return prepare_boxes(boxes, row, recipe, where.engine, where.options, watcher)
        if (pictures := self.pictures) is None:
            self.told["ignoring"] = recipe.ignore_index != -1
            masks = read_masks(**self.told)
            watcher.say(f"{len(masks):,} pictures to learn masks from ({masks.format}).")
            names = read_names(self.data, self.names)
            return prepare_masks(masks, names, row, recipe, where.options, watcher, where.engine)
        noun = "recordings" if self.listens else "pictures"
        watcher.say(f"{len(pictures):,} {noun} of {len(pictures.classes):,} classes ({pictures.format}).")
        if self.listens:
            return prepare_sounds(pictures, row, recipe, where.options, watcher)
        return prepare(pictures, row, recipe, where.engine, where.options, watcher)


def _tell(look: Look, remarks: Sequence[str], watcher: Watcher) -> None:
    for sentence in (*look.lines(), *remarks):
        watcher.say(sentence)
    for n, error in look.unreadable:
        watcher.failure(look.paths[n], error.message)


def _check_options(
    task: str, *, crops: bool, names: str | None, palette: str | None, judge: str | None, choices: dict[str, Any]
) -> None:
    """Raises UsageError where an option does not go with what is learned."""
    mine: dict[str, tuple[str, dict[str, Any]]] = {
        "classify": ("classes of whole pictures", {"--crops": crops or None, "--views": choices.get("views")}),
        "segment": (
            "masks",
            {
                "--names": names,
                "--palette": palette,
                "--turns": choices.get("turns"),
                "--ignore-index": choices.get("ignore_index"),
            },
        ),
        "detect": ("boxes", {}),
        "generate": ("making pictures", {"--judge": judge}),
        "translate": ("making pictures of others", {"--identity": choices.get("identity")}),
    }
    for own, (what, options) in mine.items():
        for name in (name for name, value in options.items() if value is not None and task != own):
            raise UsageError(f"{name} is for {what}, and this is to learn {mine[task][0]}.")


_WITH = {"": "boxes", "masks": "boxes and masks", "keypoints": "boxes and keypoints"}


def _counted(classes: Sequence[str]) -> str:
    return "1 class" if len(classes) == 1 else f"{len(classes):,} classes"


def _recipe(base: ModelRow, task: str, choices: dict[str, Any], pictures: int) -> Recipe:
    """What was chosen, and what the task and the network make of the rest. Raises UsageError."""
    if task == "detect":
        from visioncli.training.boxes.run import box_recipe

        return box_recipe(base, pictures, choices)
    if task == "segment":
        from visioncli.training.masks.run import knows_something

        if not can_begin_with(base):
            raise UsageError(
                f"{base.name} cannot be trained to segment here. Begin with unet_lite0, unet, unet_medium, "
                "unet_paper, deeplab_v3_mobilenet_v2, torchvision's FCN, DeepLab v3 or LRASPP, or with a RUN folder "
                "of one of them."
            )
        start = Start.PRETRAINED if knows_something(base) else Start.SCRATCH
        choices = {"start": start, "unfreeze": Unfreeze.ALL} | choices
    return Recipe.of(**choices)


def _needs_none(base: ModelRow, recipe: Recipe, task: str) -> bool:
    """Whether training begins without weights of the network's own."""
    none = recipe.start is Start.SCRATCH or isinstance(base.source, Untrained)
    return none or (task == "segment" and not needs_weights(base))


def _check_base(base: ModelRow, recipe: Recipe, task: str) -> None:
    """Raises UsageError where the network cannot be begun with."""
    if task == "segment":
        from visioncli.training.masks.run import knows_something

        if recipe.start is Start.PRETRAINED and not knows_something(base):
            raise UsageError(f"{base.name} knows nothing yet: train it with --from scratch.")
        if recipe.start is Start.PRETRAINED and recipe.unfreeze is Unfreeze.NONE:
            raise UsageError("--unfreeze none leaves nothing to learn for masks: say last, or all.")
        return
    knows = not isinstance(base.source, Untrained)
    if task == "detect":
        from visioncli.training.boxes.run import knows_something as knows_objects

        knows = knows_objects(base)
    if recipe.start is Start.PRETRAINED and not knows:
        raise UsageError(f"{base.name} knows nothing yet: train it with --from scratch.")
    if base.architecture.split(":")[0] in ("onnx", "transformers"):
        raise UsageError(f"{base.name} cannot be trained further here; a network of `vision models` can.")


def _is_follower() -> bool:
    """Whether this process was started with others, and is not the first of them: that one prepares."""
    return int(os.environ.get("WORLD_SIZE") or 1) > 1 and int(os.environ.get("RANK") or 0) > 0
