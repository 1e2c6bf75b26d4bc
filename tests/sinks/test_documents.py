from pathlib import Path

import pytest

from visioncli.errors import OutputError
from visioncli.results import Failure, Record
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.json_array import JsonArraySink

RECORD = Record("classify", "a", error=Failure("k", "m"))


def test_a_document_is_invisible_until_it_is_complete(tmp_path: Path) -> None:
    sink = JsonArraySink(OutputFolder(tmp_path))
    sink.write(RECORD)
    assert not (tmp_path / "predictions.json").exists()
    sink.close()
    assert (tmp_path / "predictions.json").exists()


def test_without_a_folder_it_goes_to_standard_output(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    sink = JsonArraySink(None)
    sink.write(RECORD)
    sink.close()
    assert capfdbinary.readouterr().out.startswith(b"[\n{")


def test_a_disk_that_fills_up_is_an_output_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = JsonArraySink(OutputFolder(tmp_path))
    monkeypatch.setattr(sink, "_file", open("/dev/full", "wb"))  # noqa: SIM115
    with pytest.raises(OutputError, match=r"predictions\.json: the disk is full"):
        for _ in range(10_000):
            sink.write(RECORD)
    with pytest.raises(OutputError):
        sink.close()
    assert not (tmp_path / "predictions.json").exists()
