import json
import os
import resource
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from visioncli.earlier_results import LIST, PREDICTIONS
from visioncli.errors import OutputError, UsageError
from visioncli.predictions import Classification, Rle, Segment
from visioncli.results import Failure, ModelInfo, Record, dump_line
from visioncli.sinks import journal as journals
from visioncli.sinks.folder import PARTIAL, PREVIOUS, OutputFolder
from visioncli.sinks.journal import Finished, Journal, bytes_of, check_resume

JOURNAL, EARLIER = (name.format("classify") for name in (journals.JOURNAL, journals.EARLIER))


def success(name: str, key: str | None = None, files: dict[str, str] | None = None) -> Record:
    predictions = (Classification("cat", 1, 0.5),)
    model = ModelInfo("m", None)
    record = Record("classify", name, 3, 2, model, predictions, output=name, key=key or f"key of {name}")
    return replace(record, files=files or {}, sizes={kind: bytes_of(path) for kind, path in (files or {}).items()})


def failed(name: str) -> Record:
    return Record("classify", name, error=Failure("k", "m"))


def inputs(path: Path) -> list[str]:
    return [json.loads(line)["input"] for line in path.read_bytes().splitlines()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "out"


def whole_run(folder: Path, *records: Record, resume: bool = False, complete: bool = True) -> Finished | None:
    out = OutputFolder(folder)
    journal = Journal(out, "classify", resume=resume)
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
    journal = Journal(out, "classify", resume=resume)
    for record in records:
        journal.write(record)
    journal._file.write(torn)
    journal._file.close()
    out._lock.close()


def test_records_become_visible_under_their_name_when_the_run_ends(folder: Path) -> None:
    out = OutputFolder(folder)
    journal = Journal(out, "classify", resume=False)
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
    journal = Journal(out, "classify", resume=True)
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


def test_a_success_whose_files_are_gone_or_changed_is_done_again(folder: Path) -> None:
    folder.mkdir()
    note = folder / "note"
    note.write_text("four")
    whole_run(folder, success("a", files={"note": str(note)}))
    finished = whole_run(folder, resume=True, complete=False)
    assert finished is not None
    assert finished.get("key of a") is not None
    for content in ("", "three"):
        note.write_text(content)
        assert finished.get("key of a") is None
    note.unlink()
    assert finished.get("key of a") is None


def test_the_latest_record_of_a_key_counts(folder: Path) -> None:
    whole_run(folder, success("old", key="k"))
    killed_run(folder, success("new", key="k"), resume=True)
    out = OutputFolder(folder)
    record = Finished(Journal(out, "classify", resume=True).sources, out).get("k")
    assert record is not None
    assert record.input == "new"


def test_lines_that_are_no_records_are_passed_over(folder: Path) -> None:
    folder.mkdir()
    lines = [b"\n", b"[]\n", b"{}\n", b"\xff\xfe\n", b"null\n", b'{"schema": "vision/1"}\n', b'{"torn']
    (folder / PREDICTIONS).write_bytes(dump_line(success("a").to_json()) + b"".join(lines))
    out = OutputFolder(folder)
    assert len(Finished(Journal(out, "classify", resume=True).sources, out)) == 1


def read(folder: Path, *lines: bytes) -> Finished:
    """The successes among `lines` of an earlier run."""
    folder.mkdir(exist_ok=True)
    (folder / PREDICTIONS).write_bytes(b"".join(lines))
    out = OutputFolder(folder)
    finished = Finished(Journal(out, "classify", resume=True).sources, out)
    out.abandon()
    return finished


@pytest.mark.parametrize(
    "change",
    [
        {"files": {"annotated": "/etc/passwd"}, "sizes": {"annotated": bytes_of("/etc/passwd")}},
        {"files": {"annotated": "{out}/../x"}, "sizes": {"annotated": 1}},
        {"files": {"annotated": "{out}/a.jpg"}, "sizes": {}},
        {"files": {"annotated": "{out}/a.jpg"}, "sizes": {"annotated": 5.0}},
        {"files": None},
        {"output": "../../evil"},
        {"output": "/evil"},
        {"output": None},
        {"output": "\ud800"},
        {"key": ["a"]},
        {"width": 10**400},
        {"width": True},
        {"model": None},
        {"task": ["classify"]},
        {"task": "nothing"},
        {"task": "detect"},
        {"ms": {"decode": float("inf")}},
        {"extra": {"left_out": {"a": "b"}}},
        {"extra": {"compare": {"other": [{"label": 5}]}}},
        {"extra": {"deep": json.loads("[" * 50 + "]" * 50)}},
        {"predictions": [{"label": "cat", "label_id": 1, "score": float("nan")}]},
        {"predictions": {"label": "cat"}},
        {"surprise": 1},
    ],
)
def test_a_record_with_anything_odd_in_it_counts_as_not_done(change: dict[str, Any], folder: Path) -> None:
    good = success("a").to_json()
    odd = json.dumps(good | change).replace("{out}", str(folder)).encode() + b"\n"
    assert len(read(folder, dump_line(success("b").to_json()), odd)) == 1


@pytest.mark.parametrize("counts", ["", "\x7f", "oooooooooooo", "Po", "07"])
def test_a_mask_that_is_none_is_not_handed_to_compiled_code(counts: str, folder: Path) -> None:
    good = Segment("cat", 1, 3, 0.5, Rle((2, 3), "033"))
    for segment, count in ((good, 1), (replace(good, mask=Rle((2, 3), counts)), 0)):
        record = replace(success("a"), task="segment", predictions=(segment,))
        assert len(read(folder, dump_line(record.to_json()))) == count


def test_a_line_longer_than_any_record_is_never_held_whole(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("visioncli.sinks.journal.LONGEST_LINE", 4096)
    a, b = (dump_line(success(name).to_json()) for name in "ab")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    folder.mkdir()
    with (folder / PREDICTIONS).open("wb") as file:
        file.write(a)
        file.truncate(1 << 28)  # a hole: zeros without a line end
        file.seek(0, os.SEEK_END)
        file.write(b"\n" + b)
    out = OutputFolder(folder)
    finished = Finished(Journal(out, "classify", resume=True).sources, out)
    assert [finished.get(f"key of {name}") for name in "ab"] == [success("a"), success("b")]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


@pytest.mark.parametrize("name", [EARLIER, JOURNAL])
def test_what_a_killed_run_left_may_be_damaged_too(name: str, folder: Path) -> None:
    killed_run(folder, success("a"))
    left = dump_line(success("b").to_json())
    torn = dump_line(success("größe").to_json())
    torn = torn[: torn.index("ö".encode()) + 1]
    (folder / ".vision-partial" / name).write_bytes(b"\0" * 70_000 + b"\n[[\n" + left + torn)
    (folder / ".vision-partial" / JOURNAL).touch()
    out = OutputFolder(folder)
    assert Finished(Journal(out, "classify", resume=True).sources, out).get("key of b") == success("b")


def test_results_that_others_replaced_count_no_more(folder: Path) -> None:
    """The same input with other options: its files stand in the place of the first ones."""
    whole_run(folder, success("a", key="first"), success("b"))
    killed_run(folder, success("a", key="second"), resume=True)
    out = OutputFolder(folder)
    finished = Finished(Journal(out, "classify", resume=True).sources, out)
    assert finished.get("first") is None
    assert finished.get("second") is not None
    assert finished.get("key of b") is not None


def test_an_interrupted_run_with_other_options_leaves_one_record_an_input(folder: Path) -> None:
    whole_run(folder, success("a", key="first"), success("b"))
    whole_run(folder, success("a", key="second"), resume=True, complete=False)
    assert inputs(folder / PREDICTIONS) == ["a", "b"]


def test_names_of_earlier_results_stay_taken(folder: Path) -> None:
    from visioncli.inputs.sources import Item

    whole_run(folder, success("a"))
    out = OutputFolder(folder)
    Finished(Journal(out, "classify", resume=True).sources, out)
    assert out.claim(Item("other/a", "a", root="other")) == "other/a"
    assert out.claim(Item("a", "a")) == "a"


@pytest.mark.parametrize("length", [10, 1 << 16, 200_000])
def test_half_a_line_that_a_full_disk_took_is_dropped(folder: Path, length: int) -> None:
    out = OutputFolder(folder)
    journal = Journal(out, "classify", resume=False)
    journal.write(success("a"))
    with (out.partial / JOURNAL).open("ab") as file:
        file.write(b"x" * length)
    journal.close()
    out.close()
    assert inputs(folder / PREDICTIONS) == ["a"]


def test_a_disk_that_fills_up_is_an_output_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(OutputFolder(folder), "classify", resume=False)
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
        Journal(out, "classify", resume=resume)
    assert precious.read_bytes() == b"precious\n"


def test_a_journal_that_shares_its_content_with_another_file_leaves_it(folder: Path) -> None:
    precious = folder.parent / "precious"
    precious.write_bytes(b"precious\n")
    out = OutputFolder(folder)
    (out.partial / JOURNAL).hardlink_to(precious)
    journal = Journal(out, "classify", resume=False)
    journal.write(success("a"))
    journal.close()
    assert precious.read_bytes() == b"precious\n"
