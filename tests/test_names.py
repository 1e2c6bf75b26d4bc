from visioncli.names import did_you_mean, near_matches


def test_the_nearest_name_comes_first() -> None:
    assert near_matches("lite0", ["efficientnet_lite0", "resnet"])[0] == "efficientnet_lite0"
    assert near_matches("RESNT", ["efficientnet_lite0", "resnet"]) == ["resnet"]


def test_nothing_near_gives_no_sentence() -> None:
    assert did_you_mean("xyz", ["cat"]) == ""
    assert did_you_mean("", ["cat"]) == ""
    assert did_you_mean("cats", ["cat", "dog"]) == " Did you mean cat?"
