"""One input: read and prepared for the network, or with the record that says why not."""

import dataclasses
import hashlib
import json
import os
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import IO, Any

import numpy as np

from visioncli import __version__, pictures, sounds
from visioncli.errors import ErrorKind, InputError
from visioncli.inputs.addresses import fingerprint
from visioncli.inputs.item import Held, Item, facts_of
from visioncli.labelled import content
from visioncli.labelled.interface import Example
from visioncli.pictures import Picture, footprint
from visioncli.pictures.given import Given
from visioncli.pictures.patience import Patience
from visioncli.results import Record
from visioncli.runner.budget import MemoryBudget, Share
from visioncli.runner.interface import RunOptions, describe, failure
from visioncli.sounds import Recording
from visioncli.tasks.interface import Known, Task
from visioncli.videos import frames
from visioncli.videos.frames import Clip, Frame, Trouble

BYTES_IN_FLIGHT = 384_000_000
"""What decoding may take at one time, with the pictures that wait for the network or for writing."""
BYTES_OF_SOUND = 16_000_000
"""What a recording takes, however long it is: a few minutes of its spectrogram, and a block of samples."""
GRACE_SECONDS = 1.0
"""An input that does not end by itself when its time is over is given up so much later."""


@dataclass(slots=True)
class Decoded:
    """What a decoding thread hands over."""

    item: Item
    key: str | None = None
    picture: Picture | None = None
    recording: Recording | None = None
    prepared: Any = None
    record: Record | None = None
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    resumed: bool = False


class Reading:
    """An input on its way through a decoding thread."""

    def __init__(self, item: Item, seconds: float, share: Share) -> None:
        self.item, self.share, self.patience = item, share, Patience(seconds)
        self.taken: Picture | InputError | None = None
        self.future: Future[Decoded]
        self.kept = False
        """Whether the share is held for as long as what was read is there."""

    def keep_for(self, taken: Picture | Recording) -> None:
        """Holds the share until what was read is there no more."""
        weakref.finalize(taken, self.share.end).atexit = False
        self.kept = True

    def admit(self, needed: int) -> None:
        """Waits until so many bytes may be taken."""
        self.share.admit(needed)
        footprint.give_back(needed)

    @property
    def overdue(self) -> float:
        """Seconds since it should have ended at the latest; negative until then."""
        return -self.patience.left - GRACE_SECONDS


class Reader:
    """Decodes and prepares one input; whatever goes wrong becomes its record."""

    def __init__(
        self,
        task: Task,
        options: RunOptions,
        key_extra: dict[str, Any],
        finished: Callable[[str], Record | None] | None,
    ) -> None:
        self._task, self._options, self._finished = task, options, finished
        self._enough = task.enough if options.reduce else None
        self.budget = MemoryBudget(BYTES_IN_FLIGHT)
        shaping = {
            "version": __version__,
            "task": task.name,
            "model": dataclasses.asdict(task.model),
            "labels": list(task.labels.items()),
            "settings": task.settings,
            "allow_truncated": options.allow_truncated,
            "enough": self._enough,
            **key_extra,
        }
        self._key_base = hashlib.sha256(json.dumps(shaping, sort_keys=True).encode()).digest()

    def begin(self, turn: int, item: Item) -> Reading:
        """Number `turn` of the inputs, to be read. What is in memory is copied: its owner may change it later."""
        reading = Reading(item, self._options.timeout, self.budget.share(turn))
        if isinstance(item, Frame):
            reading.share.admit(item.bytes)
        if isinstance(item, Held):
            item.ask()
        if isinstance(item, Given) and item.picture is not None:
            reading.share.admit(item.bytes)
            try:
                reading.taken = pictures.of_memory(item.picture, max_pixels=self._options.max_pixels)
            except InputError as problem:
                reading.taken = problem
        return reading

    def give_up(self, reading: Reading) -> Decoded:
        """The record of an input that is still being read when its time is over."""
        reading.share.end()
        if isinstance(reading.item, Held):
            reading.item.done()
        problem = reading.patience.ended()
        return self._failed(reading.item, problem.kind, str(problem))

    def read(self, reading: Reading) -> Decoded:
        """The item decoded and prepared, or with its record where the network is not needed."""
        item, share = reading.item, reading.share
        reading.patience.start()
        try:
            if isinstance(item, Trouble):
                raise item.problem
            key = self.key(item)
            # Of a video that no earlier run came to the end of, every frame is done again: tracks and drawings go on
            # from one to the next.
            again = isinstance(item, Frame) and item.image is not None
            record = self._finished(key) if self._finished is not None and key is not None and not again else None
            if record is not None and record.task == self._task.name:
                record = self._task.take_over(item, record)
                if record is not None:
                    return Decoded(item, key, record=record, resumed=True)
            known = self._task.recall(item)
            if known is not None and known.width * known.height <= self._options.max_pixels:
                return self._recalled(item, key, known)
            if isinstance(reading.taken, InputError):
                raise reading.taken
            return self._prepared(reading, key)
        except InputError as problem:
            return self._failed(item, problem.kind, str(problem))
        except MemoryError:
            return self._failed(item, "too_large", "It needs more memory than there is. Make the picture smaller.")
        except Exception as problem:  # noqa: BLE001 - a batch goes on, whatever one input does
            return self._failed(item, "unreadable_picture", describe(problem))
        finally:
            share.leave()
            if not reading.kept:
                share.end()
            if isinstance(item, Held):
                item.done()

    def _prepared(self, reading: Reading, key: str | None) -> Decoded:
        """A picture or recording, as the task needs it. Raises InputError, and whatever a decoder raises."""
        item = reading.item
        source: str | bytes | IO[bytes] = item.path
        if isinstance(item, Held):
            source = _within(item, reading.patience)
        if "sound" in self._task.takes and not isinstance(item, Given | Frame):
            held: str | bytes | IO[bytes] | None
            held = source if isinstance(item, Held) else self._held(item, reading.patience)
            if isinstance(held, str | bytes) and sounds.is_recording(held, item.path):
                return self._listened(reading, key, held)
            source = item.path if isinstance(item, Example) or held is None else held
        how: dict[str, Any] = {
            "max_pixels": self._options.max_pixels,
            "allow_truncated": self._options.allow_truncated,
            "admit": reading.admit,
            "enough": self._enough,
            "patience": reading.patience,
        }
        if isinstance(item, Example):
            picture = content.load(item, **how)
        elif isinstance(item, Frame):
            picture = item.picture(self._options.max_pixels)
        else:
            picture = taken if isinstance(taken := reading.taken, Picture) else pictures.read(source, **how)
            del taken
        reading.taken = None
        if "picture" not in self._task.takes:
            raise InputError(ErrorKind.OTHER_MEDIUM, _not_heard(self._task))
        reading.share.shrink(needed := footprint.as_rgb(*picture.image.size))
        footprint.give_back(needed)
        decoded = Decoded(item, key, picture, prepared=self._task.prepare_item(item, picture))
        reading.keep_for(picture)
        return decoded

    def _held(self, item: Item, patience: Patience) -> str | bytes | None:
        """The path of a file, or its bytes; None for pixels. Raises InputError."""
        if isinstance(item, Example) and item.content is not None:
            held = item.content()
            return held if isinstance(held, bytes) else None
        return pictures.at_hand(item.path, patience)

    def _listened(self, reading: Reading, key: str | None, source: str | bytes) -> Decoded:
        """A recording, with as much of it prepared as the task wants beforehand. Raises InputError."""
        reading.share.admit(BYTES_OF_SOUND)
        recording = sounds.open_recording(
            source, allow_truncated=self._options.allow_truncated, patience=reading.patience
        )
        decoded = Decoded(reading.item, key, recording=recording, prepared=self._task.prepare_sound(recording))
        reading.keep_for(recording)
        return decoded

    def _recalled(self, item: Item, key: str | None, known: Known) -> Decoded:
        answer = known.answer
        size = known.width, known.height
        record = Record(self._task.name, item.shown, *size, self._task.model, answer.predictions, extra=answer.extra)
        return Decoded(item, key, record=dataclasses.replace(record, key=key), arrays=answer.arrays)

    def earlier(self, clip: Clip) -> list[Record] | None:
        """An earlier run's records of all frames of a video that it came to the end of; None where there are none."""
        found: list[Record] = []
        if self._finished is None or (last := self._of_place(clip, frames.END)) is None:
            return None
        video = last.extra.get("video")
        count = video.get("frames") if isinstance(video, dict) else None
        for n in range(count - 1 if isinstance(count, int) else 0):
            if (record := self._of_place(clip, str(n))) is None:
                return None
            # What stands in it is read again when its turn comes: hours of video are many predictions.
            found.append(Record(record.task, record.input, frame=record.frame, time_s=record.time_s))
        return [*found, last]

    def _of_place(self, clip: Clip, place: str) -> Record | None:
        key = frames.clip_key(clip, self._key_base, place)
        return None if key is None or self._finished is None else self._finished(key)

    def _failed(self, item: Item, kind: str, message: str) -> Decoded:
        return Decoded(item, record=failure(self._task.name, item, kind, message))

    def key(self, item: Item) -> str | None:
        """What the item's record is found again by: its path, size and time, the network, and what shapes answers.

        None where nothing of that is known.
        """
        if isinstance(item, Frame):
            return frames.key_of(item, self._key_base)
        path = content.container(item) if isinstance(item, Example) else item.path
        if isinstance(item, Given) or path is None:
            return None
        digest = hashlib.sha256(self._key_base)
        digest.update(os.fsencode(item.shown))
        digest.update(fingerprint(item.path))
        if isinstance(item, Example) and item.box is not None:
            digest.update(f"|{item.box}".encode())
        if not item.is_url:
            try:
                facts = item.stamp if isinstance(item, Held) else facts_of(path)
            except OSError:
                return None  # Decoding will say what is wrong.
            if facts is None:
                return None
            digest.update(f"|{facts}".encode())
        return digest.hexdigest()[:24]


def _within(item: Held, patience: Patience) -> bytes | IO[bytes]:
    """What is in an input that is no file of its own. Raises InputError."""
    if item.opened is not None:
        return item.opened()
    # What comes before it in a stream takes its own time.
    with patience.paused() if item.streamed else nullcontext():
        return item.content()


def _not_heard(task: Task) -> str:
    if task.model.weights_sha256 is None:
        return f"This is a picture; vision {task.name} is for recordings."
    return (
        f"This is a picture, and {task.model.name} listens to recordings. Leave out --model, or name a network of "
        "pictures, such as --model efficientnet_lite0."
    )
