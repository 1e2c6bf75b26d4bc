"""Captions: a sentence about the objects that the embedded detector finds, and nothing that it does not find."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from visioncli.engines.interface import EngineOptions
from visioncli.errors import UsageError
from visioncli.models.row import Hub, ModelRow
from visioncli.models.tta import Tta, is_mirrored
from visioncli.pictures import Picture
from visioncli.predictions import Caption, CaptionWord, Detection
from visioncli.results import ModelInfo
from visioncli.tasks.caption import beam_search as captioning
from visioncli.tasks.caption import template as caption_template
from visioncli.tasks.classify.task import Classify
from visioncli.tasks.detect.detectors import Boxes
from visioncli.tasks.detect.task import Detect
from visioncli.tasks.detect.task import Prepared as PreparedDetection
from visioncli.tasks.interface import Answer, Task
from visioncli.tasks.limits import between_0_and_1
from visioncli.tasks.views import chosen_tta

SCENE_SCORE = 0.3
"""From this probability on a picture without objects is described by its best ImageNet class."""


FUSED_NAME_SCORE = 0.4
"""From which score on objects are named where boxes of several views are fused.

On 40 COCO pictures CIDEr is .959, and one caption names an absent class, where .3 gives .945 and two of them."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """The detector's input, and the picture for the classifier where nothing is detected."""

    detection: PreparedDetection
    picture: Picture


class Captioner(ABC):
    """Objects in, sentences out, best first; empty where the objects give nothing to say."""

    least_score: float

    @abstractmethod
    def describe(self, objects: Boxes, width: int, height: int) -> list[Caption]:
        """The captions of one picture; `objects` are sorted by falling score."""


class TemplateCaptioner(Captioner):
    """Counts and names, without learning: the baseline."""

    def __init__(self, score: float = captioning.NAME_SCORE) -> None:
        self.least_score = score

    def describe(self, objects: Boxes, width: int, height: int) -> list[Caption]:
        sentence = caption_template.template(objects.label_ids.tolist())
        named = tuple(range(len(objects)))
        return [Caption(sentence, None, named)] if sentence else []


class LayoutCaptioner(Captioner):
    """The learned encoder-decoder, with beam search that names only what was detected."""

    def __init__(self, *, beams: int, top: int, max_words: int, score: float) -> None:
        from visioncli.networks import object_layout
        from visioncli.tasks.caption.words import Vocabulary

        network, words = object_layout.load()
        self._listen: captioning.Listen = partial(object_layout.listen, network)
        self._vocabulary = Vocabulary(words)
        self._beams, self._top, self._max_words, self._name_score = beams, top, max_words, score
        self.least_score = min(captioning.INPUT_SCORE, score)

    def describe(self, objects: Boxes, width: int, height: int) -> list[Caption]:
        features = captioning.object_features(
            objects.boxes, objects.scores, objects.label_ids, width, height, least_score=self.least_score
        )
        found = captioning.describe(
            self._listen,
            self._vocabulary,
            features,
            beams=max(self._beams, self._top),
            top=self._top,
            max_words=self._max_words,
            name_score=self._name_score,
        )
        return [self._caption(caption, features, len(objects)) for caption in found]

    @staticmethod
    def _caption(found: captioning.Caption, features: captioning.ObjectFeatures, count: int) -> Caption:
        words = []
        for word, weights in zip(found.words, found.attention, strict=False):
            attention = np.zeros(count, np.float32)
            attention[features.order] = weights[1:]
            words.append(CaptionWord(word, float(weights[0]), tuple(attention.tolist())))
        return Caption(found.text, found.log_probability, found.objects, tuple(words))


class CaptionTask(Task):
    """One sentence a picture, or the best few; `extra.objects` lists what it rests on."""

    name = "caption"

    def __init__(
        self,
        row: ModelRow,
        captioner: Captioner,
        detector: Detect,
        scenes: Callable[[], Classify],
        *,
        settings: dict[str, Any],
        scene_score: float = SCENE_SCORE,
    ) -> None:
        between_0_and_1(scene_score=scene_score)
        self._captioner, self._detector, self._open_scenes = captioner, detector, scenes
        self._scene_score = scene_score
        self.labels = detector.labels
        self.model = ModelInfo(row.name, row.source.sha256, "fp32")
        self.settings = settings | {
            "scene_score": scene_score,
            "detector": asdict(detector.model) | detector.settings,
        }

    @cached_property
    def _scenes(self) -> Classify:
        # Most pictures hold objects: the classifier is loaded for the first that does not.
        return self._open_scenes()

    def prepare(self, picture: Picture) -> Prepared:
        """The detector's input."""
        return Prepared(self._detector.prepare(picture), picture)

    def predict(self, batch: Sequence[Prepared]) -> list[Answer]:
        """Detects in all pictures together, then words each."""
        found = self._detector.find([p.detection for p in batch])
        return [self._answer(p, objects) for p, objects in zip(batch, found, strict=True)]

    def _answer(self, prepared: Prepared, objects: Boxes) -> Answer:
        picture = prepared.picture
        seen = self._detections(objects)
        captions = self._captioner.describe(objects, picture.width, picture.height)
        extra: dict[str, Any] = {"objects": seen, "detector": self._detector.facts}
        if not captions:
            best = self._scenes.predict([self._scenes.prepare(picture)])[0].predictions
            classes = [(c.label, c.score) for c in best]
            captions = [Caption(caption_template.without_objects(classes, self._scene_score), None, ())]
            extra["scene"] = asdict(self._scenes.model)
        return Answer(tuple(captions), extra)

    def _detections(self, objects: Boxes) -> list[Detection]:
        rows = zip(objects.boxes.tolist(), objects.scores.tolist(), objects.label_ids.tolist(), strict=True)
        return [Detection(self.labels.get(i, str(i)), i, s, (b[0], b[1], b[2], b[3])) for b, s, i in rows]


def build(
    row: ModelRow,
    options: EngineOptions | None = None,
    *,
    beams: int = captioning.BEAMS,
    top: int = 1,
    max_words: int = captioning.MAX_WORDS,
    score: float | None = None,
    scene_score: float = SCENE_SCORE,
    detector: Sequence[ModelRow] = (),
    tta: str | None = None,
) -> Task:
    """The task with its detector, or a hub's captioner, loaded; the classifier waits until it is needed.

    Objects are found by the networks of `detector`, together if they are several; with `tta` in the mirror image too,
    without as `chosen_tta` says. Those of a lower `score` are not named: .3, or .4 where boxes are fused.
    """
    from visioncli.engines import choose_precision
    from visioncli.models import registry
    from visioncli.tasks.classify import task as classify
    from visioncli.tasks.detect import task as detect

    between_0_and_1(score=0.0 if score is None else score)
    for option, number in (("--beams", beams), ("--top", top), ("--max-words", max_words)):
        if number < 1:
            raise UsageError(f"{option} must be at least 1, not {number}.")
    if isinstance(row.source, Hub):
        if is_mirrored("caption", tta or Tta.NONE):
            raise UsageError(
                f"{row.name} looks at the picture itself; --tta flip is for captions of detected objects."
            )
        from visioncli.tasks.caption.transformers import HubCaptionTask

        return HubCaptionTask(row, beams=beams, top=top, max_words=max_words, options=options)
    first, *others = detector or detect.default_rows()
    seen = chosen_tta("caption", tta, [first, *others], options)
    if score is None:
        score = FUSED_NAME_SCORE if others or seen == Tta.FLIP else captioning.NAME_SCORE
    captioner: Captioner
    if row.name == "template":
        captioner = TemplateCaptioner(score)
    else:
        captioner = LayoutCaptioner(beams=beams, top=top, max_words=max_words, score=score)
    finder = detect.build(first, options, others=others, tta=seen, score=captioner.least_score)
    classifier = registry.find(registry.default_model("classify"), "classify")
    scenes = partial(classify.build_for_pictures, classifier, options)
    # The classifier is opened late, perhaps never; what it will compute in shapes its answers all the same.
    words = choose_precision(classifier, options or EngineOptions())
    settings = {"scenes": words, "beams": beams, "top": top, "max_words": max_words, "score": score}
    return CaptionTask(row, captioner, finder, scenes, settings=settings, scene_score=scene_score)
