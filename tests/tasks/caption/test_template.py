import pytest

from visioncli.tasks.caption.template import NOTHING, template, without_objects
from visioncli.tasks.caption.words import object_nouns, tokenise


@pytest.mark.parametrize(
    ("label_ids", "sentence"),
    [
        ([1, 1, 18], "Two people and a dog."),
        ([22], "An elephant."),
        ([67, 51, 51, 51, 48], "A dining table, three bowls and a fork."),
        ([84] * 9, "Several books."),
        ([20, 20], "Two sheep."),
        ([87], "A pair of scissors."),
        ([35, 35], "Two pairs of skis."),
        ([56, 56], "Two heads of broccoli."),
        ([56], "Broccoli."),
        ([1, 2, 3, 4, 5, 6], "A person, a bicycle, a car and a motorcycle."),
        ([], ""),
    ],
)
def test_objects_are_counted_and_named(label_ids: list[int], sentence: str) -> None:
    assert template(label_ids) == sentence


def test_a_template_never_names_an_absent_class() -> None:
    nouns = object_nouns()
    for label in nouns.classes:
        for count in (1, 3):
            assert nouns.absent(tokenise(template([label] * count)), {label}) == []


def test_a_picture_without_objects_is_told_by_its_class_when_that_is_sure() -> None:
    assert without_objects([("alp", 0.8), ("valley", 0.1)]) == "This may be an alp."
    assert without_objects([("alp", 0.1)]) == NOTHING
    assert without_objects([]) == NOTHING


def test_a_class_that_names_an_undetected_object_is_passed_over() -> None:
    assert without_objects([("laptop", 0.5), ("volcano", 0.4)]) == "This may be a volcano."
    assert without_objects([("laptop", 0.9)]) == NOTHING
