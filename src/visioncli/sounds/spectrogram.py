"""The spectrogram of a recording, piece by piece, and the windows of it that a network looks at."""

from collections.abc import Iterator

import numpy as np

from visioncli.models.sound import SoundSpec
from visioncli.sounds.log_mel import centres, levels, log_mel
from visioncli.sounds.reading import Recording

PIECE = 512
"""Frames that are computed at one time; always the same ones, so that the last digits are too."""


def pieces(recording: Recording, spec: SoundSpec, *, whole_windows: bool = True) -> Iterator[np.ndarray]:
    """`(t, mels) uint8` one after the other, to the end of the recording. Raises InputError.

    Silence is added to its end so that the last of the windows is whole, as YAMNet's authors do; without
    `whole_windows` no more than one frame takes.
    """
    least, step = (spec.least_samples, spec.step * spec.hop) if whole_windows else (spec.window, spec.hop)
    rest = np.zeros(0, np.float32)
    total = 0
    for block in recording.blocks(spec.rate):
        total += len(block)
        rest = np.concatenate([rest, block])
        while len(rest) >= (PIECE - 1) * spec.hop + max(spec.window, spec.hop):
            yield levels(log_mel(rest[: (PIECE - 1) * spec.hop + spec.window], spec), spec)
            rest = rest[PIECE * spec.hop :]
    wanted = least + -(-max(total - least, 0) // step) * step
    rest = np.concatenate([rest, np.zeros(wanted - total, np.float32)])
    for start in range(0, len(rest) - spec.window + 1, PIECE * spec.hop):
        yield levels(log_mel(rest[start : start + (PIECE - 1) * spec.hop + spec.window], spec), spec)


def windows(spectrogram: Iterator[np.ndarray], spec: SoundSpec) -> Iterator[np.ndarray]:
    """The pieces of a spectrogram -> `(n, frames, mels) uint8`, its windows in their order."""
    kept = np.zeros((0, spec.mels), np.uint8)
    for piece in spectrogram:
        kept = np.concatenate([kept, piece])
        if len(kept) < spec.frames:
            continue
        count = 1 + (len(kept) - spec.frames) // spec.step
        yield np.lib.stride_tricks.sliding_window_view(kept, spec.frames, 0)[:: spec.step].transpose(0, 2, 1)
        kept = kept[count * spec.step :]


class Pool:
    """Rows of numbers that come one after the other, as at most `most` rows: where there are more, the largest of 2,
    4, 8 … neighbours stands for them."""

    def __init__(self, most: int) -> None:
        self.each = 1
        self._most = most
        self._parts: list[np.ndarray] = []
        self._held = 0
        self._left: np.ndarray | None = None
        self.count = 0
        """Rows that came."""

    def add(self, rows: np.ndarray) -> None:
        """Takes `(n, ...)` more."""
        self.count += len(rows)
        rows = rows if self._left is None else np.concatenate([self._left, rows])
        whole = len(rows) // self.each * self.each
        self._left = rows[whole:].copy()
        if whole:
            self._parts.append(_largest(rows[:whole], self.each))
            self._held += whole // self.each
        while self._held > 2 * self._most:
            self._halve()

    def rows(self) -> np.ndarray:
        """What came so far."""
        while self._held > self._most:
            self._halve()
        left = [] if self._left is None or not len(self._left) else [self._left.max(axis=0, keepdims=True)]
        return np.concatenate([*self._parts, *left])

    def _halve(self) -> None:
        held = np.concatenate(self._parts)
        even = len(held) // 2 * 2
        if even < len(held):
            # What stood for some rows goes back to those that wait, as one of them as often as it needs.
            again = np.repeat(held[even:], self.each, axis=0)
            self._left = again if self._left is None else np.concatenate([again, self._left])
        self._parts, self._held, self.each = [_largest(held[:even], 2)], even // 2, self.each * 2


def _largest(rows: np.ndarray, each: int) -> np.ndarray:
    if each == 1:
        return rows.copy()
    found: np.ndarray = rows.reshape(len(rows) // each, each, *rows.shape[1:]).max(axis=1)
    return found


def drawing(drawn: Pool, spec: SoundSpec, seconds: float) -> dict[str, np.ndarray]:
    """What is needed to draw a spectrogram: `spectrogram` `(T, mels) uint8` without the silence that was added,
    `spectrogram_seconds` how long each of its columns lasts, `hertz` `(mels,)` the pitch of each row."""
    rows = drawn.rows()  # after which it is known how many each stands for
    each = drawn.each * spec.hop / spec.rate
    return {
        "spectrogram": rows[: max(1, min(len(rows), round(seconds / each)))],
        "spectrogram_seconds": np.array(each),
        "hertz": centres(spec),
    }
