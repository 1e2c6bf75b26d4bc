import os
from pathlib import Path

import pytest

from visioncli.errors import OutputError
from visioncli.predictions import Caption, Classification
from visioncli.results import ModelInfo, Record
from visioncli.sinks.csv_table import CsvSink
from visioncli.sinks.folder import PARTIAL, OutputFolder
from visioncli.sinks.journal import Finished, Journal


def success(task: str, name: str) -> Record:
    prediction = Classification("cat", 1, 0.5) if task == "classify" else Caption("a cat", -1.0)
    return Record(task, name, 3, 2, ModelInfo("m", None), (prediction,), output=name, key=f"{task} {name}")


def run(folder: Path, task: str, *names: str, csv: bool = False, resume: bool = False) -> list[str]:
    """One run; what it takes over from an earlier one is not given again."""
    out = OutputFolder(folder)
    journal = Journal(out, task, resume=resume)
    finished = Finished(journal.sources, out) if resume else None
    sinks = [journal, *([CsvSink(out, ("label",))] if csv else [])]
    for name in names:
        for sink in sinks:
            sink.write((finished.get(f"{task} {name}") if finished else None) or success(task, name))
    if finished:
        journal.settle(finished, complete=True)
    for sink in sinks:
        sink.close()
    out.close()
    return journal.kept


def documents(folder: Path) -> dict[str, str]:
    """Each document of records with the inputs in it."""
    return {p.name: " ".join(r.split('"')[11] for r in p.read_text().splitlines()) for p in folder.glob("*.jsonl")}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "out"


def test_records_of_every_task_are_kept(folder: Path) -> None:
    for task in ("classify", "caption", "gradcam"):
        kept = run(folder, task, task[:2])
    assert documents(folder) == {
        "predictions.jsonl": "gr",
        "predictions.caption.jsonl": "ca",
        "predictions.classify.jsonl": "cl",
    }
    assert kept == [f"The records of vision caption are now in {folder}/predictions.caption.jsonl."]


def test_a_task_that_comes_again_finds_its_own_records_before_it(folder: Path) -> None:
    for name in "abcde":
        kept = run(folder, "caption" if name in "bd" else "classify", name)
    assert documents(folder) == {
        "predictions.jsonl": "e",
        "predictions.previous.jsonl": "c",
        "predictions.caption.jsonl": "d",
        "predictions.caption.previous.jsonl": "b",
    }
    assert kept[1:] == [f"The records of the run before are now in {folder}/predictions.previous.jsonl."]


def test_other_documents_go_with_the_records(folder: Path) -> None:
    run(folder, "classify", "a", csv=True)
    run(folder, "classify", "b")
    assert "a,cat" in (folder / "predictions.previous.csv").read_text()
    assert not (folder / "predictions.csv").exists()
    run(folder, "caption", "c", csv=True)
    assert "a,cat" in (folder / "predictions.classify.previous.csv").read_text()
    run(folder, "classify", "d")
    assert (folder / "predictions.caption.csv").exists()
    assert not list(folder.glob("predictions*previous.csv"))  # the run before had none


def test_a_task_is_resumed_past_the_runs_of_others(folder: Path) -> None:
    run(folder, "classify", "a")
    run(folder, "caption", "b")
    out = OutputFolder(folder)
    assert Finished(Journal(out, "classify", resume=True).sources, out).get("classify a") is not None
    out.abandon()
    run(folder, "classify", "a", "c", resume=True)
    assert documents(folder) == {"predictions.jsonl": "a c", "predictions.caption.jsonl": "b"}


def test_what_a_killed_run_finished_outlives_a_run_of_another_task(folder: Path) -> None:
    out = OutputFolder(folder)
    journal = Journal(out, "classify", resume=False)
    journal.write(success("classify", "a"))
    journal._file.close()
    out._lock.close()
    run(folder, "caption", "b")
    run(folder, "classify", "a", resume=True)
    assert documents(folder) == {"predictions.jsonl": "a", "predictions.caption.jsonl": "b"}
    assert PARTIAL not in os.listdir(folder)


@pytest.mark.parametrize("name", ["predictions.classify.jsonl", "predictions.classify.csv"])
def test_a_file_of_the_users_is_not_replaced(name: str, folder: Path) -> None:
    run(folder, "classify", "a", csv=True)
    (folder / name).write_text("mine")
    out = OutputFolder(folder)
    with pytest.raises(OutputError, match="that vision did not write"):
        Journal(out, "caption", resume=False)
    assert (folder / name).read_text() == "mine"


def test_a_run_that_does_not_end_leaves_the_documents_where_they_were(folder: Path) -> None:
    run(folder, "classify", "a")
    out = OutputFolder(folder)
    Journal(out, "caption", resume=False)
    out.abandon()
    assert documents(folder) == {"predictions.jsonl": "a"}


def test_an_input_of_the_run_stays_where_it_is(folder: Path) -> None:
    run(folder, "classify", "a", csv=True)
    out = OutputFolder(folder)
    out.protect(str(folder / "predictions.csv"))
    Journal(out, "caption", resume=False).close()
    assert (folder / "predictions.csv").exists()
    assert documents(folder)["predictions.classify.jsonl"] == "a"


def test_damaged_records_become_the_previous_ones(folder: Path) -> None:
    run(folder, "classify", "a")
    (folder / "predictions.jsonl").write_bytes(b"\0" * 100)
    run(folder, "caption", "b")
    assert (folder / "predictions.previous.jsonl").read_bytes() == b"\0" * 100
