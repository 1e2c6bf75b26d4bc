import json

import numpy as np
import pytest

from visioncli.errors import UsageError
from visioncli.labelled.interface import TEST, TRAIN, VAL, Example, PictureSet
from visioncli.results import Failure
from visioncli.training.data.look import Seen, look

CLASSES = ("cat", "dog")


def pictures(*labels, classes=CLASSES, **more):
    examples = tuple(
        Example(f"photos/{classes[label]}/{k}.jpg", f"{classes[label]}/{k}.jpg", labels=(label,))
        for k, label in enumerate(labels)
    )
    return PictureSet("photos", "class folders", classes, examples, **more)


def seen(n):
    return [Seen(f"{k:064x}", 10 + k, 20) for k in range(n)]


def test_an_honest_set_is_told_in_numbers_and_not_refused():
    found = look(pictures(*[0, 1] * 20), seen(40), [TRAIN] * 30 + [VAL] * 10)
    found.refuse()
    assert found.counts.tolist() == [[15, 5, 0], [15, 5, 0]]
    assert found.lines() == [
        "photos (class folders): 40 pictures of 2 classes",
        "       train  val",
        "  cat     15    5",
        "  dog     15    5",
        "  all     30   10",
        "Sizes: smallest 10 x 20, median 30 x 20, largest 49 x 20",
    ]


def test_unreadable_pictures_are_named_and_not_counted():
    outcomes = seen(40)
    outcomes[3] = Seen(error=Failure("empty_file", "The file is empty."))
    found = look(pictures(*[0, 1] * 20), outcomes, [TRAIN] * 40)
    assert found.counts.sum() == 39
    assert "1 picture cannot be read:" in found.lines()
    assert "  photos/dog/3.jpg: The file is empty." in found.lines()
    found.refuse()


def test_nothing_readable_is_refused_with_the_first_reason():
    outcomes = [Seen(error=Failure("empty_file", "The file is empty."))] * 2
    with pytest.raises(UsageError, match=r"photos/cat/0\.jpg: The file is empty"):
        look(pictures(0, 1), outcomes, [TRAIN] * 2).refuse()


@pytest.mark.parametrize(("labels", "words"), [((0, 0), "only pictures of cat"), ((), "no pictures")])
def test_one_class_is_nothing_to_learn(labels, words):
    with pytest.raises(UsageError, match=words):
        look(pictures(*labels), seen(len(labels)), [TRAIN] * len(labels)).refuse()


def test_a_class_that_a_split_lacks_is_named():
    found = look(pictures(0, 1, 0, 0, 1), seen(5), [TRAIN, TRAIN, VAL, TEST, TEST])
    assert found.absent == {VAL: ("dog",)}
    assert "The validation part has no picture of dog, which another part has." in found.lines()
    assert found.few == CLASSES


def test_the_same_picture_in_two_splits_is_refused_unless_it_is_allowed():
    outcomes = seen(5)
    outcomes[4] = outcomes[0]
    found = look(pictures(0, 1, 0, 1, 0), outcomes, [TRAIN, TRAIN, TRAIN, TEST, TEST])
    with pytest.raises(
        UsageError, match=r"photos/cat/0\.jpg \(train\) and photos/cat/4\.jpg \(test\).*--allow-leaks"
    ):
        found.refuse()
    found.refuse(allow_leaks=True)
    assert found.leaks[0].exact and found.contradictions == ()


def test_the_same_picture_twice_in_one_split_is_no_leak():
    outcomes = [Seen("0" * 64, 4, 4)] * 4
    found = look(pictures(0, 0, 0, 0), outcomes, [TRAIN, TRAIN, VAL, VAL])
    assert len(found.leaks) == 1


def test_the_same_picture_with_two_labels_is_named():
    outcomes = [Seen("0" * 64, 4, 4)] * 2
    found = look(pictures(0, 1), outcomes, [TRAIN] * 2)
    found.refuse()
    assert "1 picture with two different labels:" in found.lines()
    assert "  photos/cat/0.jpg (train) and photos/dog/1.jpg (train)" in found.lines()


def test_nearly_equal_pictures_in_two_splits_are_refused():
    features = np.random.default_rng(0).standard_normal((40, 64)).astype(np.float32)
    features[38] = features[2] * 2 + 0.1
    features[39] = features[3]
    outcomes = seen(40)
    outcomes[3] = Seen(error=Failure("empty_file", "The file is empty."))
    found = look(pictures(*[0, 1] * 20), outcomes, [TRAIN] * 30 + [TEST] * 10, features)
    assert [(t.a, t.b, t.exact) for t in found.leaks] == [(2, 38, False)]
    with pytest.raises(UsageError, match=r"nearly equal, 0\.9"):
        found.refuse()


def test_in_published_sets_near_copies_are_only_named_and_equal_pictures_are_refused():
    features = np.random.default_rng(0).standard_normal((40, 64)).astype(np.float32)
    features[38] = features[2] * 2 + 0.1
    parts = [TRAIN] * 30 + [TEST] * 10
    found = look(pictures(*[0, 1] * 20, published=True), seen(40), parts, features)
    found.refuse()
    assert "1 picture in two splits:" in found.lines()
    outcomes = seen(40)
    outcomes[39] = outcomes[3]
    with pytest.raises(UsageError, match="1 picture of photos is in two splits"):
        look(pictures(*[0, 1] * 20, published=True), outcomes, parts, features).refuse()


def test_the_json_has_everything():
    outcomes = seen(13)
    outcomes[3] = Seen(error=Failure("empty_file", "The file is empty."))
    outcomes[12] = outcomes[0]
    found = look(pictures(*[0, 1] * 6, 1), outcomes, [TRAIN] * 12 + [TEST])
    answer = json.loads(json.dumps(found.to_json()))
    assert answer["classes"][0] == {"label": "cat", "train": 6, "val": 0, "test": 0}
    assert answer["unreadable"][0]["error"]["kind"] == "empty_file"
    assert answer["leaks"][0]["pictures"][1] == {"path": "photos/dog/12.jpg", "split": "test"}
    assert len(answer["contradictions"]) == 1


def test_a_thousand_classes_stay_a_short_report():
    names = tuple(f"class {k}" for k in range(1000))
    found = look(pictures(*range(1000), classes=names), seen(1000), [TRAIN] * 1000)
    assert len(found.lines()) < 45
    assert any("(970 classes between them)" in line for line in found.lines())
