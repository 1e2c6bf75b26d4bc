import dataclasses

import numpy as np
import pytest

from visioncli.engines.interface import Engine
from visioncli.errors import UsageError
from visioncli.models import registry
from visioncli.models.row import LocalFile
from visioncli.tasks.classify.task import Classify
from visioncli.tasks.classify.together import Together

ROW = registry.find("efficientnet_lite0", "classify")
EMPTY = np.zeros((3, 4, 4), np.float32)


class Fixed(Engine):
    """Answers the logarithms of these probabilities, whatever it is shown."""

    def __init__(self, chances: tuple[float, ...]) -> None:
        self.logits = np.log(np.array(chances, np.float32))

    def compute(self, batch: np.ndarray) -> tuple[np.ndarray, ...]:
        return (np.repeat(self.logits[None], len(batch), 0),)


def member(
    name: str,
    chances: tuple[float, ...],
    labels: tuple[str, ...] = ("ant", "bee", "cat"),
    thresholds: tuple[float, ...] = (),
    **settings: float,
) -> Classify:
    row = dataclasses.replace(
        ROW, name=name, labels=tuple(enumerate(labels)), source=LocalFile(name, name * 3), thresholds=thresholds
    )
    return Classify(row, Fixed(chances), **settings)  # type: ignore[arg-type]


def best(task: Classify) -> list[tuple[str, int, float]]:
    (answer,) = task.predict([[EMPTY, EMPTY]])
    return [(p.label, p.label_id, round(p.score, 5)) for p in answer.predictions]


def test_probabilities_are_averaged_not_logits() -> None:
    both = Together([member("a", (0.9, 0.05, 0.05)), member("b", (0.1, 0.1, 0.8))])
    assert best(both) == [("ant", 0, 0.5), ("cat", 2, 0.425), ("bee", 1, 0.075)]


def test_classes_are_matched_by_name_and_numbered_as_the_first_network_does() -> None:
    other = member("b", (0.2, 0.7, 0.1), labels=("cat", "ant", "bee"))
    both = Together([member("a", (0.5, 0.25, 0.25)), other])
    assert best(both) == [("ant", 0, 0.6), ("cat", 2, 0.225), ("bee", 1, 0.175)]


def test_the_record_names_all_members() -> None:
    both = Together([member("a", (0.5, 0.25, 0.25)), member("b", (0.5, 0.25, 0.25))])
    assert (both.model.name, both.model.weights_sha256) == ("a+b", "aaa+bbb")
    assert [m["name"] for m in both.settings["together"]] == ["a", "b"]


def test_the_users_threshold_holds_for_the_mean() -> None:
    both = Together([member("a", (0.9, 0.05, 0.05), threshold=0.45), member("b", (0.1, 0.1, 0.8), threshold=0.45)])
    assert best(both) == [("ant", 0, 0.5)]


def test_of_several_labels_a_picture_thresholds_are_averaged_too() -> None:
    one = member("a", (0.5, 0.5, 0.5), thresholds=(0.2, 0.4, 0.3))
    other = member("b", (0.5, 0.5, 0.5), labels=("cat", "ant", "bee"), thresholds=(0.1, 0.6, 0.2))
    assert Together([one, other]).thresholds == pytest.approx((0.4, 0.3, 0.2))
    # A sigmoid of log 0.5 is a third: above the last two alone.
    assert [label for label, *_ in best(Together([one, other]))] == ["bee", "cat"]


def test_one_class_a_picture_and_several_cannot_be_averaged() -> None:
    with pytest.raises(UsageError, match="a gives a picture one class and b any number"):
        Together([member("a", (0.5, 0.5)), member("b", (0.5, 0.5), thresholds=(0.5, 0.5, 0.5))])
