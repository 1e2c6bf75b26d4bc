import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from fakes import MeanColour, items
from visioncli.errors import InputError, OutputError
from visioncli.inputs.sources import Item
from visioncli.pictures import Picture
from visioncli.publish import publish
from visioncli.results import Record
from visioncli.runner import Outcome, RunOptions, run
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.interface import PictureSink, RecordSink


class Kept(RecordSink):
    def __init__(self, fail_at: int = -1) -> None:
        self.records: list[Record] = []
        self.fail_at = fail_at

    def write(self, record: Record) -> None:
        if len(self.records) == self.fail_at:
            raise OutputError("The disk is full.")
        self.records.append(record)

    def close(self) -> None:
        pass


class Note(PictureSink):
    """Writes a file for each picture; raises what it is told to for the second."""

    def __init__(self, trouble: Exception | None = None) -> None:
        self.trouble = trouble

    def write(self, outcome: Outcome, out: OutputFolder, base: str) -> dict[str, str]:
        if self.trouble is not None and base.startswith("001"):
            raise self.trouble
        out.file(base + ".txt").write_text(outcome.record.input)
        return {"note": base + ".txt"}


@pytest.fixture
def outcomes(pictures: Callable[..., list[Path]]) -> list[Outcome]:
    return list(run(items(pictures(4)), MeanColour(), RunOptions()))


@pytest.fixture
def out(tmp_path: Path) -> OutputFolder:
    return OutputFolder(tmp_path / "out")


def test_records_come_out_in_order_with_their_files(outcomes: list[Outcome], out: OutputFolder) -> None:
    kept = Kept()
    final = [record for _, record in publish(outcomes, out, [Note()], [kept])]
    assert final == kept.records
    assert [r.input for r in final] == [o.item.path for o in outcomes]
    assert final[2].files == {"note": "002.png.txt"}
    assert final[2].output == "002.png"


@pytest.mark.parametrize(
    ("trouble", "kind", "words"),
    [
        (OutputError("The disk is full."), "output_not_written", "The disk is full."),
        (InputError("odd", "Too odd."), "odd", "Too odd."),
        (ValueError("not finite"), "prediction_failed", "not finite"),
        (ZeroDivisionError("x"), "output_not_written", "ZeroDivisionError"),
    ],
)
def test_a_picture_that_cannot_be_written_makes_its_input_a_failure(
    outcomes: list[Outcome], out: OutputFolder, trouble: Exception, kind: str, words: str
) -> None:
    final = [record for _, record in publish(outcomes, out, [Note(trouble)], [Kept()])]
    assert [r.ok for r in final] == [True, False, True, True]
    assert final[1].error is not None
    assert final[1].error.kind == kind
    assert words in final[1].error.message


def test_a_result_that_is_not_finite_makes_its_input_a_failure(pictures: Callable[..., list[Path]]) -> None:
    outcomes = run(items(pictures(1)), MeanColour(score=float("nan")), RunOptions())
    ((_, record),) = publish(outcomes, None, [], [Kept()])
    assert record.error is not None
    assert record.error.kind == "prediction_failed"


def test_a_record_that_cannot_be_kept_ends_the_run(outcomes: list[Outcome], out: OutputFolder) -> None:
    kept = Kept(fail_at=2)
    with pytest.raises(OutputError):
        list(publish(outcomes, out, [Note()], [kept]))
    assert len(kept.records) == 2


def test_failures_get_no_files_and_no_name(out: OutputFolder) -> None:
    from visioncli.runner import failure

    item = Item("x.png", "x.png")
    ((_, record),) = publish([Outcome(item, failure("classify", item, "k", "m"))], out, [Note()], [Kept()])
    assert record.output is None
    assert record.files == {}
    assert out.claim(Item("y/x.png", "x.png")) == "x.png"


def test_resumed_outcomes_are_passed_on_untouched(outcomes: list[Outcome], out: OutputFolder) -> None:
    resumed = [replace(o, resumed=True, picture=None) for o in outcomes]
    final = [record for _, record in publish(resumed, out, [Note()], [Kept()])]
    assert final == [o.record for o in outcomes]
    assert not list(out.path.glob("*.txt"))


def test_results_beside_their_own_input_are_refused(pictures: Callable[..., list[Path]], tmp_path: Path) -> None:
    paths = pictures(1)
    outcomes = run(items(paths), MeanColour(), RunOptions())
    ((_, record),) = publish(outcomes, OutputFolder(paths[0].parent), [Note()], [Kept()])
    assert record.error is not None
    assert "own folder" in record.error.message


def test_the_last_result_before_a_pause_is_not_held_back(outcomes: list[Outcome], out: OutputFolder) -> None:
    kept, seen = Kept(), []

    def slow_source() -> Iterator[Outcome]:
        for outcome in outcomes:
            seen.append(len(kept.records))
            yield replace(outcome, pause=True)

    list(publish(slow_source(), out, [Note()], [kept]))
    assert seen == [0, 1, 2, 3]


def test_records_are_written_while_interrupts_are_held(outcomes: list[Outcome]) -> None:
    held: list[bool] = [False]
    states: list[bool] = []

    @contextmanager
    def hold() -> Iterator[None]:
        held[0] = True
        yield
        held[0] = False

    class Watch(Kept):
        def write(self, record: Record) -> None:
            states.append(held[0])

    list(publish(outcomes, None, [], [Watch()], undisturbed=hold))
    assert states == [True] * 4


def test_an_early_end_waits_for_pictures_that_are_being_written(out: OutputFolder) -> None:
    begun, finish = threading.Event(), threading.Event()

    class Slow(PictureSink):
        def write(self, outcome: Outcome, out: OutputFolder, base: str) -> dict[str, str]:
            if outcome.item.path == "slow":
                begun.set()
                finish.wait(5)
                out.file("slow.txt").touch()
            return {}

    def source() -> Iterator[Outcome]:
        for name in ("fast", "slow"):
            picture = Picture(Image.new("RGB", (2, 2)), 0.0)
            record = Record("classify", name, 2, 2, MeanColour().model, ())
            yield Outcome(Item(name, name), record, picture, pause=name == "fast")
        assert begun.wait(5)
        finish.set()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(publish(source(), out, [Slow()], [Kept()]))
    assert (out.path / "slow.txt").exists()


def test_what_was_written_for_an_input_that_fails_does_not_stay(outcomes: list[Outcome], out: OutputFolder) -> None:
    (out.path / "002.png.txt").touch()  # but what was there before does
    sinks = [Note(), Note(OutputError("The disk is full."))]
    final = [record for _, record in publish(outcomes, out, sinks, [Kept()])]
    assert [r.ok for r in final] == [True, False, True, True]
    assert sorted(p.name for p in out.path.glob("*.txt")) == ["000.png.txt", "002.png.txt", "003.png.txt"]
