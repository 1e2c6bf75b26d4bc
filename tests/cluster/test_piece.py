import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fakes import MeanColour
from visioncli import __version__
from visioncli.cluster.piece import STOP, Job, do, refuse
from visioncli.cluster.plan import Piece
from visioncli.cluster.rows import salvage
from visioncli.cluster.worker import TOKEN, Trouble, Worker
from visioncli.inputs.item import Item
from visioncli.inputs.sources import Expansion
from visioncli.merging.files import Files
from visioncli.merging.merge import Merge
from visioncli.merging.parts import Part, facts_in
from visioncli.runner import RunOptions
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.formats import SinkOptions
from visioncli.sinks.journal import Finished, Journal
from visioncli.sinks.shard import DOCUMENT

Make = Callable[..., list[Path]]
OPTIONS = RunOptions(2, 1)


@pytest.fixture
def out(tmp_path: Path) -> OutputFolder:
    return OutputFolder(tmp_path / "out")


@pytest.fixture
def job(out: OutputFolder) -> Job:
    room = out.partial / "ray"
    room.mkdir()
    (room / TOKEN).write_text("seen")
    shared: dict[str, Any] = {name: {} for name in ("settings", "options", "decoding")}
    facts = {"task": "classify", "version": __version__, "model": dataclasses.asdict(MeanColour().model), **shared}
    facts |= {"formats": [], "images": None, "vectors": False, "labels": []}
    names = (str(room), str(room), "seen", __version__, Expansion(), OPTIONS, {}, [], SinkOptions(), None, None)
    return Job(lambda threads: MeanColour(), *names, facts, 40, "digest")


def piece_of(paths: list[Path], begin: int = 0) -> Piece:
    return Piece(begin, tuple((begin + n, Item(str(path), path.name, "photos")) for n, path in enumerate(paths)))


def part(job: Job, folder: str) -> Part:
    facts = facts_in(Path(job.room, folder, DOCUMENT))
    assert facts is not None
    return Part(Path(job.room, folder), facts)


def test_a_piece_is_written_as_a_shard_with_the_places_of_its_inputs(job: Job, pictures: Make) -> None:
    paths = pictures(4)
    paths[2].write_text("This is no picture.")
    done = do(job, piece_of(paths, 10), MeanColour(), OPTIONS)
    assert (done.succeeded, done.failed, done.complete) == (3, 1, True)
    assert [name for name, _ in done.words] == [str(paths[2])]
    written = part(job, done.folder)
    assert written.complete
    assert [row.at for row in written.rows()] == [10, 11, 12, 13]
    assert [row.record.input for row in written.rows()] == list(map(str, paths))


def test_a_piece_ends_early_when_the_run_was_told_to_stop(
    job: Job, pictures: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("visioncli.cluster.piece.LOOK_SECONDS", 0.0)
    Path(job.room, STOP).touch()
    done = do(job, piece_of(pictures(20)), MeanColour(slow=0.01), OPTIONS)
    assert 0 < done.succeeded < 20
    assert not done.complete
    written = part(job, done.folder)
    assert not written.complete
    assert len(list(written.rows())) == done.succeeded


def test_with_fail_fast_a_piece_ends_at_its_first_failure(job: Job, pictures: Make) -> None:
    paths = pictures(6)
    paths[1].write_text("This is no picture.")
    done = do(dataclasses.replace(job, fail_fast=True), piece_of(paths), MeanColour(), OPTIONS)
    assert (done.succeeded, done.failed, done.complete) == (1, 1, False)


def test_what_nobody_can_do_gets_a_record_that_says_why(job: Job, pictures: Make) -> None:
    done = refuse(job, piece_of(pictures(1)), MeanColour(), "prediction_failed", "It ends every process.")
    (row,) = part(job, done.folder).rows()
    assert row.record.error is not None
    assert row.record.error.message == "It ends every process."


def test_what_a_killed_run_finished_is_found_by_resume(job: Job, out: OutputFolder, pictures: Make) -> None:
    paths = pictures(6)
    for begin in (0, 3):
        do(job, piece_of(paths[begin : begin + 3], begin), MeanColour(), OPTIONS)
    Path(job.room, "piece-000000000006-3-1").mkdir()  # one that had just begun
    salvage(out, Path(job.room))
    assert not Path(job.room).exists()
    journal = Journal(out, "classify", resume=True)
    finished = Finished(journal.sources, out)
    assert len(finished) == 6


def test_pieces_in_a_row_are_joined_in_order(job: Job, out: OutputFolder, pictures: Make) -> None:
    paths = pictures(5)
    done = [do(job, piece_of(paths[begin : begin + 2], begin), MeanColour(), OPTIONS) for begin in (0, 2, 4)]
    facts = part(job, done[0].folder).facts | {"listed": 5}
    parts = [Part(Path(job.room, one.folder), facts, in_a_row=True) for one in done]
    merge = Merge.of_parts(parts, Files.MOVE)
    assert not merge.check(out.path)
    merged, _, _ = merge.write(out)
    assert merged.records == 5
    missing = Merge.of_parts(parts[:2], Files.MOVE)
    assert missing.check(out.path).inputs == 1


def test_an_actor_says_what_prevents_it_from_working(job: Job) -> None:
    assert Worker(job, 1).prepare() is None
    for changed, words in (
        ({"token": "another"}, "does not see the folder"),
        ({"version": "0.0.0"}, "Install the same one"),
        ({"facts": job.facts | {"model": {"name": "another"}}}, "--precision fp32"),
    ):
        trouble = Worker(dataclasses.replace(job, **changed), 1).prepare()
        assert isinstance(trouble, Trouble)
        assert words in trouble.sentence
