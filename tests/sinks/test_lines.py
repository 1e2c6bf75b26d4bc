import json

import pytest

from visioncli.predictions import Duplicate
from visioncli.results import Failure, Record
from visioncli.sinks.lines import StdoutDuplicates, StdoutLines


def test_each_record_is_a_line_that_is_out_at_once(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    sink = StdoutLines()
    sink.write(Record("classify", "a\nb\udcff", error=Failure("k", "m")))
    out = capfdbinary.readouterr().out
    assert out.count(b"\n") == 1
    assert json.loads(out)["input"] == "a\nb\udcff"
    sink.close()


def test_paths_of_duplicates_leave_out_what_is_kept_single_or_failed(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    sink = StdoutDuplicates(b"\0")
    for kind in ("kept", "equal"):
        about = Duplicate(1, "a", kind, 1.0, "the largest", 9)
        sink.write(Record("dedupe", f"{kind}\n.jpg", 4, 3, predictions=(about,), files={"annotated": "sheet.jpg"}))
    sink.write(Record("dedupe", "single.jpg", 4, 3, predictions=()))
    sink.write(Record("dedupe", "failed.jpg", error=Failure("k", "m")))
    assert capfdbinary.readouterr().out == b"equal\n.jpg\0"
