"""From what the user named to recordings that can be learned from: read, split, and looked at, and the recipe of
their spectrograms."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from visioncli.labelled.interface import PictureSet
from visioncli.models.row import ModelRow
from visioncli.models.sound import Quantum, SoundSpec
from visioncli.pictures import Picture
from visioncli.results import ModelInfo
from visioncli.runner import RunOptions, run
from visioncli.sounds import Recording
from visioncli.sounds.likeness import DESCRIBED, HEARD, description
from visioncli.sounds.spectrogram import pieces
from visioncli.tasks.interface import Answer, Task
from visioncli.training.classes.prepare import Prepared
from visioncli.training.classes.sounds.near_equal import SoundPairs
from visioncli.training.classes.sounds.store import LONGEST
from visioncli.training.data.features import hashes
from visioncli.training.data.look import Seen, settled
from visioncli.training.data.split import groups_of, remarks, split
from visioncli.training.recipe import Recipe
from visioncli.training.watch import Watcher

HIGHEST_RATE = 16_000
"""Speech and most sounds are told apart by what lies below 8 kHz."""
SIDE = 64
"""Frames of a window, and bands of pitch: the network's picture, as it is."""
_SHORTEST_HOP, _LONGEST_HOP = 0.008, 0.016
"""Seconds: windows last half a second to a whole one, as YAMNet's do."""
_MOST_OF_THEM = 98
"""Per cent of the recordings that lie in one window, where that is possible."""
MOST_VISITS = 8
"""Windows of a recording that are learned from in an epoch, at most."""
LOWEST = 50.0
"""Hz."""


def prepare_sounds(
    pictures: PictureSet, row: ModelRow, recipe: Recipe, options: RunOptions, watcher: Watcher
) -> Prepared:
    """Reads every recording once. Unreadable ones are left out, and told of.

    Raises UsageError where a group's expression finds nothing.
    """
    contents = hashes(pictures.examples, options.workers)
    groups = groups_of(pictures.examples, pictures.classes, recipe.group) if recipe.group else None
    given = [example.split for example in pictures.examples]
    labels = None if pictures.multi_label else [example.label for example in pictures.examples]
    parting: dict[str, Any] = {"seed": recipe.seed, "val_share": recipe.share_for(len(pictures))}
    places = split(contents, labels, given, groups, **parting)
    told = remarks(places, contents, labels, given, pictures.classes, groups, **parting)
    seen, rates, described = _listened(pictures, contents, options, watcher)
    lengths = np.array([one.seconds for one in seen if one.error is None])
    spec = row.sound or recipe_for(rates, lengths)
    if over := int((lengths > LONGEST).sum()):
        minutes = f"{LONGEST / 60:g} minutes"
        told.append(f"{over:,} recordings are longer than {minutes}: their beginnings are learned from.")
    size = recipe.size or row.input.size
    row = dataclasses.replace(row, sound=spec, input=dataclasses.replace(row.input, size=size, resize=0))
    # Our own border must not part recordings that nearly equal each other.
    places, looked = settled(pictures, seen, places, near=SoundPairs(pictures.examples, described))
    nothing = np.zeros(0, np.int64)
    return Prepared(
        pictures, row, False, tuple(seen), None if groups is None else tuple(groups), places, looked,
        None, None, nothing, tuple(told), {}, described,
    )  # fmt: skip


def recipe_for(rates: Sequence[int], seconds: np.ndarray) -> SoundSpec:
    """How recordings of these rates and lengths become spectrograms.

    The rate is that of most of them, HIGHEST_RATE at most; a window is as long as they are, within bounds; windows
    begin half a window apart.
    """
    usual = max(sorted(set(rates)), key=list(rates).count, default=HIGHEST_RATE)
    rate = min(usual, HIGHEST_RATE)
    long = float(np.percentile(seconds, _MOST_OF_THEM)) if len(seconds) else 1.0
    hop = round(rate * min(max(long / SIDE, _SHORTEST_HOP), _LONGEST_HOP))
    window = max(2, round(0.025 * rate))
    # Twice as fine as the window needs: the lowest bands would else lie between two frequencies.
    fft = 1 << int(np.ceil(np.log2(2 * window)))
    return SoundSpec(
        rate=rate,
        window=window,
        hop=max(1, hop),
        fft=fft,
        mels=SIDE,
        lowest=LOWEST,
        highest=rate / 2,
        frames=SIDE,
        step=SIDE // 2,
        levels=Quantum(0.5, 180),
        offset=1e-9,
        power=2,
        log="db",
    )


def visits_of_each(seconds: np.ndarray, spec: SoundSpec) -> int:
    """How many windows of each recording are learned from in an epoch."""
    usual = float(np.mean(np.minimum(seconds, LONGEST))) if len(seconds) else 0.0
    return int(min(max(usual // spec.seconds, 1), MOST_VISITS))


class _Listening(Task):
    """Reads recordings to their ends, and tells their rate, their length and what they sound like."""

    name = "read"
    takes = frozenset({"sound"})

    def __init__(self) -> None:
        self.labels, self.settings = {}, {}
        self.model = ModelInfo("", None)

    def prepare(self, picture: Picture) -> None:
        """No picture is taken."""
        raise NotImplementedError

    def prepare_sound(self, recording: Recording) -> dict[str, np.ndarray]:
        """`rate`, `seconds` and `described`. Raises InputError where the recording is damaged."""
        heard: list[np.ndarray] = []
        most = round(LONGEST * HEARD.rate / HEARD.hop)
        for piece in pieces(recording, HEARD, whole_windows=False):
            if most > 0:
                heard.append(piece[:most])
                most -= len(piece)
        facts = {"rate": np.array(recording.rate), "seconds": np.array(recording.seconds)}
        return facts | {"described": description(np.concatenate(heard))}

    def predict(self, batch: Sequence[dict[str, np.ndarray]]) -> list[Answer]:
        """What was read."""
        return [Answer((), arrays=facts) for facts in batch]


def _listened(
    pictures: PictureSet, contents: Sequence[str], options: RunOptions, watcher: Watcher
) -> tuple[list[Seen], list[int], np.ndarray]:
    """What reading each gave, the rates of those that can be read, and `(N, D) float32` descriptions, zeros of the
    others."""
    seen, rates = [], []
    described = np.zeros((len(pictures), DESCRIBED), np.float32)
    for n, outcome in enumerate(run(pictures.examples, _Listening(), options)):
        if (error := outcome.record.error) is not None:
            seen.append(Seen(error=error))
        else:
            seen.append(Seen(contents[n], seconds=float(outcome.arrays["seconds"])))
            rates.append(int(outcome.arrays["rate"]))
            described[n] = outcome.arrays["described"]
        watcher.progress("reading", n + 1, len(pictures))
    return seen, rates, described
