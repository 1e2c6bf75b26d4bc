"""What can be said of a task's settings before its network is fetched or loaded.

What a network knows stands in its row; only the names of layers take the network itself, without its weights.
"""

from collections.abc import Sequence
from typing import Any

from visioncli.errors import UsageError
from visioncli.models.labels import load_labels
from visioncli.models.row import Download, Hub, ModelRow, Packaged
from visioncli.models.tta import SegmentTta, known_tta
from visioncli.tasks.class_names import parse_classes, parse_wanted
from visioncli.weights.places import stored_file

FOR_SOUND = ("classify", "gradcam", "embed")
"""Tasks that networks of recordings have."""
WITH_VIDEOS = frozenset({"classify", "detect", "segment", "pose", "caption", "gradcam", "embed", "stylize"})
"""Tasks that take the frames of videos."""
WITH_DETECTOR = ("segment", "pose", "caption")
"""Tasks that may have objects found for them by other networks."""


def needs_detector(task: str, row: ModelRow, settings: dict[str, Any], named: str | None) -> bool:
    """Whether other networks find the objects, `named` by the user or not. Raises UsageError for a name that is of no
    use."""
    if task not in WITH_DETECTOR:
        return False
    reason = ""
    if task == "segment" and settings.get("mode") != "instance":
        reason = "is for --mode instance"
    elif task == "pose" and settings.get("single"):
        reason = "does not go with --single, where nobody is looked for"
    elif isinstance(row.source, Hub) or row.form in ("instances", "people"):
        reason = f"is not for {row.name}, which looks at the picture by itself"
    if reason and named is not None:
        raise UsageError(f"--detector {reason}.")
    return not reason


def check_names(task: str, row: ModelRow, settings: dict[str, Any], finders: Sequence[ModelRow] = ()) -> None:
    """Raises UsageError where the task's settings name a class or a layer that its networks have not, or want of
    them what they cannot do; `finders` find the objects."""
    if task == "segment":
        check_mode(row, settings.get("mode", "semantic"))
        check_tile(row, settings.get("tile"))
        check_views(row, settings.get("tta"), settings.get("mode", "semantic"))
    if settings.get("classes") is not None:
        parse_classes(settings["classes"], load_labels((finders or [row])[0].labels))
    if task == "gradcam":
        parse_wanted(settings.get("target", "top-1"), load_labels(row.labels))
        # With the weights at hand, loading them is no slower than building the network without.
        if (layer := settings.get("layer", "auto")) != "auto" and _is_to_be_fetched(row):
            from visioncli.tasks.gradcam.methods import check_layer

            check_layer(row, layer)


def check_media(task: str, rows: Sequence[ModelRow], settings: dict[str, Any]) -> None:
    """Raises UsageError where networks of sound are wanted for a task of pictures, or more than one of them, or are
    none where only recordings have what is wanted."""
    listening = [row.name for row in rows if row.sound is not None]
    if listening and task not in FOR_SOUND:
        raise UsageError(
            f"{listening[0]} listens to recordings, which vision {', '.join(FOR_SOUND[:-1])} and {FOR_SOUND[-1]} "
            f"take; vision {task} is for pictures. Name another network."
        )
    if listening and len(rows) > 1:
        raise UsageError(f"{listening[0]} listens to recordings, and answers alone: name no other network beside it.")
    if settings.get("windows") and not listening:
        raise UsageError(f"--windows is for recordings, and {rows[0].name} looks at pictures.")


def check_mode(row: ModelRow, mode: str) -> None:
    """Raises UsageError where the row's network cannot segment in that mode."""
    if row.form == "instances" and mode != "instance":
        raise UsageError(f"{row.name} finds objects and their masks: add --mode instance.")
    if row.form == "saliency" and mode != "foreground":
        raise UsageError(
            f"{row.name} tells the foreground from the rest, and knows no classes: add --mode foreground."
        )


def check_tile(row: ModelRow, tile: str | None) -> None:
    """Raises UsageError where the row's network cannot segment a picture tile by tile."""
    if tile is not None and row.form in ("instances", "saliency"):
        raise UsageError(
            f"{row.name} looks at the picture as a whole: --tile is for networks that give each pixel a class."
        )


def check_views(row: ModelRow, tta: str | None, mode: str) -> None:
    """Raises UsageError where the row's network cannot look at a picture in such views."""
    if known_tta("segment", tta or SegmentTta.NONE) == SegmentTta.NONE:
        return
    if row.form == "instances":
        raise UsageError(f"{row.name} answers for the picture alone: masks of its mirror image cannot be averaged.")
    if tta == SegmentTta.TURNS and (mode == "instance" or row.layout is not None or isinstance(row.source, Hub)):
        raise UsageError(
            f"--tta turns is for masks of classes by a network that takes pictures of any shape, not for {row.name}"
            f"{' with --mode instance' if mode == 'instance' else ''}. Try --tta flip."
        )


def _is_to_be_fetched(row: ModelRow) -> bool:
    return isinstance(row.source, Download | Packaged) and not stored_file(row.source).is_file()
