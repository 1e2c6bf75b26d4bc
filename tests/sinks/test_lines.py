import json

import pytest

from visioncli.results import Failure, Record
from visioncli.sinks.lines import StdoutLines


def test_each_record_is_a_line_that_is_out_at_once(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    sink = StdoutLines()
    sink.write(Record("classify", "a\nb\udcff", error=Failure("k", "m")))
    out = capfdbinary.readouterr().out
    assert out.count(b"\n") == 1
    assert json.loads(out)["input"] == "a\nb\udcff"
    sink.close()
