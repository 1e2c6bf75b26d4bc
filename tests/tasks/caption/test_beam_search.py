import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visioncli.errors import UsageError
from visioncli.tasks.caption.beam_search import (
    Constraint,
    beam_search,
    describe,
    nameable,
    object_features,
)
from visioncli.tasks.caption.words import ObjectNouns, Vocabulary, object_nouns

NOTHING = ObjectNouns({}, {})


def vocabulary(*words: str) -> Vocabulary:
    return Vocabulary([*Vocabulary.MARKS, *words])


def scripted(words: Vocabulary, script: dict[tuple[str, ...], dict[str, float]]):  # type: ignore[no-untyped-def]
    """A network that says the `script`: after these words come those with these probabilities."""
    states: list[tuple[str, ...]] = [()]

    def step(numbers, state):  # type: ignore[no-untyped-def]
        told = np.full((len(numbers), len(words)), -50.0, np.float32)
        after = np.zeros((len(numbers), 1, 1), np.float32)
        for row, (number, old) in enumerate(zip(numbers, state[:, 0, 0], strict=True)):
            said = states[int(old)]
            if number != Vocabulary.START:
                said = (*said, words.words[number])
            states.append(said)
            after[row] = len(states) - 1
            for word, probability in script.get(said, {"<end>": 1.0}).items():
                told[row, words.number(word)] = np.log(probability)
        attention = np.full((len(numbers), 2), 0.5, np.float32)
        return told, after, attention

    return step


SCRIPT: dict[tuple[str, ...], dict[str, float]] = {
    (): {"tall": 0.6, "wide": 0.4},
    ("tall",): {"house": 0.5, "wall": 0.5},
    ("wide",): {"sky": 1.0},
}
WORDS = vocabulary("tall", "wide", "house", "wall", "sky")
DETECTED = st.dictionaries(st.sampled_from(sorted(object_nouns().classes)), st.integers(1, 3), max_size=4)
START_STATE = np.zeros((1, 1, 1), np.float32)


def test_a_wide_beam_finds_the_sentence_that_a_greedy_search_misses() -> None:
    greedy = beam_search(scripted(WORDS, SCRIPT), START_STATE, Constraint(WORDS, {}, NOTHING), beams=1)
    wide = beam_search(scripted(WORDS, SCRIPT), START_STATE, Constraint(WORDS, {}, NOTHING), beams=3, top=3)
    assert greedy[0].text == "Tall house."
    assert [c.text for c in wide] == ["Wide sky.", "Tall house.", "Tall wall."]
    assert [c.log_probability for c in wide] == pytest.approx(np.log([0.4, 0.3, 0.3]), abs=1e-5)


def test_a_caption_has_one_row_of_attention_for_each_word() -> None:
    caption = beam_search(scripted(WORDS, SCRIPT), START_STATE, Constraint(WORDS, {}, NOTHING))[0]
    assert caption.words == ("wide", "sky")
    assert caption.attention.shape == (2, 2)
    assert caption.attention.sum(axis=1) == pytest.approx(1)


def test_no_caption_is_longer_than_the_most_words() -> None:
    endless = {(): {"tall": 1.0}, ("tall",): {"wide": 1.0}, ("tall", "wide"): {"sky": 1.0}}
    found = beam_search(scripted(WORDS, endless), START_STATE, Constraint(WORDS, {}, NOTHING), max_words=2)
    assert found and all(len(c.words) <= 2 for c in found)


def test_a_content_word_comes_only_once_whatever_its_number() -> None:
    words = vocabulary("a", "bed", "beds", "with")
    blocked = Constraint(words, {}, NOTHING).blocked(["a", "bed", "with", "a"])
    assert {w for w, b in zip(words.words, blocked, strict=True) if not b} == {"with"}


def test_a_sentence_does_not_end_on_a_word_that_needs_another() -> None:
    words = vocabulary("a", "with", "wall")
    constraint = Constraint(words, {}, NOTHING)
    assert constraint.blocked(["wall", "with"])[Vocabulary.END]
    assert not constraint.blocked(["a", "wall"])[Vocabulary.END]


def test_nouns_of_undetected_classes_are_blocked_and_those_of_detected_ones_are_not() -> None:
    words = vocabulary("a", "cat", "kitten", "dog", "puppy", "man", "sofa")
    blocked = Constraint(words, {17: 1}).blocked(["a"])
    allowed = {w for w, b in zip(words.words, blocked, strict=True) if not b}
    assert allowed == {"cat", "kitten"}


def test_a_hot_dog_is_no_dog_and_a_dog_no_hot_dog() -> None:
    words = vocabulary("hot", "dog")
    dog = words.number("dog")
    assert Constraint(words, {18: 1}).blocked(["hot"])[dog]
    assert not Constraint(words, {18: 1}).blocked([])[dog]
    assert not Constraint(words, {58: 1}).blocked(["hot"])[dog]
    assert Constraint(words, {58: 1}).blocked([])[dog]


def test_a_class_is_not_named_twice_but_people_may_be() -> None:
    words = vocabulary("bike", "bicycle", "man", "woman", "near", "a")
    blocked = Constraint(words, {1: 2, 2: 1}).blocked(["man", "near", "bike", "near", "a"])
    assert blocked[words.number("bicycle")]
    assert not blocked[words.number("woman")]


def test_one_person_is_not_spoken_of_as_several() -> None:
    words = vocabulary("man", "woman", "people", "and", "a", "group", "of")
    alone = Constraint(words, {1: 1})
    assert alone.blocked(["group", "of"])[words.number("people")]
    assert alone.blocked(["a", "man", "and", "a"])[words.number("woman")]
    two = Constraint(words, {1: 2})
    assert not two.blocked(["group", "of"])[words.number("people")]
    assert not two.blocked(["a", "man", "and", "a"])[words.number("woman")]


def test_a_list_of_boxes_claims_no_colours() -> None:
    words = vocabulary("a", "red", "wall")
    blocked = Constraint(words, {}, NOTHING).blocked(["a"])
    assert blocked[words.number("red")]
    assert not blocked[words.number("wall")]


def test_articles_fit_the_word_that_follows() -> None:
    words = vocabulary("a", "an", "elephant", "horse", "uniform")
    constraint = Constraint(words, {19: 1, 22: 1})
    after_a, after_an = constraint.blocked(["a"]), constraint.blocked(["an"])
    assert [w for w in ("elephant", "horse", "uniform") if not after_a[words.number(w)]] == [
        "horse",
        "uniform",
    ]
    assert [w for w in ("elephant", "horse", "uniform") if not after_an[words.number(w)]] == ["elephant"]


def test_features_are_shares_of_the_picture_by_falling_score() -> None:
    boxes = [[0, 0, 50, 100], [100, 50, 200, 100], [0, 0, 10, 10]]
    seen = object_features(boxes, [0.5, 0.9, 0.1], [1, 18, 3], 200, 100)
    assert seen.labels.tolist() == [18, 1]
    assert seen.order.tolist() == [1, 0]
    assert seen.geometry.dtype == np.float32
    assert seen.geometry[0] == pytest.approx([0.5, 0.5, 1, 1, 0.5, 0.5, 0.5, 0.9, 0])
    assert seen.geometry[1, 8] == pytest.approx(1 / 20)


def test_no_detections_give_empty_features() -> None:
    seen = object_features([], [], [], 10, 10)
    assert seen.labels.shape == (0,)
    assert seen.geometry.shape == (0, 9)
    assert nameable(seen) == {}


def test_only_sure_objects_may_be_named() -> None:
    seen = object_features([[0, 0, 9, 9]] * 3, [0.9, 0.45, 0.25], [1, 2, 3], 10, 10)
    assert nameable(seen, 0.4) == {1: 1, 2: 1}


def test_a_caption_rests_on_the_detections_that_it_names() -> None:
    words = vocabulary("a", "kitten")
    step = scripted(words, {(): {"a": 1.0}, ("a",): {"kitten": 1.0}})
    seen = object_features([[0, 0, 9, 9]] * 3, [0.3, 0.9, 0.8], [17, 1, 17], 10, 10)
    (caption,) = describe(lambda labels, geometry: (step, START_STATE), words, seen)
    assert caption.text == "A kitten."
    assert caption.objects == (2, 0)


def test_a_picture_without_sure_objects_gets_no_invented_scene() -> None:
    seen = object_features([[0, 0, 9, 9]], [0.25], [17], 10, 10)
    assert describe(lambda labels, geometry: (scripted(WORDS, SCRIPT), START_STATE), WORDS, seen) == []


@pytest.mark.parametrize("option", ["beams", "top", "max_words"])
def test_impossible_numbers_are_wrong_usage(option: str) -> None:
    seen = object_features([], [], [], 10, 10)
    with pytest.raises(UsageError, match=f"--{option.replace('_', '-')} must be at least 1"):
        describe(lambda labels, geometry: (scripted(WORDS, SCRIPT), START_STATE), WORDS, seen, **{option: 0})


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), DETECTED)
def test_whatever_a_network_says_no_caption_names_an_undetected_class(seed: int, detected: dict[int, int]) -> None:
    nouns = object_nouns()
    plain = {"a", "of", "green", "with", "on", "wall"}
    said = sorted(plain | {word for phrase in nouns.nouns for word in phrase})
    words = vocabulary(*said)
    random = np.random.default_rng(seed)

    def step(numbers, state):  # type: ignore[no-untyped-def]
        scores = random.normal(0, 4, (len(numbers), len(words))).astype(np.float32)
        told = scores - np.log(np.exp(scores).sum(1, keepdims=True))
        return told, state, np.ones((len(numbers), 1), np.float32)

    for caption in beam_search(step, START_STATE, Constraint(words, detected), beams=4, top=4):
        assert nouns.absent(caption.words, detected) == []
        content = [w for w in caption.words if w not in {"a", "of", "with", "on", "in", "two"}]
        assert len(content) == len(set(content))


PLACES: dict[tuple[str, ...], dict[str, float]] = {(): {"tennis": 0.9, "garden": 0.1}}


@pytest.mark.parametrize(
    ("detected", "said"), [({1: 1}, "Garden."), ({1: 1, 43: 1}, "Tennis."), ({37: 1}, "Tennis.")]
)
def test_nobody_plays_tennis_without_a_racket_or_a_ball(detected: dict[int, int], said: str) -> None:
    words = vocabulary("tennis", "garden")
    found = beam_search(scripted(words, PLACES), START_STATE, Constraint(words, detected))
    assert [caption.text for caption in found] == [said]
