from collections.abc import Generator
from fractions import Fraction

from visioncli.inputs.item import Item
from visioncli.predictions import Detection
from visioncli.results import Failure, Record
from visioncli.runner import Outcome
from visioncli.runner.tracks import tracked
from visioncli.videos.frames import Clip, Frame

FIRST, SECOND = (Clip(Item(name, name), name, None) for name in ("a.mp4", "b.mp4"))


def outcome(clip: Clip, n: int, *scores: float, resumed: bool = False) -> Outcome:
    frame = Frame(f"{clip.item.path}#frame={n}", "", clip=clip, frame=n, at=Fraction(n, 25))
    found = tuple(Detection("cat", 17, s, (100.0 * k, 0.0, 100.0 * k + 50, 50.0)) for k, s in enumerate(scores))
    return Outcome(frame, Record("detect", frame.path, 640, 480, predictions=found), resumed=resumed)


def numbers(*outcomes: Outcome) -> list[list[tuple[float, int | None]]]:
    def each() -> Generator[Outcome, None, None]:
        yield from outcomes

    return [[(p.score, p.track) for p in one.record.predictions or ()] for one in tracked(each(), 0.5)]


def test_unsure_boxes_stay_only_on_a_track() -> None:
    assert numbers(outcome(FIRST, 0, 0.9, 0.3), outcome(FIRST, 1, 0.3, 0.3)) == [[(0.9, 1)], [(0.3, 1)]]


def test_each_video_counts_from_one() -> None:
    assert numbers(outcome(FIRST, 0, 0.9, 0.8), outcome(SECOND, 0, 0.7)) == [[(0.9, 1), (0.8, 2)], [(0.7, 1)]]


def test_a_frame_that_failed_loses_no_track() -> None:
    failed = outcome(FIRST, 1)
    failed = Outcome(failed.item, Record("detect", "a", error=Failure("prediction_failed", "No.")))
    assert numbers(outcome(FIRST, 0, 0.9), failed, outcome(FIRST, 2, 0.9)) == [[(0.9, 1)], [], [(0.9, 1)]]


def test_pictures_have_no_tracks_and_no_unsure_boxes() -> None:
    picture = Outcome(Item("a.jpg", "a.jpg"), outcome(FIRST, 0, 0.9, 0.3).record)
    assert numbers(picture) == [[(0.9, None)]]


def test_records_of_an_earlier_run_stay_as_they_are() -> None:
    assert numbers(outcome(FIRST, 0, 0.9, 0.3, resumed=True)) == [[(0.9, None), (0.3, None)]]
