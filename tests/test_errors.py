import pytest

from visioncli.errors import ModelUnavailable, OutputError, UnreadablePicture, UsageError, VisionError
from visioncli.status import Status


@pytest.mark.parametrize(
    ("error", "status"), [(UsageError, 2), (OutputError, 3), (ModelUnavailable, 4), (VisionError, 3)]
)
def test_each_error_stands_for_its_exit_status(error: type[VisionError], status: int) -> None:
    assert error("x").status == status


def test_an_unreadable_picture_has_a_kind() -> None:
    assert UnreadablePicture("x").kind == "unreadable_picture"
    assert UnreadablePicture("x", "too_large").kind == "too_large"


def test_exit_statuses_are_those_that_scripts_rely_on() -> None:
    assert [int(s) for s in Status] == [0, 1, 2, 3, 4, 5, 130, 141]
