import numpy as np
import pytest
from PIL import Image

from visioncli.predictions import Caption, Detection
from visioncli.render.caption import draw, named
from visioncli.render.colours import class_colour
from visioncli.results import ModelInfo, Record

PEOPLE = [
    Detection("person", 1, score, (10.0 + 100 * n, 40, 90.0 + 100 * n, 140))
    for n, score in enumerate((0.5, 0.9, 0.4))
]
PIZZAS = [
    Detection("pizza", 59, score, (10.0 + 100 * n, 160, 90.0 + 100 * n, 200)) for n, score in enumerate((0.8, 0.7))
]
SHEEP = [Detection("sheep", 20, 0.6, (10.0 + 100 * n, 40, 90.0 + 100 * n, 140)) for n in range(2)]


def caption(sentence: str, count: int) -> Caption:
    return Caption(sentence, None, tuple(range(count)))


@pytest.mark.parametrize(
    ("sentence", "scores"),
    [
        ("A man with a pizza.", [0.9, 0.8]),
        ("A man and a woman with a pizza.", [0.9, 0.8, 0.5]),
        ("A group of people.", [0.9, 0.5, 0.4]),
        ("A man holding pizzas.", [0.9, 0.8, 0.7]),
        ("A kitchen.", []),
        ("Two people and three dogs.", [0.9, 0.5, 0.4]),
    ],
)
def test_only_what_the_sentence_names_is_meant(sentence: str, scores: list[float]) -> None:
    objects = [*PEOPLE, *PIZZAS]
    assert [o.score for o in named(caption(sentence, len(objects)), objects)] == scores


@pytest.mark.parametrize(("sentence", "count"), [("A herd of sheep.", 2), ("Sheep in a field.", 2), ("A sheep.", 1)])
def test_sheep_are_one_or_several_by_their_article(sentence: str, count: int) -> None:
    assert len(named(caption(sentence, 2), SHEEP)) == count


def test_boxes_are_drawn_around_named_objects_only() -> None:
    objects = [*PEOPLE, *PIZZAS]
    record = Record(
        "caption", "a", 320, 240, ModelInfo("m", None), (caption("A pizza.", 5),), extra={"objects": objects}
    )
    pixels = np.asarray(draw(Image.new("RGB", (320, 240)), record, {}))[:240]
    assert (pixels == class_colour("pizza", 59)).all(2).any()
    assert not pixels[160:201, 110:].any()  # the weaker pizza
    assert not (pixels == class_colour("person", 1)).all(2).any()
