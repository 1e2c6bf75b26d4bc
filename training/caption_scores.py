"""CIDEr, BLEU-4 and the share of captions that name an absent object."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider

from visioncli.tasks.caption.words import object_nouns


class CaptionScores(NamedTuple):
    """Figures of a set of captions; `absent` is the share that names a COCO class not annotated there."""

    cider: float
    bleu4: float
    absent: float


def score(
    captions: Mapping[int, Sequence[str]],
    references: Mapping[int, Sequence[Sequence[str]]],
    classes: Mapping[int, Sequence[int]],
) -> CaptionScores:
    """Scores of tokenised `captions` by picture against `references`, and the `classes` annotated in each."""
    keys = sorted(captions)
    told = {k: [" ".join(captions[k])] for k in keys}
    true = {k: [" ".join(words) for words in references[k]] for k in keys}
    cider, _ = Cider().compute_score(true, told)
    bleu, _ = Bleu(4).compute_score(true, told, verbose=0)
    nouns = object_nouns()
    absent = sum(bool(nouns.absent(list(captions[k]), classes[k])) for k in keys)
    return CaptionScores(float(cider), float(bleu[3]), absent / max(len(keys), 1))


def consensus(captions: Sequence[Sequence[Sequence[str]]]) -> list[list[float]]:
    """CIDEr of every caption of every picture against the other captions of the same picture."""
    true: dict[int, list[str]] = {}
    told: dict[int, list[str]] = {}
    place: list[tuple[int, int]] = []
    for picture, own in enumerate(captions):
        for k, words in enumerate(own):
            others = [" ".join(o) for j, o in enumerate(own) if j != k]
            if others:
                true[len(place)] = others
                told[len(place)] = [" ".join(words)]
                place.append((picture, k))
    values = [[0.0] * len(own) for own in captions]
    _, each = Cider().compute_score(true, told)
    for (picture, k), value in zip(place, each, strict=True):
        values[picture][k] = float(value)
    return values
