"""The annotated video of each video: `clip.mp4` gives `clip.mp4.detect.mp4`, whole or not at all."""

import contextlib
import dataclasses
from fractions import Fraction
from pathlib import Path

from PIL import Image

from visioncli.errors import InputError, OutputError
from visioncli.files import explain, whole_file
from visioncli.results import Record
from visioncli.runner import Outcome, describe, failure
from visioncli.sinks.annotated import Draw
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.journal import bytes_of
from visioncli.videos.frames import Clip, Frame, Trouble
from visioncli.videos.writing import VideoWriter, even

UNDER_THE_PICTURE = frozenset({"classify", "caption", "segment", "gradcam"})
"""Tasks that write below the picture what is to be said; of others, a legend there would come and go."""


class VideoSink:
    """Takes the frames of all videos in their order, and makes a video of each one's drawings."""

    def __init__(self, out: OutputFolder, task: str, draw: Draw) -> None:
        self._out, self._task, self._draw = out, task, draw
        self._clip: Clip | None = None
        self._writer: VideoWriter | None = None
        self._whole: contextlib.ExitStack | None = None
        self._target = Path()
        self._held: tuple[Image.Image, Fraction] | None = None
        self._problem: str | None = None

    def drawn(self, outcome: Outcome) -> Image.Image | None:
        """The frame of an outcome as it is to be shown; None where it was shown by an earlier run. In any thread.

        One without predictions is shown as it is, so that the video keeps its time.
        """
        frame = outcome.item
        if not isinstance(frame, Frame) or outcome.resumed or frame.image is None:
            return None
        try:
            image = outcome.picture.image if outcome.picture is not None else frame.picture().image
        except InputError:
            return None
        if not outcome.record.ok:
            return even(image)
        drawn = self._draw(image, outcome.record, outcome.arrays)
        if self._task not in UNDER_THE_PICTURE and drawn.size != image.size:
            drawn = drawn.crop((0, 0, *image.size))
        return even(drawn)

    def write(self, outcome: Outcome, drawn: Image.Image | None, record: Record) -> Record:
        """Takes the next outcome, in order. The record of the last frame names the video, which is then there."""
        item = outcome.item
        if outcome.resumed or not isinstance(item, Frame | Trouble) or item.clip is None:
            return record
        try:
            if item.clip is not self._clip or isinstance(item, Trouble):
                self._end()
                self._clip, self._problem, self._target = item.clip, None, Path()
            if isinstance(item, Trouble):
                return record  # the last frame before the cut ended the video already
            if drawn is not None and self._problem is None:
                self._add(drawn, item.at)
            if item.closes:
                self._end()
        except Exception as problem:  # noqa: BLE001 - a video that cannot be written does not end the batch
            self._drop()
            self._problem = self._said(problem)
        if isinstance(item, Trouble):
            return record
        if not item.closes:
            return record
        words, self._problem, self._clip = self._problem, None, None
        if words is not None:
            return failure(record.task, item, "output_not_written", words)
        if record.ok and self._target.name:
            path = str(self._target)
            return dataclasses.replace(
                record,
                files=record.files | {"annotated": path},
                sizes=record.sizes | {"annotated": bytes_of(path)},
            )
        return record

    def _said(self, problem: Exception) -> str:
        if isinstance(problem, OSError):
            return str(explain(problem, self._target))
        return str(problem) if isinstance(problem, OutputError) else f"It cannot be written ({describe(problem)})."

    def close(self) -> None:
        """Ends the video of a camera, which has no end of its own; any other one that is not whole vanishes."""
        if self._clip is not None and self._clip.live:
            try:
                self._end()
            except Exception as problem:  # noqa: BLE001 - as for a file
                self._problem = self._said(problem)
        self._drop()

    def _add(self, image: Image.Image, at: Fraction) -> None:
        assert self._clip is not None
        if self._writer is None:
            self._begin(image)
        if self._held is not None:
            # How long a frame is shown is known when the next one comes.
            self._put(at - self._held[1])
        self._held = image, at

    def _begin(self, image: Image.Image) -> None:
        assert self._clip is not None
        name = f"{self._out.claim(self._clip.item)}.{self._task}.mp4"
        self._target = self._out.file(name)
        whole = contextlib.ExitStack()
        try:
            temporary = whole.enter_context(whole_file(self._target, self._out.partial))
            self._writer = VideoWriter(temporary, self._clip, image)
        except BaseException as problem:
            if not whole.__exit__(type(problem), problem, problem.__traceback__):
                raise
        self._whole = whole

    def _put(self, duration: Fraction) -> None:
        assert self._held is not None
        assert self._writer is not None
        (image, at), self._held = self._held, None
        self._writer.write(image, at, duration)

    def _end(self) -> None:
        """Gives the video its name, where there is one."""
        writer, whole, clip = self._writer, self._whole, self._clip
        if writer is None or whole is None or clip is None:
            return
        if self._held is not None:
            self._put(1 / clip.rate)
        writer.close()
        self._writer = self._whole = None
        whole.close()

    def _drop(self) -> None:
        if self._writer is not None:
            self._writer.abandon()
        if self._whole is not None:
            problem = OutputError("not whole")
            with contextlib.suppress(OutputError):
                self._whole.__exit__(OutputError, problem, None)
        self._writer = self._whole = self._held = None
