"""Everything that this package raises on purpose.

Each message is one sentence or two for a person: what is wrong, where, and what to do about it.
"""

from enum import StrEnum

from visioncli.status import Status


class ErrorKind(StrEnum):
    """What can be wrong with one input: `error.kind` of its record. Programs may rely on these."""

    NOT_FOUND = "not_found"
    NOT_A_FILE = "not_a_file"
    PERMISSION_DENIED = "permission_denied"
    READ_FAILED = "read_failed"
    EMPTY_FILE = "empty_file"
    UNREADABLE_PICTURE = "unreadable_picture"
    TRUNCATED_PICTURE = "truncated_picture"
    UNREADABLE_RECORDING = "unreadable_recording"
    TRUNCATED_RECORDING = "truncated_recording"
    UNREADABLE_VIDEO = "unreadable_video"
    TRUNCATED_VIDEO = "truncated_video"
    OTHER_MEDIUM = "other_medium"
    MODEL_UNAVAILABLE = "model_unavailable"
    TOO_LARGE = "too_large"
    TIMED_OUT = "timed_out"
    URL_FAILED = "url_failed"
    PREDICTION_FAILED = "prediction_failed"
    OUTPUT_NOT_WRITTEN = "output_not_written"


class VisionError(Exception):
    """Base of all errors raised on purpose; `status` is the exit status it stands for."""

    status: Status = Status.NONE_SUCCEEDED


class UsageError(VisionError):
    """The request itself is wrong: an unknown name, an impossible number, options that exclude each other."""

    status = Status.USAGE


class ModelUnavailable(VisionError):
    """A network's weights are missing, do not have the expected hash, or do not fit the network."""

    status = Status.MODEL_UNAVAILABLE


class OutputError(VisionError):
    """A result could not be written: a full or read-only disk, or a folder in use by another run."""


class InputsGone(VisionError):
    """What inputs come from is no longer there: a folder that is watched. What was finished is kept."""


class ClusterLost(VisionError):
    """A cluster cannot be reached, or no machine of it does any work. What was finished is kept."""


class InputError(VisionError):
    """One input could not be used. The batch goes on; `kind`, an ErrorKind, becomes `error.kind` of its record."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class UnreadablePicture(InputError):
    """The bytes are not a picture that can be decoded."""

    def __init__(self, message: str, kind: str = "unreadable_picture") -> None:
        super().__init__(kind, message)


def missing_extra(package: str, extra: str) -> ModelUnavailable:
    """The error for an optional library that is not installed."""
    return ModelUnavailable(
        f"This needs {package}, which is not installed. Install it: pip install 'visioncli[{extra}]'"
    )
