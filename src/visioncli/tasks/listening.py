"""What tasks of recordings have in common: a recording is read once, piece by piece, and its answer kept."""

import itertools
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from visioncli.errors import InputError
from visioncli.models.sound import SoundSpec
from visioncli.pictures import Picture
from visioncli.sounds import Recording
from visioncli.sounds.spectrogram import Pool, pieces
from visioncli.tasks.interface import Answer, Task

PIECES_AHEAD = 48
"""So many pieces of a spectrogram are computed while the network is at other recordings; four minutes for YAMNet."""


@dataclass(slots=True, eq=False)
class Listening:
    """A recording on its way to the network. It can be read once only, so what came of that is kept."""

    recording: Recording
    pieces: Iterator[np.ndarray]
    answer: Answer | InputError | None = None

    def drawn_in(self, pool: Pool) -> Iterator[np.ndarray]:
        """The pieces, each of which `pool` is given too."""
        for piece in self.pieces:
            pool.add(piece)
            yield piece


class ListeningTask(Task):
    """A task of recordings, `heard` one at a time by the recipe `spec`."""

    takes = frozenset({"sound"})
    spec: SoundSpec
    ahead = PIECES_AHEAD
    whole_windows = True

    @abstractmethod
    def heard(self, one: Listening) -> Answer:
        """The answer for a recording, to whose end it reads. Raises InputError where it cannot be read on."""

    def prepare(self, picture: Picture) -> Listening:
        """No picture is taken."""
        raise NotImplementedError

    def prepare_sound(self, recording: Recording) -> Listening:
        """The beginning of its spectrogram, and the way to the rest."""
        left = pieces(recording, self.spec, whole_windows=self.whole_windows)
        return Listening(recording, itertools.chain(list(itertools.islice(left, self.ahead)), left))

    def predict(self, batch: Sequence[Listening]) -> list[Answer]:
        """Each recording to its end. Raises InputError where one cannot be read on."""
        for one in batch:
            if one.answer is None:
                try:
                    one.answer = self.heard(one)
                except InputError as problem:
                    one.answer = problem
        if problems := [one.answer for one in batch if isinstance(one.answer, InputError)]:
            raise problems[0]
        return [one.answer for one in batch if isinstance(one.answer, Answer)]
