"""Objects followed over the frames of each video, between the network and whatever is written."""

import dataclasses
from collections.abc import Generator

from visioncli.runner.interface import Outcome
from visioncli.tracking.tracker import LEAST_SCORE, Tracker
from visioncli.videos.frames import Clip, Frame


def tracked(outcomes: Generator[Outcome, None, None], high: float) -> Generator[Outcome, None, None]:
    """The same outcomes, where predictions in frames of videos have the numbers of their tracks.

    Boxes below `high`, which the network is less sure of, stay only where they go on with a track. Pictures that are
    of no video lose them too. Records of an earlier run stay as they are.
    """
    clip: Clip | None = None
    tracker = Tracker(high)
    try:
        for outcome in outcomes:
            frame = outcome.item
            if outcome.resumed:
                yield outcome
                continue
            if isinstance(frame, Frame) and frame.clip is not clip:
                clip, tracker = frame.clip, Tracker(high)
            predictions = outcome.record.predictions or ()
            numbers: list[int | None] = [None] * len(predictions)
            if isinstance(frame, Frame):
                numbers = tracker.update(predictions, float(frame.at))
            if outcome.record.ok:
                kept = tuple(
                    dataclasses.replace(one, track=number) if number is not None else one
                    for one, number in zip(predictions, numbers, strict=True)
                    if number is not None or one.score >= high
                )
                record = dataclasses.replace(outcome.record, predictions=kept)
                yield dataclasses.replace(outcome, record=record)
                del record
            else:
                yield outcome
            del outcome
    finally:
        outcomes.close()


__all__ = ["LEAST_SCORE", "tracked"]
