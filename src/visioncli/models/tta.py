"""Test-time augmentation: which views of a picture the networks of a task are shown, beside the picture itself."""

from enum import StrEnum

from visioncli.errors import UsageError


class Tta(StrEnum):
    """`--tta`: the picture alone, or the mean with its mirror image."""

    NONE = "none"
    FLIP = "flip"


class PoseTta(StrEnum):
    """`--tta` of pose: nothing mirrored, each person's crop, or the picture that people are detected in as well."""

    NONE = "none"
    CROPS = "crops"
    FLIP = "flip"


DEFAULT_POSE_TTA = PoseTta.CROPS
"""What pose does: joints are so much better for it that it was never without."""


def is_mirrored(task: str, tta: str) -> bool:
    """Whether the mirror image of the whole picture is asked for. Raises UsageError for a word that `task` lacks."""
    known = PoseTta if task == "pose" else Tta
    if tta not in list(known):
        raise UsageError(f"--tta is one of {', '.join(known)}, not {tta!r}.")
    return tta == Tta.FLIP
