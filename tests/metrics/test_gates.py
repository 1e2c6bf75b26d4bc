import pytest

from visioncli.errors import UsageError
from visioncli.metrics.gates import Gate, look_up, missed, parse_gates, split_names


class Numbers:
    warnings = ()

    def numbers(self):
        return {"AP": 0.5, "AP50": 0.7, "AP_large": float("nan")}

    def class_numbers(self):
        return {"cat, big": {"AP50": 0.6, "recall": 0.2}}

    def to_json(self):
        return {}


def test_gates_are_names_and_numbers():
    assert parse_gates(" AP50=0.5, mean_iou = .6 ") == (Gate("AP50", 0.5), Gate("mean_iou", 0.6))
    assert parse_gates("AP50[cat, big]=0.5,AP=1e-3") == (Gate("AP50[cat, big]", 0.5), Gate("AP", 0.001))
    assert split_names("AP,AP50[a,b],") == ["AP", "AP50[a,b]"]


@pytest.mark.parametrize("text", ["", "AP50", "AP50=", "=0.5", "AP50=x", "AP50=nan", "AP=0.5,AP50", ","])
def test_what_is_no_gate_is_refused(text):
    with pytest.raises(UsageError, match="--fail-under"):
        parse_gates(text)


def test_missed_gates_become_sentences():
    gates = parse_gates("AP=0.5,AP50=0.9,AP_large=0.1,recall[cat, big]=0.3")
    assert missed(Numbers(), gates) == [
        "AP50 is 0.7, below 0.9.",
        "AP_large is undefined, since there is nothing to measure it on; 0.1 was asked for.",
        "recall[cat, big] is 0.2, below 0.3.",
    ]


def test_unknown_names_come_with_near_matches():
    for name, words in (
        ("AP5", "Did you mean AP50"),
        ("AP50[cat]", "no class called cat. Did you mean cat, big"),
        ("AP5[cat, big]", "Did you mean AP50"),
    ):
        with pytest.raises(UsageError, match=words):
            look_up(Numbers(), name, "--only")
