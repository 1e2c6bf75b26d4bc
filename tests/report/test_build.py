import os
from pathlib import Path
from typing import Any

import pytest

import made_runs
from visioncli.errors import OutputError, UsageError
from visioncli.evaluation.score import Resampling
from visioncli.report.build import MOST_IN_ONE_FILE, Made, Request, build

from .page_data import column, data_of, words

CAT = [("cat", 1, 0.9), ("dog", 2, 0.1)]
NONE = Resampling(0)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for n, name in enumerate(("a.png", "deep/b.png")):
        made_runs.draw(tmp_path / "photos" / name, n)
    records = [made_runs.record("classify", f"photos/{n}", made_runs.named(CAT)) for n in ("a.png", "deep/b.png")]
    return made_runs.write(
        tmp_path / "out", [*records, made_runs.failed("classify", "photos/c.png", "It is broken.")]
    )


def made(run: Path, **options: Any) -> Made:
    return build(Request((str(run),), Path("report"), **({"how": NONE} | options)))


def thumbs(folder: Path = Path("report")) -> dict[str, int]:
    return {str(p.relative_to(folder)): p.stat().st_mtime_ns for p in folder.rglob("*.webp")}


def test_the_page_has_a_row_for_every_picture_failures_among_them(run: Path) -> None:
    found = made(run)
    assert (found.page, found.pictures) == (Path("report/index.html"), 3)
    body = data_of(Path("report"))
    assert words(body["pictures"]["folder"]) == ["photos/", "photos/deep/", "photos/"]
    assert body["pictures"]["name"] == ["a.png", "b.png", "c.png"]
    assert column(body["pictures"]["width"]).tolist() == [64, 64, 0]
    assert column(body["runs"][0]["state"]).tolist() == [1, 1, 2]
    assert len(thumbs()) == 2
    assert found.problems == ()


def test_links_lead_from_the_page_to_the_pictures(run: Path) -> None:
    made_runs.draw(Path("photos/odd #1%.png"))
    made_runs.classified(run, {"photos/odd #1%.png": CAT})
    made(run)
    assert data_of(Path("report"))["pictures"]["link"] == ["../photos/odd%20%231%25.png"]


def test_sizes_that_no_record_has_are_known_again_when_thumbnails_stay(run: Path) -> None:
    out = made_runs.similar(run.parent / "near", {"photos/a.png": {"photos/deep/b.png": 0.5, "photos/gone.png": 0.4}})
    for _ in range(2):
        assert [name for name, _ in made(out).problems] == ["photos/gone.png"]
        assert column(data_of(Path("report"))["pictures"]["width"]).tolist() == [64, 64, 0]


def test_thumbnails_are_made_once(run: Path) -> None:
    made(run)
    before = thumbs()
    made(run)
    assert thumbs() == before


def test_thumbnails_of_pictures_that_are_no_longer_wanted_go(run: Path) -> None:
    made(run)
    before = thumbs()
    made_runs.classified(run, {"photos/a.png": CAT})
    made(run)
    assert len(thumbs()) == 1
    assert thumbs().items() <= before.items()


def test_full_copies_lie_beside_the_page_and_go_when_they_are_not_asked_for(run: Path) -> None:
    made(run, full=True)
    assert sum(name.startswith("full/") for name in thumbs()) == 2
    assert data_of(Path("report"))["pictures"]["hasFull"] is True
    assert "link" not in data_of(Path("report"))["pictures"]
    made(run)
    assert not any(name.startswith("full/") for name in thumbs())


def test_a_picture_that_is_gone_is_told_of_and_its_record_stays(run: Path) -> None:
    os.unlink("photos/a.png")
    found = made(run)
    assert found.problems == (
        ("photos/a.png", "The picture is no longer where it was. --images DIR says where it is now."),
    )
    assert data_of(Path("report"))["pictures"]["thumb"][0] == ""


def test_one_file_holds_it_all(run: Path) -> None:
    found = made(run, single_file=True)
    assert found.page == Path("report.html")
    body = data_of(found.page)
    assert body["inside"] is True
    assert [bool(text) for text in body["pictures"]["thumb"]] == [True, True, False]
    assert not Path("report").exists()


def test_one_file_has_its_limit(run: Path) -> None:
    made_runs.classified(run, {f"{n}.png": CAT for n in range(MOST_IN_ONE_FILE + 1)})
    with pytest.raises(UsageError, match="at most 200"):
        made(run, single_file=True)


def test_the_archive_has_what_the_page_needs(run: Path) -> None:
    import zipfile

    found = made(run, zip=True)
    assert found.archive == Path("report.zip")
    with zipfile.ZipFile("report.zip") as archive:
        names = archive.namelist()
    assert {"report/index.html", "report/data.js"} < set(names)
    assert sum(name.endswith(".webp") for name in names) == 2


def test_results_are_never_written_over(run: Path) -> None:
    with pytest.raises(UsageError, match="folder of the results themselves"):
        build(Request((str(run),), run))
    Path("report").mkdir()
    Path("report/index.html").write_text("mine")
    with pytest.raises(OutputError, match="that vision did not write"):
        made(run)
    assert Path("report/index.html").read_text() == "mine"


def test_a_page_that_is_one_file_never_replaces_a_picture_of_its_own(run: Path) -> None:
    os.rename("photos/a.png", "photos/a.html")
    made_runs.classified(run, {"photos/a.html": CAT})
    with pytest.raises(UsageError, match="is an input of this run"):
        build(Request((str(run),), Path("photos/a.html"), single_file=True, how=NONE))


def test_two_runs_have_a_pair(run: Path) -> None:
    other = made_runs.classified(Path("other"), {"photos/a.png": [("dog", 2, 0.9), ("cat", 1, 0.1)]})
    build(Request((str(run), str(other)), Path("report"), how=NONE))
    (pair,) = data_of(Path("report"))["pairs"]
    apart = column(pair["apart"]).astype(float).round(4).tolist()
    assert apart[0] == 0.8
    assert apart[1] != apart[1]


def test_names_that_are_markup_are_only_text(run: Path) -> None:
    name = "photos/<img src=x onerror=alert(1)>.png"
    made_runs.draw(Path(name))
    made_runs.classified(run, {name: [("</script><b>", 1, 0.9)]})
    made(run)
    assert "<img" not in Path("report/data.js").read_text()
    assert "<b>" not in Path("report/data.js").read_text()


def test_progress_goes_to_the_number_of_pictures(run: Path) -> None:
    told: list[tuple[str, int, int]] = []
    made(run, progress=lambda *one: told.append(one))
    assert told == [("thumbnails", n, 3) for n in (1, 2, 3)]


@pytest.mark.parametrize("iou", [0.0, 1.5, float("nan")])
def test_an_impossible_overlap_is_refused(run: Path, iou: float) -> None:
    with pytest.raises(UsageError, match="--iou"):
        made(run, iou=iou)


@pytest.mark.parametrize(("scores", "least"), [((0.9, 0.5), 0.0), ((0.9, 0.1, 0.05), 0.4), ((), 0.0)])
def test_weak_boxes_are_hidden_at_first_where_they_are_many(
    tmp_path: Path, run: Path, scores: tuple[float, ...], least: float
) -> None:
    box = (1.0, 1.0, 9.0, 9.0)
    folder = made_runs.detected(tmp_path / "boxes", {"a.jpg": [("cat", 1, score, box) for score in scores]})
    made(folder)
    assert data_of(Path("report"))["least"] == least
