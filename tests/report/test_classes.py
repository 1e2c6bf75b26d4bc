from pathlib import Path

import made_runs
import run_folders
from visioncli.models.labels import load_labels
from visioncli.render.colours import class_colour
from visioncli.report.classes import ClassTable, labels_of
from visioncli.report.outputs import read_outputs


def labels(folder: Path) -> dict[int, str]:
    return labels_of(read_outputs([str(folder)])[0])


def test_a_network_of_ours_has_all_its_classes(tmp_path: Path) -> None:
    folder = made_runs.classified(tmp_path / "out", {"a.jpg": [("lorikeet", 90, 0.9)]}, model="efficientnet_lite0")
    assert labels(folder) == load_labels("imagenet1k")


def test_records_count_where_they_say_something_else_than_the_registry(tmp_path: Path) -> None:
    folder = made_runs.classified(tmp_path / "out", {"a.jpg": [("parrot", 90, 0.9)]}, model="efficientnet_lite0")
    assert labels(folder) == {90: "parrot"}


def test_a_run_of_training_has_the_classes_of_its_model(tmp_path: Path) -> None:
    run_folders.make_run(tmp_path / "run", labels=("ants", "bees"))
    made_runs.write(tmp_path / "run", [made_runs.record("classify", "a.jpg", [])], "val.jsonl")
    assert labels(tmp_path / "run") == {0: "ants", 1: "bees"}


def test_names_that_differ_in_case_and_blanks_are_one_class() -> None:
    table = ClassTable([{1: "Potted plant"}])
    assert table.code("Potted plant", 1) == table.code("potted_plant") == 0


def test_two_classes_of_one_name_are_called_with_their_numbers() -> None:
    table = ClassTable([{134: "crane", 517: "crane"}])
    assert table.code("crane", 134) != table.code("crane", 517)
    assert table.to_json()["names"] == ["crane (134)", "crane (517)"]


def test_colours_are_those_of_annotated_pictures() -> None:
    table = ClassTable([])
    table.code("cat", 17)
    assert table.to_json()["colours"] == [f"#{bytes(class_colour('cat', 17)).hex()}"]
