import dataclasses
from pathlib import Path

import pytest

import made_runs
import run_folders
from visioncli.errors import InputError, UsageError
from visioncli.report.outputs import read_outputs, together

CAT = [("cat", 1, 0.9)]


def test_an_output_folder_is_called_after_itself_and_its_network(tmp_path: Path) -> None:
    folder = made_runs.classified(tmp_path / "mine", {"a.jpg": CAT}, model="tiny")
    (found,) = read_outputs([str(folder)])
    assert (found.name, found.model, found.task, found.folder) == ("mine", "tiny", "classify", folder)
    assert [record.input for record in found.records] == ["a.jpg"]
    assert not found.has_truth


def test_the_numbers_that_a_network_computed_in_are_known_where_they_are_not_the_usual_ones(tmp_path: Path) -> None:
    one = made_runs.record("classify", "a.jpg", made_runs.named(CAT))
    for precision, known in (("int8", "int8"), ("fp32", ""), (None, "")):
        model = dataclasses.replace(one.model, precision=precision)  # type: ignore[type-var]
        folder = made_runs.write(tmp_path / "out", [dataclasses.replace(one, model=model)])
        assert read_outputs([str(folder)])[0].precision == known


def test_a_run_of_training_is_its_validation_part_with_the_truth_beside(tmp_path: Path) -> None:
    run_folders.make_run(tmp_path / "run")
    one = made_runs.record(
        "classify", "a.jpg", made_runs.named([("bees", 1, 0.9)]), extra={"truth": {"labels": ["ants"]}}
    )
    made_runs.write(tmp_path / "run", [one], "val.jsonl")
    (found,) = read_outputs([str(tmp_path / "run")])
    assert (found.name, found.truths) == ("run", (("ants",),))


def test_a_run_whose_training_has_not_ended_is_said_to_be_one(tmp_path: Path) -> None:
    run_folders.make_run(tmp_path / "run")
    with pytest.raises(InputError, match="has not come to its end"):
        read_outputs([str(tmp_path / "run")])


def test_the_folder_of_an_evaluation_is_a_run_for_each_network(tmp_path: Path) -> None:
    for name in ("lite0", "lite1"):
        made_runs.write(
            tmp_path / "eval", [made_runs.record("classify", "a.jpg", made_runs.named(CAT))], f"{name}.jsonl"
        )
    (tmp_path / "eval" / "eval.json").write_text("{}")
    assert [one.name for one in read_outputs([str(tmp_path / "eval")])] == ["lite0", "lite1"]


def test_runs_of_folders_with_one_name_are_told_apart_by_their_networks(tmp_path: Path) -> None:
    one = made_runs.classified(tmp_path / "a" / "out", {"a.jpg": CAT}, model="x")
    other = made_runs.classified(tmp_path / "b" / "out", {"a.jpg": CAT}, model="y")
    assert [o.name for o in read_outputs([str(one), str(other)])] == ["out (x)", "out (y)"]
    assert [o.name for o in read_outputs([str(one), str(one)])] == ["out (x)", "out (x) 2"]


def test_damaged_lines_are_left_out_and_named(tmp_path: Path) -> None:
    folder = made_runs.classified(tmp_path / "out", {"a.jpg": CAT, "b.jpg": CAT})
    with (folder / "predictions.jsonl").open("ab") as file:
        file.write(b'{"schema": "vision/1", "task"\n{"schema": "vision/1", "task": "classify", "input": NaN}\n')
    (found,) = read_outputs([str(folder)])
    assert len(found.records) == 2
    assert found.warnings == (
        f"{folder}/predictions.jsonl: left out what is no whole record: 2 in all, on line 3, 4.",
    )


@pytest.mark.parametrize("content", ["", "\n\n", "hello\n", '{"a": 1}\n', "[" * 100_000])
def test_a_file_without_records_is_a_sentence(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.jsonl").write_text(content)
    with pytest.raises(InputError, match=r"there are no records of vision's"):
        read_outputs([str(tmp_path / "x.jsonl")])


def test_folders_without_records_are_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no predictions\.jsonl in this folder"):
        read_outputs([str(tmp_path)])
    with pytest.raises(InputError, match="no such file or folder"):
        read_outputs([str(tmp_path / "none")])


def test_runs_of_different_tasks_are_not_compared(tmp_path: Path) -> None:
    one = made_runs.classified(tmp_path / "a", {"a.jpg": CAT})
    other = made_runs.detected(tmp_path / "b", {"a.jpg": []})
    with pytest.raises(UsageError, match=r"a \(vision classify\) and .*b \(vision detect\)"):
        read_outputs([str(one), str(other)])


def test_four_runs_are_too_many(tmp_path: Path) -> None:
    folder = str(made_runs.classified(tmp_path / "a", {"a.jpg": CAT}))
    with pytest.raises(UsageError, match="at most 3"):
        read_outputs([folder] * 4)


def test_pictures_of_two_runs_are_the_same_where_their_paths_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    one = made_runs.classified(tmp_path / "one", {"p/a.jpg": CAT, "p/b.jpg": CAT})
    other = made_runs.classified(tmp_path / "other", {f"{tmp_path}/p/b.jpg": CAT, "./p/c.jpg": CAT})
    found = together(read_outputs([str(one), str(other)]))
    assert found.names == ("p/a.jpg", "p/b.jpg", "./p/c.jpg")
    assert found.places == ((0, 1), (1, 2))


def test_an_input_given_twice_is_two_pictures(tmp_path: Path) -> None:
    records = [made_runs.record("classify", "a.jpg", made_runs.named(CAT)) for _ in range(2)]
    folder = made_runs.write(tmp_path / "out", records)
    assert together(read_outputs([str(folder)])).places == ((0, 1),)


def test_vectors_are_nothing_to_look_at(tmp_path: Path) -> None:
    folder = made_runs.write(tmp_path / "out", [made_runs.record("embed", "a.jpg", ())])
    with pytest.raises(UsageError, match="is of vision embed, of which no report can be made"):
        read_outputs([str(folder)])
