import dataclasses

import pytest

from visioncli.errors import UsageError
from visioncli.models import registry
from visioncli.models.row import LocalFile, ModelRow
from visioncli.tasks.members import in_order, joint_info, joint_precision, same_classes

ROW = registry.find("efficientnet_lite0")


def row(name: str, *labels: str, sha256: str | None = None) -> ModelRow:
    return dataclasses.replace(ROW, name=name, labels=tuple(enumerate(labels)), source=LocalFile(name, sha256))


def test_names_and_hashes_stand_side_by_side_in_one_order() -> None:
    rows = [row("b", sha256="22"), row("c"), row("a", sha256="11")]
    info = joint_info(in_order(rows), "int8+fp32")
    assert (info.name, info.weights_sha256) == ("a+b+c", "11+22+")
    assert joint_info([rows[1]], "fp32").weights_sha256 is None


def test_ids_are_matched_by_name() -> None:
    numbering = same_classes([row("a", "cat", "dog"), row("b", "dog", "cat"), row("c", "cat", "dog")])
    assert numbering == [None, {0: 1, 1: 0}, None]


def test_networks_of_different_classes_cannot_answer_together() -> None:
    with pytest.raises(UsageError, match=r"a and b know different classes.*: b knows 'cow', a does not"):
        same_classes([row("a", "cat", "dog"), row("b", "cat", "dog", "cow")])


def test_equal_names_in_different_places_cannot_be_matched() -> None:
    same_classes([row("a", "crane", "crane"), row("b", "crane", "crane")])
    with pytest.raises(UsageError, match="some have the same name"):
        same_classes([row("a", "crane", "crane", "cat"), row("b", "cat", "crane", "crane")])


def test_networks_that_compute_in_different_numbers_say_so_in_their_order() -> None:
    assert joint_precision(["int8", "fp32"]) == "int8+fp32"
    assert joint_precision(["int8", "int8"]) == "int8"
    assert joint_precision([None, "fp32"]) == "fp32"
