import json
from pathlib import Path

import pytest

from visioncli.results import ModelInfo, Record
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.growing import GrowingJournal
from visioncli.sinks.journal import Finished, Journal


@pytest.fixture
def out(tmp_path: Path) -> OutputFolder:
    return OutputFolder(tmp_path / "out")


def record(name: str, task: str = "classify") -> Record:
    return Record(task, name, 8, 8, ModelInfo("m", None), (), output=name, key=f"key of {name}")


def inputs(path: Path) -> list[str]:
    return [json.loads(line)["input"] for line in path.read_bytes().splitlines()]


def test_each_record_stands_in_predictions_jsonl_at_once_behind_earlier_ones(out: OutputFolder) -> None:
    target = out.path / "predictions.jsonl"
    for name in "ab":
        journal = GrowingJournal(out, "classify")
        journal.write(record(name))
        assert inputs(target)[-1] == name
        journal.close()
    assert inputs(target) == ["a", "b"]
    assert "key of a" in Finished(journal.sources, out)


def test_half_a_line_is_cut_off(out: OutputFolder) -> None:
    journal = GrowingJournal(out, "classify")
    journal.write(record("a"))
    journal.close()
    target = out.path / "predictions.jsonl"
    with target.open("ab") as file:
        file.write(b'{"schema": "vision/1", "ta')
    journal = GrowingJournal(out, "classify")
    journal.write(record("b"))
    journal.close()
    assert inputs(target) == ["a", "b"]


def test_what_a_killed_run_finished_is_taken_in_once(out: OutputFolder) -> None:
    first = GrowingJournal(out, "classify")
    first.write(record("a"))
    first.close()
    killed = Journal(out, "classify", resume=True)  # never closed
    for name in "abb":
        killed.write(record(name))
    journal = GrowingJournal(out, "classify")
    journal.write(record("c"))
    journal.close()
    assert inputs(out.path / "predictions.jsonl") == ["a", "b", "c"]
    assert not [path.name for path in out.partial.glob("*.jsonl")]


def test_records_of_another_task_are_kept_beside_it(out: OutputFolder) -> None:
    other = GrowingJournal(out, "detect")
    other.write(record("a", "detect"))
    other.close()
    journal = GrowingJournal(out, "classify")
    journal.write(record("b"))
    journal.close()
    assert inputs(out.path / "predictions.jsonl") == ["b"]
    assert inputs(out.path / "predictions.detect.jsonl") == ["a"]
    assert any("vision detect" in sentence for sentence in journal.kept)
