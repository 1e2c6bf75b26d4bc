"""Test-time augmentation: which views of a picture the networks of a task are shown, beside the picture itself."""

from enum import StrEnum

from visioncli.errors import UsageError


class Tta(StrEnum):
    """`--tta`: the picture alone, or the mean with its mirror image."""

    NONE = "none"
    FLIP = "flip"


class SegmentTta(StrEnum):
    """`--tta` of segment: the picture alone, the mean with its mirror image, or with all eight ways to turn by
    quarters and mirror it, as maps and microscopes' pictures may be turned."""

    NONE = "none"
    FLIP = "flip"
    TURNS = "turns"


class PoseTta(StrEnum):
    """`--tta` of pose: nothing mirrored, each person's crop, or the picture that people are detected in as well."""

    NONE = "none"
    CROPS = "crops"
    FLIP = "flip"


DEFAULT_POSE_TTA = PoseTta.CROPS
"""What pose does: joints are so much better for it that it was never without."""


def is_mirrored(task: str, tta: str) -> bool:
    """Whether the mirror image of the whole picture is asked for. Raises UsageError for a word that `task` lacks."""
    return known_tta(task, tta) == Tta.FLIP


def known_tta(task: str, tta: str) -> str:
    """`tta` itself. Raises UsageError for a word that `task` lacks."""
    known = {"pose": PoseTta, "segment": SegmentTta}.get(task, Tta)
    if tta not in list(known):
        raise UsageError(f"--tta is one of {', '.join(known)}, not {tta!r}.")
    return tta
