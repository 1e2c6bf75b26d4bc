"""What can be said of a task's settings before its network is fetched or loaded.

What a network knows stands in its row; only the names of layers take the network itself, without its weights.
"""

from typing import Any

from visioncli.errors import UsageError
from visioncli.models import registry
from visioncli.models.labels import load_labels
from visioncli.models.row import Download, ModelRow, Packaged
from visioncli.tasks.class_names import parse_classes, parse_wanted
from visioncli.weights.places import stored_file


def check_names(task: str, row: ModelRow, settings: dict[str, Any]) -> None:
    """Raises UsageError where the task's settings name a class or a layer that the row's network has not, or want of
    it what it cannot do."""
    if task == "segment":
        check_mode(row, settings.get("mode", "semantic"))
    if settings.get("classes") is not None:
        # Objects of networks that know no objects come from the embedded detector.
        own = task == "detect" or row.form == "instances"
        finder = row if own else registry.find(registry.DEFAULTS["detect"])
        parse_classes(settings["classes"], load_labels(finder.labels))
    if task == "gradcam":
        parse_wanted(settings.get("target", "top-1"), load_labels(row.labels))
        # With the weights at hand, loading them is no slower than building the network without.
        if (layer := settings.get("layer", "auto")) != "auto" and _is_to_be_fetched(row):
            from visioncli.tasks.gradcam.methods import check_layer

            check_layer(row, layer)


def check_mode(row: ModelRow, mode: str) -> None:
    """Raises UsageError where the row's network cannot segment in that mode."""
    if row.form == "instances" and mode != "instance":
        raise UsageError(f"{row.name} finds objects and their masks: add --mode instance.")
    if row.form == "saliency" and mode != "foreground":
        raise UsageError(
            f"{row.name} tells the foreground from the rest, and knows no classes: add --mode foreground."
        )


def _is_to_be_fetched(row: ModelRow) -> bool:
    return isinstance(row.source, Download | Packaged) and not stored_file(row.source).is_file()
