from sinks.samples import LABELS, record
from visioncli.predictions import Classification
from visioncli.sinks.declared import MOST_LABELS, classes_of, declared


def scores(*values: float) -> list[float]:
    found = [Classification(f"c{n}", n, value) for n, value in enumerate(values)]
    return [p.score for p in classes_of(record("classify", "a.jpg", *found))]


def test_all_classes_of_a_small_network_are_declared_and_only_the_found_ones_of_a_large_one() -> None:
    assert declared(LABELS, ["dog", "cat"]) == ["person", "cat", "toothbrush", "dog"]
    many = {n: f"class {n}" for n in range(MOST_LABELS + 1)}
    assert declared(many, ["class 7", "class 3", "class 7"]) == ["class 7", "class 3"]


def test_names_are_told_once_and_on_one_line() -> None:
    assert declared({0: "background", 1: "a\nb", 2: "a b ", 3: "\x07"}, []) == ["a b", "?"]


def test_the_best_class_counts_and_further_ones_where_they_are_sure() -> None:
    assert scores(0.3, 0.2, 0.1) == [0.3]
    assert scores() == []
    assert scores(0.5, 0.5) == [0.5, 0.5]


def test_of_a_network_of_several_classes_a_picture_all_count() -> None:
    assert scores(0.9, 0.4, 0.3) == [0.9, 0.4, 0.3]
