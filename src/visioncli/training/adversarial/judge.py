"""Who says how like real pictures made ones are: a classifier, by the features that its last layer takes.

Which network it is shapes all numbers, so that they are named after it: they are not FID, which is of Inception's
features of tens of thousands of pictures.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image

from visioncli.errors import UsageError
from visioncli.metrics.generated import NEAREST, coverage, frechet_distance
from visioncli.models import registry
from visioncli.models.labels import load_labels
from visioncli.models.row import ModelRow
from visioncli.resolve import resolve
from visioncli.tasks.preprocess import preprocess
from visioncli.weights.downloads import Access
from visioncli.weights.heads import head_of, without_head
from visioncli.weights.load import load_network

SIDE = 64
"""Pixels at which the embedded classifier looks: at its own 224 it would take twelve times as long, and pictures of
28 to 64 pixels have no more to show."""
_AT_ONCE = 100


class Judge:
    """A classifier that compares pictures `(N, S, S, C) uint8` with real ones by its features.

    `name` says whose features those are. `labels` are the names of the classes that pictures are asked for; where the
    classifier knows all of them it also tells which it sees.
    """

    def __init__(self, row: ModelRow, labels: Sequence[str], device: torch.device) -> None:
        """Raises UsageError where the network has no features, ModelUnavailable."""
        network = load_network(row)
        _, head = head_of(network, row)
        self._spec, self._device = row.input, device
        self._network, self._head = without_head(network, row).to(device), head.to(device)
        known = {name: n for n, (_, name) in enumerate(sorted(load_labels(row.labels).items()))}
        self._outputs = [known[name] for name in labels] if labels and all(name in known for name in labels) else None
        self.name = f"{row.name} at {row.input.size} pixels"
        self._real: np.ndarray | None = None

    @property
    def recognises(self) -> bool:
        """Whether it knows the classes that are asked for."""
        return self._outputs is not None

    def compare_with(self, real: np.ndarray) -> None:
        """Sets the real pictures."""
        self._real = self.look(real)[0]

    def numbers(self, made: np.ndarray, classes: np.ndarray) -> dict[str, float | None]:
        """`distance`, `precision`, `recall`, and `recognised`, the share of made pictures that the classifier takes
        for the class that was asked for; None where it cannot tell.
        """
        assert self._real is not None
        features, seen = self.look(made)
        finite = bool(np.isfinite(features).all())
        enough = min(len(self._real), len(made)) > NEAREST and finite
        found = coverage(self._real, features) if enough else None
        return {
            "distance": frechet_distance(self._real, features) if finite else None,
            "precision": None if found is None else found.precision,
            "recall": None if found is None else found.recall,
            "recognised": None if seen is None else float((seen == classes).mean()),
        }

    @torch.no_grad()
    def look(self, pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Features `(N, F) float32`, and of the classes that are asked for the likeliest, `(N,) int64`."""
        features, seen = [], []
        for n in range(0, len(pictures), _AT_ONCE):
            planes = [preprocess(_picture(one), self._spec) for one in pictures[n : n + _AT_ONCE]]
            x = torch.from_numpy(np.stack(planes)).to(self._device)
            found = self._network(x.contiguous(memory_format=torch.channels_last))
            features.append(found.cpu().numpy())
            if self._outputs is not None:
                seen.append(self._head(found)[:, self._outputs].argmax(1).cpu().numpy())
        return np.concatenate(features), np.concatenate(seen) if self._outputs is not None else None


def judge_of(spec: str | None, labels: Sequence[str], device: torch.device, access: Access) -> Judge:
    """The classifier called `spec`, or the embedded one at `SIDE` pixels. Raises UsageError, ModelUnavailable."""
    row = resolve(spec or registry.EMBEDDER, "classify", access=access)
    if row.sound is not None:
        raise UsageError(f"{row.name} listens to recordings. Judge pictures by a classifier of pictures.")
    if spec is None:
        row = dataclasses.replace(row, input=dataclasses.replace(row.input, size=SIDE, resize=SIDE))
    return Judge(row, labels, device)


def _picture(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels)
