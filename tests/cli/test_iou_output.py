import errno
import io
import os

import pytest
import typer

from visioncli.cli.iou_output import json_text, show
from visioncli.errors import OutputError


class Broken(io.StringIO):
    def __init__(self, number):
        super().__init__()
        self.number = number

    def flush(self):
        raise OSError(self.number, os.strerror(self.number))


def test_a_full_disk_and_a_reader_that_went_away_end_as_documented():
    with pytest.raises(OutputError, match="Cannot write to standard output: No space left on device"):
        show("text", Broken(errno.ENOSPC))
    with pytest.raises(typer.Exit) as gone:
        show("text", Broken(errno.EPIPE))
    assert gone.value.exit_code == 141


def test_json_has_escapes_for_halves_of_characters_and_no_nan():
    assert json_text({"a": "\ud800é"}) == '{"a": "\\ud800é"}'
    with pytest.raises(ValueError, match="JSON"):
        json_text([float("nan")])
