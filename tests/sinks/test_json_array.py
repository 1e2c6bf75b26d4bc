import json
from pathlib import Path

import pytest

from visioncli.results import Failure, Record
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.json_array import JsonArraySink


@pytest.mark.parametrize("count", [0, 1, 3])
def test_the_document_is_one_array_of_records(tmp_path: Path, count: int) -> None:
    sink = JsonArraySink(OutputFolder(tmp_path))
    records = [Record("classify", f"{n}\udcff", error=Failure("k", "m")) for n in range(count)]
    for record in records:
        sink.write(record)
    sink.close()
    found = json.loads((tmp_path / "predictions.json").read_bytes())
    assert [Record.from_json(body) for body in found] == records
