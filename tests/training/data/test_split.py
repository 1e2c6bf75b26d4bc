import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visioncli.errors import UsageError
from visioncli.labelled.interface import TEST, TRAIN, VAL, Example
from visioncli.training.data import matching
from visioncli.training.data.split import Line, groups_of, keep_together, read_split, remarks, split, write_split


def contents(n, start=0):
    return [hashlib.sha256(str(k).encode()).hexdigest() for k in range(start, start + n)]


def nothing_given(n):
    return [""] * n


def test_a_fifth_of_each_class_is_for_validation():
    labels = [k % 4 for k in range(4000)]
    places = split(contents(4000), labels, nothing_given(4000))
    for c in range(4):
        assert 160 <= (places[c::4] == VAL).sum() <= 240
    assert set(places) == {TRAIN, VAL}


def test_adding_and_removing_pictures_moves_no_other():
    before = split(contents(500), [k % 5 for k in range(500)], nothing_given(500), seed=3)
    after = split(contents(900), [k % 5 for k in range(900)], nothing_given(900), seed=3)
    assert (before == after[:500]).all()
    order = np.random.default_rng(0).permutation(900)
    shuffled = split([contents(900)[k] for k in order], [int(k) % 5 for k in order], nothing_given(900), seed=3)
    assert (shuffled == after[order]).all()


def test_another_seed_is_another_split():
    one, other = (split(contents(200), [0, 1] * 100, nothing_given(200), seed=seed) for seed in (0, 1))
    assert 20 < (one != other).sum() < 110


def test_equal_contents_fall_on_one_side():
    hashes = [h for h in contents(100) for _ in range(3)]
    places = split(hashes, [0] * 150 + [1] * 150, nothing_given(300)).reshape(100, 3)
    assert (places == places[:, :1]).all()
    assert VAL in places


def test_pictures_of_one_group_fall_on_one_side_and_new_frames_do_not_move_it():
    groups = [f"video {k // 10}" for k in range(1000)]
    places = split(contents(1000), [0, 1] * 500, nothing_given(1000), groups)
    assert (places.reshape(100, 10) == places[::10, None]).all()
    assert 8 <= (places[::10] == VAL).sum() <= 32
    fewer = split(contents(1000)[::2], [0] * 500, nothing_given(500), groups[::2])
    assert (fewer == places[::2]).all()


def test_groups_that_share_a_picture_are_one():
    hashes = contents(400)
    hashes[1] = hashes[3]
    groups = [f"g{k // 2}" for k in range(400)]
    for seed in range(30):
        places = split(hashes, [0] * 400, nothing_given(400), groups, seed=seed)
        assert len(set(places[:4])) == 1


def test_what_the_set_says_is_kept():
    given = [TRAIN, VAL, TEST, ""] * 50
    places = split(contents(200), [0, 1] * 100, given)
    assert places.tolist() == [TRAIN, VAL, TEST, TRAIN] * 50


def test_validation_is_taken_from_training_where_the_set_has_train_and_test():
    given = [TRAIN] * 300 + [TEST] * 100
    places = split(contents(400), [0, 1] * 200, given)
    assert (places[300:] == TEST).all()
    assert 30 <= (places[:300] == VAL).sum() <= 90


@pytest.mark.parametrize("seed", range(20))
def test_a_class_of_two_pictures_has_one_on_each_side(seed):
    labels = [0] * 50 + [1, 1]
    places = split(contents(52), labels, nothing_given(52), seed=seed)
    assert sorted(places[50:]) == [TRAIN, VAL]


def test_a_class_of_one_picture_stays_where_its_number_puts_it_and_a_large_class_is_untouched_by_it():
    hashes, labels = contents(51), [0] * 50 + [1]
    for seed in range(20):
        places = split(hashes, labels, nothing_given(51), seed=seed)
        assert (places == split(hashes, None, nothing_given(51), seed=seed)).all()


def test_pictures_of_any_number_of_classes_are_placed_by_content_alone():
    places = split(contents(300), None, nothing_given(300))
    assert 36 <= (places == VAL).sum() <= 84


def test_people_are_told_what_chance_did_not_do():
    hashes, labels = contents(52), [0] * 50 + [1, 1]
    told = set()
    for seed in range(20):
        places = split(hashes, labels, nothing_given(52), seed=seed)
        words = remarks(places, hashes, labels, nothing_given(52), ["cat", "dog"], seed=seed)
        told.add(bool(words))
        assert not words or ("dog" in words[0] and "cat" not in words[0])
    assert told == {True, False}


def test_a_nearly_equal_picture_returns_from_validation_to_training():
    places = np.array([TRAIN, VAL, VAL, VAL, TEST, VAL])
    given = ["", "", TRAIN, "", TEST, VAL]
    together = keep_together(places, given, np.array([[0, 1], [1, 2], [0, 4], [0, 5]]))
    assert together.tolist() == [TRAIN, TRAIN, TRAIN, VAL, TEST, VAL]
    assert keep_together(places, given, np.zeros((0, 2), int)).tolist() == places.tolist()


def example(relative, label=0):
    return Example(f"photos/{relative}", relative, "photos", labels=(label,))


def test_group_folder_is_what_lies_between_the_class_and_the_picture():
    paths = ("cat/1.jpg", "cat/garden/1.jpg", "train/cat/garden/may/1.jpg", "elsewhere/scene 3/1.jpg")
    assert groups_of([example(p) for p in paths], ("cat", "dog"), "folder") == [
        "",
        "garden",
        "garden/may",
        "elsewhere/scene 3",
    ]


def test_group_by_an_expression_is_its_first_group_or_all_of_it():
    pictures = [example(p) for p in ("cat/p07_1.jpg", "cat/p07_2.jpg", "cat/other.jpg")]
    assert groups_of(pictures, ("cat",), r"(p\d+)_") == ["p07", "p07", ""]
    assert groups_of(pictures, ("cat",), r"p\d+") == ["p07", "p07", ""]


@pytest.mark.parametrize(("group", "words"), [("(", "neither `folder` nor"), ("xyz", "finds nothing in any path")])
def test_an_expression_that_cannot_be_used_is_a_sentence(group, words):
    with pytest.raises(UsageError, match=words):
        groups_of([example("cat/1.jpg")], ("cat",), group)


def test_split_csv_reads_back_as_it_was_written(tmp_path):
    lines = [
        Line("a/ü \udcff,\n.jpg", ("=cat",), TRAIN, "'=g", "00"),
        Line("-1.jpg", ("a", "b"), VAL, "", "01"),
        Line("b.jpg", (), TEST, "", ""),
    ]
    write_split(tmp_path / "split.csv", lines)
    assert read_split(tmp_path / "split.csv") == lines
    assert b"\n=" not in (tmp_path / "split.csv").read_bytes()


def test_an_expression_that_can_match_in_too_many_ways_is_a_sentence(monkeypatch):
    monkeypatch.setattr(matching, "SECONDS", 1.0)
    with pytest.raises(UsageError, match=r"was not through the 1 paths after 1 s: it can match in too many ways"):
        groups_of([example(f"cat/{'a' * 60}.jpg")], ("cat",), "cat/(a+)+$")


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "path,label,split,group,sha256\na,b,elsewhere,,0\n", '"'])
def test_a_split_csv_that_was_changed_is_a_sentence(tmp_path, text):
    (tmp_path / "split.csv").write_text(text)
    with pytest.raises(UsageError, match=r"split\.csv.* Train anew"):
        read_split(tmp_path / "split.csv")


def test_a_missing_split_csv_is_a_sentence(tmp_path):
    with pytest.raises(UsageError, match="No such file"):
        read_split(tmp_path / "split.csv")


@given(
    st.lists(
        st.tuples(st.integers(0, 12), st.integers(0, 2), st.integers(0, 5), st.sampled_from(["", TRAIN, TEST])),
        max_size=25,
    ),
    st.randoms(use_true_random=False),
)
def test_whatever_the_set_sources_stay_whole_and_order_does_not_matter(rows, random):
    """Rows are (content, class, group or 0 for none, given)."""

    def places_of(rows):
        hashes, labels = [f"{content:02x}" for content, *_ in rows], [label for _, label, *_ in rows]
        groups = [f"g{group}" if group else "" for _, _, group, _ in rows]
        return split(hashes, labels, [row[3] for row in rows], groups, seed=1).tolist()

    places = places_of(rows)
    for row, place in zip(rows, places, strict=True):
        assert (place == TEST) == (row[3] == TEST)
    for key in (0, 2):
        sides = {}
        for row, place in zip(rows, places, strict=True):
            if place != TEST and (key == 0 or row[2]):
                sides.setdefault(row[key], set()).add(place)
        assert all(len(side) == 1 for side in sides.values())
    order = random.sample(range(len(rows)), len(rows))
    assert places_of([rows[k] for k in order]) == [places[k] for k in order]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=12), st.integers(0, 99))
def test_of_small_classes_another_picture_moves_at_most_one_of_its_own_class(labels, seed):
    hashes = contents(len(labels))
    after = split(hashes, labels, nothing_given(len(labels)), seed=seed)[:-1]
    before = split(hashes[:-1], labels[:-1], nothing_given(len(labels) - 1), seed=seed)
    moved = [labels[k] for k in np.flatnonzero(before != after)]
    assert moved in ([], [labels[-1]])
