"""Captions from detected objects: features for the network, and beam search that stays with what was seen."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from visioncli.errors import UsageError
from visioncli.tasks.caption.words import (
    COUNTED,
    FUNCTION_WORDS,
    OPEN_WORDS,
    PERSON,
    UNSEEN,
    ObjectNouns,
    Vocabulary,
    begins_with_vowel,
    is_plural,
    object_nouns,
    stem,
    witnesses,
)

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

Step = Callable[[IntArray, FloatArray], tuple[FloatArray, FloatArray, FloatArray]]
"""`step(words (B,), state (B, S, H)) -> log-probabilities (B, V), state (B, S, H), attention (B, 1 + N)`."""

Listen = Callable[[IntArray, FloatArray], tuple[Step, FloatArray]]
"""`listen(labels (N,), geometry (N, 9)) -> step, first state (1, S, H)`."""

MOST_OBJECTS = 20
BEAMS = 5
MAX_WORDS = 20
INPUT_SCORE = 0.2
NAME_SCORE = 0.3
NEVER = -1e9
SCORE = 7


class ObjectFeatures(NamedTuple):
    """What the network reads: objects by falling score.

    `labels` (N,) int64: COCO category ids. `geometry` (N, 9) float32: x1, y1, x2, y2, width and height as
    shares of the picture, square root of the area, score, rank / 20. `order` (N,) int64: which detection.
    """

    labels: IntArray
    geometry: FloatArray
    order: IntArray


class Caption(NamedTuple):
    """A sentence and what it rests on.

    `attention` (words, 1 + N) float32: for each word its weights over the whole picture (column 0) and the
    objects in the order of `ObjectFeatures`; each row sums to 1. `objects`: detections that the words name.
    """

    text: str
    log_probability: float
    words: tuple[str, ...]
    attention: FloatArray
    objects: tuple[int, ...] = ()


def object_features(
    boxes: npt.ArrayLike,
    scores: npt.ArrayLike,
    label_ids: npt.ArrayLike,
    width: int,
    height: int,
    *,
    least_score: float = INPUT_SCORE,
    most: int = MOST_OBJECTS,
) -> ObjectFeatures:
    """Features of the `most` highest-scoring detections of at least `least_score`.

    `boxes` (N, 4) x1 y1 x2 y2 in pixels of a `width` x `height` picture, `scores` (N,), `label_ids` (N,) COCO
    category ids. Equal scores keep their order.
    """
    score = np.asarray(scores, np.float32).reshape(-1)
    order = np.argsort(-score, kind="stable")
    order = order[score[order] >= least_score][:most].astype(np.int64)
    scale = np.array([width, height, width, height], np.float32)
    box = np.clip(np.asarray(boxes, np.float32).reshape(-1, 4)[order] / scale, 0, 1)
    size = np.maximum(box[:, 2:] - box[:, :2], 0)
    rank = np.arange(len(order), dtype=np.float32)[:, None] / MOST_OBJECTS
    area = np.sqrt(size[:, :1] * size[:, 1:])
    geometry = np.concatenate([box, size, area, score[order, None], rank], axis=1).astype(np.float32)
    labels = np.asarray(label_ids, np.int64).reshape(-1)[order]
    return ObjectFeatures(labels, geometry, order)


def nameable(features: ObjectFeatures, least_score: float = NAME_SCORE) -> dict[int, int]:
    """Classes that a caption may name, and how many objects of each were detected.

    A class needs one object of at least `least_score`; its weaker objects then count too.
    """
    sure = {int(label) for label, row in zip(*features[:2], strict=True) if row[SCORE] >= least_score}
    return {label: int((features.labels == label).sum()) for label in sorted(sure)}


class Constraint:
    """Says which words may follow, so that a caption stays with what was detected.

    `detected` is the number of objects by COCO category id. No noun names a class that is not in it, and no word
    speaks of what only such a class could show ("tennis"). One person or animal is not spoken of as several. Nothing
    is claimed that boxes cannot show (colours). And no content word comes twice (singular and plural are one word),
    no class but people is named twice, "a" and "an" fit the next word, and no sentence ends on "of a".
    """

    def __init__(self, vocabulary: Vocabulary, detected: Mapping[int, int], nouns: ObjectNouns | None = None) -> None:
        self.vocabulary = vocabulary
        self.nouns = nouns or object_nouns()
        self.detected = dict(detected)
        words = vocabulary.words
        first = len(Vocabulary.MARKS)
        self._stems: dict[str, list[int]] = {}
        for number, word in enumerate(words[first:], first):
            self._stems.setdefault(stem(word), []).append(number)
        self._vowel = np.array([begins_with_vowel(word) for word in words])
        unheard = {word for word, ids in witnesses().items() if ids.isdisjoint(detected)}
        self._base = np.array([word in UNSEEN or word in unheard for word in words])
        self._base[[Vocabulary.PAD, Vocabulary.START, Vocabulary.UNKNOWN]] = True
        lasts = {phrase[-1] for phrase in self.nouns.nouns}
        in_phrase = {phrase[-1] for phrase in self.nouns.nouns if len(phrase) > 1}
        self._open = [number for number, word in enumerate(words) if word in in_phrase]
        for number, word in enumerate(words):
            if word in lasts and word not in in_phrase:
                self._base[number] |= self._forbidden([word])
        self._by_class = self._single_nouns()

    def _single_nouns(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for phrase, ids in self.nouns.nouns.items():
            number = self.vocabulary.number(phrase[0])
            if len(phrase) == 1 and number != Vocabulary.UNKNOWN:
                for label in ids:
                    found.setdefault(label, []).append(number)
        return found

    def _forbidden(self, words: Sequence[str]) -> bool:
        name = self.nouns.naming(words)
        if name is None:
            return False
        there = {label: count for label, count in self.detected.items() if label in name.label_ids}
        return not there or (COUNTED.issuperset(there) and sum(there.values()) == 1 and is_plural(words[-1]))

    def blocked(self, words: Sequence[str]) -> BoolArray:
        """Which words `(V,)` bool may not follow `words`."""
        blocked = self._base.copy()
        for number in self._open:
            blocked[number] |= self._forbidden([*words, self.vocabulary.words[number]])
        for word in words:
            if word not in FUNCTION_WORDS:
                blocked[self._stems.get(stem(word), [])] = True
        self._block_named(blocked, words)
        last = words[-1] if words else "the"
        if last in OPEN_WORDS:
            blocked[Vocabulary.END] = True
        if last in FUNCTION_WORDS:
            blocked[self.vocabulary.number(last)] = True
        if last in ("a", "an"):
            blocked |= self._vowel == (last == "a")
        return blocked

    def _block_named(self, blocked: BoolArray, words: Sequence[str]) -> None:
        said: dict[int, int] = {}
        for name in self.nouns.named(words):
            there = [label for label in name.label_ids if label in self.detected]
            # The word just said may be the first half of a phrase: "computer" of "computer mouse".
            if len(there) == 1 and name.end < len(words):
                said[there[0]] = said.get(there[0], 0) + 1
        for label, times in said.items():
            if label != PERSON or times >= self.detected[label]:
                blocked[self._by_class.get(label, [])] = True


class _Beam(NamedTuple):
    numbers: tuple[int, ...]
    words: tuple[str, ...]
    score: float
    attention: tuple[FloatArray, ...]


def beam_search(
    step: Step,
    state: FloatArray,
    constraint: Constraint,
    *,
    beams: int = BEAMS,
    top: int = 1,
    max_words: int = MAX_WORDS,
    length_power: float = 0.5,
) -> list[Caption]:
    """The `top` best sentences, best first.

    `state` (1, S, H) is the decoder's first state. Sentences are ranked by log-probability / words **
    `length_power` (Wu et al. 2016, arXiv:1609.08144, without the constants). Fewer than `top` come back only
    when the constraint leaves fewer; none when it leaves nothing to say.
    """
    beams = max(beams, top)
    words = constraint.vocabulary.words
    live = [_Beam((Vocabulary.START,), (), 0.0, ())]
    done: list[_Beam] = []
    for said in range(max_words + 1):
        last = np.array([beam.numbers[-1] for beam in live], np.int64)
        log_probabilities, state, attention = step(last, state)
        scores = log_probabilities.astype(np.float64)
        for row, beam in enumerate(live):
            scores[row, constraint.blocked(beam.words)] = NEVER
            scores[row] += beam.score
        if said == max_words:
            scores[:, np.arange(len(words)) != Vocabulary.END] = NEVER
        grown = _grown(live, scores, attention, words, beams=beams, done=done)
        if not grown or _settled(done, grown[0][1], beams, length_power):
            break
        state = state[[row for row, _ in grown]]
        live = [beam for _, beam in grown]
    done.sort(key=lambda beam: -_rank(beam, length_power))
    return [_caption(beam, constraint) for beam in done[:top]]


def _grown(
    live: Sequence[_Beam],
    scores: npt.NDArray[np.float64],
    attention: FloatArray,
    words: Sequence[str],
    *,
    beams: int,
    done: list[_Beam],
) -> list[tuple[int, _Beam]]:
    """The best continuations with the row that each grew from; sentences that ended go to `done`."""
    flat = scores.reshape(-1)
    grown: list[tuple[int, _Beam]] = []
    for place in np.argsort(-flat, kind="stable")[: 2 * beams]:
        row, number = divmod(int(place), len(words))
        score, old = float(flat[place]), live[row]
        if score <= NEVER / 2:
            break
        if number == Vocabulary.END:
            done.append(old._replace(score=score))
        elif len(grown) < beams:
            seen = (*old.attention, attention[row].astype(np.float32))
            grown.append((row, _Beam((*old.numbers, number), (*old.words, words[number]), score, seen)))
    return grown


def _rank(beam: _Beam, power: float) -> float:
    return float(beam.score / max(len(beam.words), 1) ** power)


def _settled(done: list[_Beam], best: _Beam, beams: int, power: float) -> bool:
    if len(done) < beams:
        return False
    worst = sorted((_rank(beam, power) for beam in done), reverse=True)[beams - 1]
    return _rank(best, power) < worst


def _caption(beam: _Beam, constraint: Constraint) -> Caption:
    text = " ".join(beam.words)
    attention = np.stack(beam.attention).astype(np.float32)
    return Caption(text[:1].upper() + text[1:] + ".", beam.score, beam.words, attention)


def describe(
    listen: Listen,
    vocabulary: Vocabulary,
    features: ObjectFeatures,
    *,
    beams: int = BEAMS,
    top: int = 1,
    max_words: int = MAX_WORDS,
    name_score: float = NAME_SCORE,
) -> list[Caption]:
    """The `top` best captions of a picture's objects, best first, each with the detections that it names.

    `listen` is `visioncli.networks.object_layout.listen` with its network given. Objects under `name_score`
    inform the sentence but are not named. Empty when nothing may be named: the network would make up a scene
    (`visioncli.tasks.caption.template.without_objects` is for that). Raises UsageError for numbers below one.
    """
    for option, number in (("--beams", beams), ("--top", top), ("--max-words", max_words)):
        if number < 1:
            raise UsageError(f"{option} must be at least 1, not {number}.")
    detected = nameable(features, name_score)
    if not detected:
        return []
    step, state = listen(features.labels, features.geometry)
    constraint = Constraint(vocabulary, detected)
    found = beam_search(step, state, constraint, beams=beams, top=top, max_words=max_words)
    return [caption._replace(objects=_named_objects(caption, features)) for caption in found]


def _named_objects(caption: Caption, features: ObjectFeatures) -> tuple[int, ...]:
    classes = frozenset[int]().union(*(name.label_ids for name in object_nouns().named(caption.words)))
    pairs = zip(features.labels, features.order, strict=True)
    return tuple(int(place) for label, place in pairs if int(label) in classes)
