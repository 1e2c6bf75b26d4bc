"""Explanations of what is heard: when, and at what pitch, the evidence for a class lies."""

from typing import Any

import numpy as np
import torch
from torch import nn

from visioncli.engines.interface import check_finite
from visioncli.errors import ErrorKind, InputError
from visioncli.models.labels import load_labels
from visioncli.models.row import ModelRow
from visioncli.models.sound import SoundSpec
from visioncli.predictions import Explanation
from visioncli.results import ModelInfo
from visioncli.sounds.spectrogram import Pool, drawing, windows
from visioncli.tasks.class_names import parse_wanted
from visioncli.tasks.classify.scores import probabilities
from visioncli.tasks.classify.sound import MOST_COLUMNS, network_input
from visioncli.tasks.gradcam.heat import AXIS, Hotspot, hotspot, on_picture, packed
from visioncli.tasks.gradcam.methods import activation_map, check_method, choose_layer
from visioncli.tasks.interface import Answer
from visioncli.tasks.listening import Listening, ListeningTask

MOST_WINDOWS = 512
"""Of one recording; each costs as much as a picture."""


class SoundCam(ListeningTask):
    """Heat maps over spectrograms, by classifiers of recordings whose gradients can be had.

    A map has the columns and bands of the drawn spectrogram: those of the windows, laid where they belong, weighed by
    how likely the class is in each, and their mean where windows overlap.
    """

    name = "gradcam"
    ahead = 8

    def __init__(
        self,
        row: ModelRow,
        network: nn.Module,
        *,
        method: str,
        layer: str,
        target: str,
        seed: int,
        settings: dict[str, Any],
        device: str | torch.device = "cpu",
    ) -> None:
        check_method(method)
        assert row.sound is not None
        self._row, self._network, self.spec, self._device = row, network, row.sound, device
        self.labels = load_labels(row.labels)
        self._top, self._chosen = parse_wanted(target, self.labels)
        blank = torch.zeros(1, 3, row.input.size, row.input.size, device=device)
        self._layer = choose_layer(network, blank, layer).name
        self._method, self._seed = method, seed
        self.model = ModelInfo(row.name, row.source.sha256, "fp32")
        self.settings = settings | {"method": method, "seed": seed, "models": [row.name]}

    def heard(self, one: Listening) -> Answer:
        """One explanation for each class; `arrays` hold the maps as `heat.packed` makes them, and the spectrogram.
        Raises InputError where it cannot be read on, or is too long."""
        drawn, seen = Pool(MOST_COLUMNS), list[np.ndarray]()

        for some in windows(one.drawn_in(drawn), self.spec):
            seen += [window.copy() for window in some]
            if len(seen) > MOST_WINDOWS:
                longest = MOST_WINDOWS * self.spec.step * self.spec.hop / self.spec.rate
                raise InputError(
                    ErrorKind.UNREADABLE_RECORDING,
                    f"Recordings of at most {longest:.0f} s are explained by {self._row.name}. Cut out the part in "
                    "question; vision classify --windows tells where that is.",
                )
        inputs = torch.from_numpy(network_input(np.stack(seen), self._row)).to(self._device)
        with torch.no_grad():
            logits = [check_finite((self._network(x[None]).cpu().numpy(),))[0] for x in inputs]
        each = probabilities(np.concatenate(logits), self._row)
        scores = each.mean(axis=0)
        best = np.argsort(-scores, kind="stable")[: self._top].tolist()
        arrays = drawing(drawn, self.spec, one.recording.seconds)
        found: list[Explanation] = []
        places: list[dict[str, Any]] = []
        for label_id in [*best, *(i for i in self._chosen if i not in best)]:
            heat = self._heat(inputs, each[:, label_id], label_id, drawn.each, *arrays["spectrogram"].shape)
            columns, bands = arrays["spectrogram"].shape
            whole = (0.0, 0.0, float(columns), float(bands))
            spot = hotspot(on_picture(heat, whole, columns, bands))
            arrays |= packed(len(found), heat, whole)
            label = self.labels[label_id]
            places.append({"label": label} | _told(spot, arrays))
            found.append(
                Explanation(
                    label=label,
                    label_id=label_id,
                    score=float(scores[label_id]),
                    model=self._row.name,
                    method=self._method,
                    layer=self._layer,
                    peak=spot.peak,
                    box=spot.box,
                    energy=spot.energy,
                )
            )
        return Answer(tuple(found), {"evidence": places, AXIS: _axis(self.spec)}, arrays)

    def _heat(
        self, inputs: torch.Tensor, weights: np.ndarray, label_id: int, each: int, columns: int, bands: int
    ) -> np.ndarray:
        """`(bands, columns) float32` of 0 to 1, high pitches on top; a column stands for `each` frames."""
        spec, frames = self.spec, self.spec.step * (len(inputs) - 1) + self.spec.frames
        total, count = np.zeros((bands, frames), np.float32), np.zeros(frames, np.float32)
        for n, x in enumerate(inputs):
            heat = activation_map(self._network, x[None], self._layer, label_id, self._method, seed=self._seed)
            whole = (0.0, 0.0, float(spec.frames), float(bands))
            start = n * spec.step
            part = on_picture(heat, whole, spec.frames, bands).astype(np.float32)
            total[:, start : start + spec.frames] += part * float(weights[n])
            count[start : start + spec.frames] += 1
        mean = total / count
        at = np.minimum((np.arange(columns) + 0.5) * each, frames - 1).astype(int)
        mean = mean[:, at]
        highest = float(mean.max())
        return mean / highest if highest > 0 else np.zeros_like(mean)


def _axis(spec: SoundSpec) -> dict[str, Any]:
    """What the rows of a map stand for: bands that lie equally far apart on a mel scale."""
    return {"lowest_hz": spec.lowest, "highest_hz": spec.highest, "scale": spec.scale}


def _told(spot: Hotspot, arrays: dict[str, np.ndarray]) -> dict[str, float]:
    """Where the evidence lies, in seconds and hertz."""
    each, hertz = float(arrays["spectrogram_seconds"]), arrays["hertz"]
    bands = len(hertz)

    def pitch(row: float) -> float:
        return float(np.interp(bands - row - 0.5, np.arange(bands), hertz))

    x1, y1, x2, y2 = spot.box
    return {
        "peak_s": spot.peak[0] * each,
        "peak_hz": pitch(spot.peak[1]),
        "from_s": x1 * each,
        "to_s": x2 * each,
        "lowest_hz": pitch(y2 - 0.5),
        "highest_hz": pitch(y1 + 0.5),
    }
