import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from visioncli.errors import OutputError, UsageError
from visioncli.results import Classification, Failure, ModelInfo, Record, dump_line
from visioncli.sinks.folder import PARTIAL, PREDICTIONS, PREVIOUS, OutputFolder
from visioncli.sinks.journal import EARLIER, JOURNAL, Finished, Journal, check_resume
from visioncli.sinks.own_files import LIST


def success(name: str, key: str | None = None, files: dict[str, str] | None = None) -> Record:
    predictions = (Classification("cat", 1, 0.5),)
    model = ModelInfo("m", None)
    return Record("classify", name, 3, 2, model, predictions, files or {}, output=name, key=key or f"key of {name}")


def failed(name: str) -> Record:
    return Record("classify", name, error=Failure("k", "m"))


def inputs(path: Path) -> list[str]:
    return [json.loads(line)["input"] for line in path.read_bytes().splitlines()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "out"


def whole_run(folder: Path, *records: Record, resume: bool = False, complete: bool = True) -> Finished | None:
    out = OutputFolder(folder)
    journal = Journal(out, resume=resume)
    finished = Finished(journal.sources, out) if resume else None
    for record in records:
        journal.write(record)
    if finished:
        journal.settle(finished, complete=complete)
    journal.close()
    out.close()
    return finished


def killed_run(folder: Path, *records: Record, torn: bytes = b"", resume: bool = False) -> None:
    out = OutputFolder(folder)
    journal = Journal(out, resume=resume)
    for record in records:
        journal.write(record)
    journal._file.write(torn)
    journal._file.close()
    out._lock.close()


def test_records_become_visible_under_their_name_when_the_run_ends(folder: Path) -> None:
    out = OutputFolder(folder)
    journal = Journal(out, resume=False)
    journal.write(success("a"))
    assert not (folder / PREDICTIONS).exists()
    journal.close()
    out.close()
    assert inputs(folder / PREDICTIONS) == ["a"]
    assert sorted(os.listdir(folder)) == [LIST, PREDICTIONS]


def test_a_new_run_keeps_the_records_of_the_last_one_beside_its_own(folder: Path) -> None:
    whole_run(folder, success("a"))
    whole_run(folder, success("b"))
    assert inputs(folder / PREDICTIONS) == ["b"]
    assert inputs(folder / PREVIOUS) == ["a"]


def test_an_empty_run_does_not_displace_the_records_kept_before(folder: Path) -> None:
    for names in ("a", "", "", "b"):
        whole_run(folder, *map(success, names))
    assert inputs(folder / PREDICTIONS) == ["b"]
    assert inputs(folder / PREVIOUS) == ["a"]


def test_a_killed_run_loses_only_the_line_that_was_torn(folder: Path) -> None:
    killed_run(folder, success("a"), success("b"), torn=b'{"schema": "vision/1", "inp')
    out = OutputFolder(folder)
    journal = Journal(out, resume=True)
    finished = Finished(journal.sources, out)
    assert len(finished) == 2
    assert finished.get("key of b") == success("b")
    assert finished.get("key of c") is None


def test_records_survive_run_after_run_that_is_killed(folder: Path) -> None:
    whole_run(folder, success("a"))
    for name in "bcd":
        killed_run(folder, success(name), resume=True)
    finished = whole_run(folder, *map(success, "abcd"), resume=True)
    assert finished is not None
    assert len(finished) == 4
    assert inputs(folder / PREDICTIONS) == list("abcd")
    assert sorted(os.listdir(folder)) == [LIST, PREDICTIONS]


def test_an_interrupted_resume_keeps_what_it_did_not_come_to(folder: Path) -> None:
    whole_run(folder, *map(success, "abcd"), failed("e"))
    whole_run(folder, success("a"), success("x"), resume=True, complete=False)
    assert inputs(folder / PREDICTIONS) == ["a", "x", "b", "c", "d"]


def test_a_complete_resume_over_other_inputs_keeps_the_earlier_file(folder: Path) -> None:
    whole_run(folder, success("a"))
    whole_run(folder, success("b"), resume=True)
    assert inputs(folder / PREDICTIONS) == ["b"]
    assert inputs(folder / PREVIOUS) == ["a"]


def test_failures_are_tried_again(folder: Path) -> None:
    whole_run(folder, failed("a"), success("b"))
    finished = whole_run(folder, success("b"), resume=True)
    assert finished is not None
    assert len(finished) == 1


def test_a_success_whose_files_are_gone_is_done_again(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "note").touch()
    whole_run(folder, success("a", files={"note": str(tmp_path / "note")}))
    finished = whole_run(folder, resume=True, complete=False)
    assert finished is not None
    assert finished.get("key of a") is not None
    (tmp_path / "note").unlink()
    assert finished.get("key of a") is None


def test_the_latest_record_of_a_key_counts(folder: Path) -> None:
    whole_run(folder, success("old", key="k"))
    killed_run(folder, success("new", key="k"), resume=True)
    out = OutputFolder(folder)
    record = Finished(Journal(out, resume=True).sources, out).get("k")
    assert record is not None
    assert record.input == "new"


def test_lines_that_are_no_records_are_passed_over(folder: Path) -> None:
    folder.mkdir()
    lines = [b"\n", b"[]\n", b"{}\n", b"\xff\xfe\n", b"null\n", b'{"schema": "vision/1"}\n', b'{"torn']
    (folder / PREDICTIONS).write_bytes(dump_line(success("a").to_json()) + b"".join(lines))
    out = OutputFolder(folder)
    assert len(Finished(Journal(out, resume=True).sources, out)) == 1


def test_names_of_earlier_results_stay_taken(folder: Path) -> None:
    from visioncli.sources import Item

    whole_run(folder, success("a"))
    out = OutputFolder(folder)
    Finished(Journal(out, resume=True).sources, out)
    assert out.claim(Item("other/a", "a", root="other")) == "other/a"
    assert out.claim(Item("a", "a")) == "a"


@pytest.mark.parametrize("length", [10, 1 << 16, 200_000])
def test_half_a_line_that_a_full_disk_took_is_dropped(folder: Path, length: int) -> None:
    out = OutputFolder(folder)
    journal = Journal(out, resume=False)
    journal.write(success("a"))
    with (out.partial / JOURNAL).open("ab") as file:
        file.write(b"x" * length)
    journal.close()
    out.close()
    assert inputs(folder / PREDICTIONS) == ["a"]


def test_a_disk_that_fills_up_is_an_output_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(OutputFolder(folder), resume=False)
    monkeypatch.setattr(journal, "_file", open("/dev/full", "wb"))  # noqa: SIM115
    with pytest.raises(OutputError, match="the disk is full"):
        journal.write(success("a"))


def test_resuming_needs_a_folder() -> None:
    with pytest.raises(UsageError, match="--resume needs an output folder"):
        check_resume(True, None)
    check_resume(False, None)


@pytest.mark.parametrize("name", [f"{PARTIAL}/{JOURNAL}", f"{PARTIAL}/{EARLIER}", PREDICTIONS, PREVIOUS])
@pytest.mark.parametrize("make", [lambda p, other: p.symlink_to(other), lambda p, _: os.mkfifo(p)])
@pytest.mark.parametrize("resume", [True, False])
def test_what_is_no_file_in_the_place_of_records_is_refused(
    name: str, make: Callable[[Path, Path], None], resume: bool, folder: Path
) -> None:
    precious = folder.parent / "precious"
    precious.write_bytes(b"precious\n")
    out = OutputFolder(folder)
    make(folder / name, precious)
    with pytest.raises(OutputError, match=r"stands there\. Remove it"):
        Journal(out, resume=resume)
    assert precious.read_bytes() == b"precious\n"


def test_a_journal_that_shares_its_content_with_another_file_leaves_it(folder: Path) -> None:
    precious = folder.parent / "precious"
    precious.write_bytes(b"precious\n")
    out = OutputFolder(folder)
    (out.partial / JOURNAL).hardlink_to(precious)
    journal = Journal(out, resume=False)
    journal.write(success("a"))
    journal.close()
    assert precious.read_bytes() == b"precious\n"
