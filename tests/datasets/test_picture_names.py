import pytest

from visioncli.datasets.interface import DatasetError
from visioncli.datasets.picture_names import match_names


def places(ours, theirs):
    return match_names(tuple(ours), tuple(theirs), "truth", "found").tolist()


def test_names_match_by_the_longest_equal_end():
    assert places(["x/a.jpg", "y/a.jpg", "b.png"], ["/data/y/a.jpg", "x\\a.jpg", "b.txt", "./c.jpg"]) == [
        1,
        0,
        -1,
        -1,
    ]
    assert places(["a.jpg", "b.b.png"], ["k/a", "b.b.jpg"]) == [0, 1]
    assert places(["a.jpg", "x/a.jpg"], ["a.jpg"]) == [0]


def test_ambiguous_and_doubled_names_are_refused():
    with pytest.raises(DatasetError, match="may be any of"):
        places(["x/a.jpg", "y/a.jpg"], ["a.jpg"])
    with pytest.raises(DatasetError, match="both match"):
        places(["a.jpg"], ["x/a.jpg", "y/a.jpg"])


def test_thousands_of_pictures_of_one_name_are_matched_by_their_folders():
    ours = [f"data/video{k}/frames/0001.jpg" for k in range(3000)]
    theirs = [f"run/video{k}/frames/0001.jpg" for k in reversed(range(3000))]
    assert places(ours, theirs) == list(reversed(range(3000)))
    assert places(ours, [o.replace("data/", "") for o in ours]) == list(range(3000))
    assert places([*ours, "0001.jpg"], ["0001.jpg"]) == [3000]
    with pytest.raises(DatasetError, match="may be any of"):
        places(ours, ["0001.jpg"])


@pytest.mark.parametrize("count", [3, 40])
def test_the_longest_equal_end_is_the_same_for_few_and_for_many(count):
    ours = [f"{k}/x/a.jpg" for k in range(count)] + ["x/a.jpg", "y/x/0/a.jpg"]
    assert places(ours, ["2/x/a.jpg", "x/a.jpg", "q/x/0/a.jpg", "p/1/x/a.jpg"]) == [2, count, count + 1, 1]
