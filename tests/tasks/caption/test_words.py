import pytest

from visioncli.tasks.caption.words import Vocabulary, object_nouns, stem, tokenise, witnesses


def test_captions_become_lower_case_words_without_punctuation() -> None:
    assert tokenise("A man's close-up, of 2 dogs.") == ["a", "man's", "close", "up", "of", "2", "dogs"]


def test_singular_and_plural_have_one_stem() -> None:
    assert stem("dogs") == stem("dog")
    assert stem("puppies") == stem("puppy")
    assert stem("couches") == stem("couch")
    assert stem("glass") == "glass"
    assert stem("bus") == "bus"


def test_a_vocabulary_numbers_frequent_words_first_and_marks_the_others_unknown() -> None:
    words = Vocabulary.of([["a", "dog"], ["a", "dog"], ["a", "cat"]], least=2)
    assert words.words == ("<pad>", "<start>", "<end>", "<unknown>", "a", "dog")
    assert words.encode(["a", "cat"]) == [1, 4, 3, 2]


def test_a_vocabulary_without_its_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="begins with"):
        Vocabulary(["a", "dog"])


def test_every_coco_class_has_nouns() -> None:
    nouns = object_nouns()
    assert len(nouns.classes) == 80
    for label, names in nouns.classes.items():
        found = nouns.naming(tokenise(names.label))
        assert found is not None
        assert label in found.label_ids


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("woman", 1), ("people", 1), ("skier", 1), ("bike", 2), ("motorbike", 4), ("plane", 5), ("sofa", 63),
        ("tv", 72), ("television", 72), ("puppy", 18), ("kitten", 17), ("hot dog", 58), ("hydrant", 11),
        ("cellphone", 77), ("stuffed animal", 88), ("tennis racquet", 43), ("doughnuts", 60), ("fridge", 82),
    ],
)  # fmt: skip
def test_everyday_nouns_name_their_class(text: str, label: int) -> None:
    found = object_nouns().naming(text.split())
    assert found is not None
    assert label in found.label_ids


def test_absent_names_only_what_is_not_there() -> None:
    nouns = object_nouns()
    words = tokenise("A man with a hot dog and a teddy bear on a sofa.")
    assert nouns.absent(words, {1, 58}) == ["teddy bear", "sofa"]
    assert nouns.absent(words, {1, 58, 88, 63}) == []


def test_a_bike_is_a_bicycle_or_a_motorcycle() -> None:
    nouns = object_nouns()
    assert nouns.absent(["bike"], {4}) == []
    assert nouns.absent(["bike"], {2}) == []
    assert nouns.absent(["bike"], {3}) == ["bike"]


def test_words_that_need_a_witness_name_no_class_themselves() -> None:
    known = witnesses()
    assert known["tennis"] == {43, 37}
    assert all(ids for ids in known.values())
    assert not {(word,) for word in known} & set(object_nouns().nouns)
