"""What may be chosen about training on recordings, and what is chosen where nothing is said."""

from typing import Any

from visioncli.errors import UsageError
from visioncli.models.row import ModelRow, Untrained
from visioncli.training.recipe import Start, Unfreeze

FOR_SOUND = "log_mel_cnn"
"""What is begun with where recordings are learned from and no network is named: from nothing it learns in minutes
what takes networks of photographs, larger by far, much longer."""


def sound_choices(base: ModelRow, choices: dict[str, Any], *, crops: bool) -> dict[str, Any]:
    """`choices` with the defaults of recordings beneath them. Raises UsageError for what is of pictures alone."""
    for option, given in (("--mirror", choices.get("mirror")), ("--views", choices.get("views"))):
        if given:
            reason = ": a mirrored recording runs backwards" if option == "--mirror" else ""
            raise UsageError(f"{option} is for pictures, and this is to learn from recordings{reason}. Leave it out.")
    if crops:
        raise UsageError("--crops is for pictures, and this is to learn from recordings. Leave it out.")
    if str(choices.get("augment", "")) == "flip":
        raise UsageError(
            "--augment flip is for pictures: a mirrored recording runs backwards. Say none, standard or strong."
        )
    start = Start.SCRATCH if isinstance(base.source, Untrained) else Start.PRETRAINED
    found = {"start": start, "unfreeze": Unfreeze.ALL} | {k: v for k, v in choices.items() if v is not None}
    if found["start"] == Start.PRETRAINED and found["unfreeze"] == Unfreeze.NONE:
        raise UsageError(
            "--unfreeze none leaves nothing to learn: a network of photographs has no features of sounds. Say last, "
            "or all."
        )
    return found
