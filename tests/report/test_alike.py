from pathlib import Path

import numpy as np
import pytest

import made_runs
from visioncli.errors import UsageError
from visioncli.evaluation.score import Resampling
from visioncli.report.alike import NothingToShowError, for_page
from visioncli.report.build import Request, build
from visioncli.report.outputs import Output, read_outputs

from .page_data import column, data_of, words

GROUPS = {
    "p/b small.png": (1, "p/b.png", "resized", 0.97),
    "p/a.png": (2, "p/a.png", "kept", 1.0),
    "p/b.png": (1, "p/b.png", "kept", 1.0),
    "p/once.png": None,
    "p/a again.png": (2, "p/a.png", "equal", 1.0),
    "p/b cut.png": (1, "p/b.png", "altered", 0.99),
}


def shown(folder: Path) -> Output:
    (found,) = for_page(read_outputs([str(folder)]))
    return found


def signs(output: Output) -> list[tuple[str, list[tuple[str, float | None]]]]:
    return [(r.input, [(p.label, p.score) for p in r.predictions or ()]) for r in output.records]


def test_each_query_is_followed_by_its_nearest_pictures_and_failures_come_last(tmp_path: Path) -> None:
    near = {"q.png": {"p/a.png": 0.9, "p/b.png": 0.4}, "r.png": {"p/b.png": 0.8}}
    found = shown(made_runs.similar(tmp_path, near, ["p/broken.png"]))
    assert signs(found) == [
        ("q.png", [("query", None), ("like q.png", None)]),
        ("p/a.png", [("like q.png", 0.9)]),
        ("p/b.png", [("like q.png", 0.4)]),
        ("r.png", [("query", None), ("like r.png", None)]),
        ("p/b.png", [("like r.png", 0.8)]),
        ("p/broken.png", []),
    ]
    assert not found.records[-1].ok and len(found.truths) == 6
    assert found.says.startswith("2 queries with")


def test_queries_of_one_file_name_are_told_apart_by_their_paths_and_then_by_a_number(tmp_path: Path) -> None:
    queries = ["x/q 1.png", "y/Q_1.png", "z/other.png", "x/q 1.png"]
    records = [made_runs.record("similar", query, ()) for query in queries]
    found = shown(made_runs.write(tmp_path, records))
    names = ["like x/q 1.png", "like y/Q_1.png", "like other.png", "like x/q 1.png (2)"]
    assert [some[1][0] for _, some in signs(found)] == names


def test_groups_follow_one_another_with_the_kept_picture_first(tmp_path: Path) -> None:
    found = shown(made_runs.deduped(tmp_path, GROUPS, ["p/broken.png"]))
    assert signs(found) == [
        ("p/b.png", [("kept", None), ("group 1", None)]),
        ("p/b cut.png", [("altered", 0.99), ("group 1", None)]),
        ("p/b small.png", [("resized", 0.97), ("group 1", None)]),
        ("p/a.png", [("kept", None), ("group 2", None)]),
        ("p/a again.png", [("equal", 1.0), ("group 2", None)]),
        ("p/broken.png", []),
    ]
    assert found.says == "2 groups, each with the picture to keep first. 1 more is there once and not shown."


def test_without_duplicates_there_is_nothing_to_show(tmp_path: Path) -> None:
    with pytest.raises(NothingToShowError, match="no duplicates to show"):
        shown(made_runs.deduped(tmp_path, {"a.png": None}, ["b.png"]))


def test_two_such_runs_are_not_compared(tmp_path: Path) -> None:
    runs = [str(made_runs.similar(tmp_path / name, {"q.png": {"a.png": 0.5}})) for name in ("one", "two")]
    with pytest.raises(UsageError, match="vision similar shows one run, not 2"):
        for_page(read_outputs(runs))


def test_other_runs_stay_as_they_are(tmp_path: Path) -> None:
    outputs = read_outputs([str(made_runs.classified(tmp_path, {"a.png": [("cat", 1, 0.9)]}))])
    assert for_page(outputs) == outputs


def test_the_page_says_why_a_picture_is_kept_and_what_the_others_are_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in GROUPS:
        made_runs.draw(Path(name))
    build(Request((str(made_runs.deduped(Path("out"), GROUPS)),), Path("report"), how=Resampling(0)))
    body = data_of(Path("report"))
    objects = body["runs"][0]["objects"]
    assert body["pictures"]["name"] == ["b.png", "b cut.png", "b small.png", "a.png", "a again.png"]
    assert body["classes"]["title"] == "Kind and group"
    assert column(objects["start"]).tolist() == [0, 2, 4, 6, 8, 10]
    assert words(objects["method"])[:4] == ["the largest: 64 x 48", "2 KiB", "of p/b.png", "2 KiB"]
    np.testing.assert_array_equal(np.isnan(column(objects["score"])), [1, 1, 0, 1, 0, 1, 1, 1, 0, 1])


def test_a_truth_has_nothing_to_say_of_them(tmp_path: Path) -> None:
    folder = made_runs.similar(tmp_path / "out", {"q.png": {"a.png": 0.5}})
    with pytest.raises(UsageError, match="make the report of vision similar without --truth"):
        build(Request((str(folder),), tmp_path / "report", truth=str(tmp_path)))
