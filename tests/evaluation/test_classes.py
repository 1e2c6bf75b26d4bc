import pytest

from visioncli.errors import UsageError
from visioncli.evaluation.classes import UNKNOWN, match, unknown_class
from visioncli.models.labels import load_labels

LABELS = {0: "tench, Tinca tinca", 1: "great white shark", 2: "T-shirt", 3: "crane", 4: "crane", 5: "Crane"}


def test_names_match_whatever_their_case_and_what_parts_their_words() -> None:
    found = match(["GREAT_WHITE-SHARK", "tench", "t shirt", "Crane"], LABELS, "net")
    assert (found.ids, found.by) == ((1, 0, 2, 5), "name")


def test_a_name_of_several_classes_is_refused_with_their_numbers() -> None:
    with pytest.raises(UsageError, match=r"several classes called 'crane' \(numbers 3 and 4\)"):
        match(["crane"], {3: "crane", 4: "crane"}, "net")


def test_two_classes_of_a_set_are_never_the_same_of_the_network() -> None:
    with pytest.raises(UsageError, match="'Tench' and 'tench' are both 'tench, Tinca tinca' of net"):
        match(["Tench", "tench"], LABELS, "net")


def test_wnids_are_imagenet_s_classes_and_nobody_else_s() -> None:
    imagenet = load_labels("imagenet1k")
    found = match(["n01440764", "n15075141", "n99999999"], imagenet, "net")
    assert (found.ids, found.by, found.unknown) == ((0, 999, UNKNOWN), "wnid", (2,))
    assert imagenet[0] == "tench"
    assert match(["n01440764"], LABELS, "net").ids == (UNKNOWN,)


def test_numbers_are_ids_only_where_all_are_numbers_and_no_name_is_one() -> None:
    assert match(["0", "2", "9"], LABELS, "net").ids == (0, 2, UNKNOWN)
    assert match(["0", "two"], LABELS, "net").ids == (UNKNOWN, UNKNOWN)
    digits = {i: str(9 - i) for i in range(10)}
    assert match(["0", "9"], digits, "net").ids == (9, 0)


def test_an_unknown_class_is_named_with_the_nearest() -> None:
    words = str(unknown_class(["tenches", "dogs"], LABELS, "net", "photos"))
    assert words.startswith("photos: net knows no class 'tenches' nor 1 more.")
    assert "--skip-unknown" in words
