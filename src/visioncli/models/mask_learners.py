"""What learning masks can begin with: U-Nets, torchvision's networks, the embedded DeepLab, and what was trained."""

import dataclasses

from visioncli.models.row import ModelRow, Trained, Untrained

_TRAINED_AS = {"deeplab": "deeplab_dense:half"}
"""Architectures that answer for fewer places than a picture has pixels, and their like that answer for each."""
_LIBRARY = "torchvision"


def can_begin_with(row: ModelRow) -> bool:
    """Whether a row is a network for masks that is trained here."""
    if "segment" not in row.tasks:
        return False
    pixels = row.form == "pixels" and row.architecture.split(":")[0] == _LIBRARY
    return row.form == "dense" or pixels or row.architecture in _TRAINED_AS


def as_learner(row: ModelRow) -> ModelRow:
    """The row as it is trained: for pictures as large as they are, with an answer for each of their pixels."""
    return dataclasses.replace(
        row,
        architecture=_TRAINED_AS.get(row.architecture, row.architecture),
        input=dataclasses.replace(row.input, resize=0),
        form="dense",
    )


def needs_weights(row: ModelRow) -> bool:
    """Whether its own weights are what it begins with, so that they must be there."""
    return not isinstance(row.source, Untrained | Trained)
