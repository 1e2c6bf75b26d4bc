import base64
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from made_generators import generator_run, samples
from visioncli.errors import InputError, UsageError
from visioncli.report.build import Request, build
from visioncli.report.samples import looks_of


def run_of(folder: Path, **how: Any) -> Path:
    generator_run(folder)
    return samples(folder, **how)


def data_of(page: Path) -> dict[str, Any]:
    text = (page.parent / "data.js").read_text()
    found: dict[str, Any] = json.loads(text[text.index("{") : text.rindex("}") + 1])
    return found


def test_a_page_has_each_sheet_in_order_with_its_numbers(tmp_path: Path) -> None:
    made = build(Request((str(run_of(tmp_path / "run")),), tmp_path / "page"))
    assert made.page == tmp_path / "page" / "index.html"
    assert made.pictures == 3
    (run,) = data_of(made.page)["runs"]
    assert run["name"] == "run"
    assert [(look["epoch"], look["step"]) for look in run["looks"]] == [(1, 5), (2, 10), (3, 15)]
    assert run["looks"][1]["numbers"] == {"generator_loss": 1.5, "distance": 0.25, "recall": 0.25}
    for look, path in zip(run["looks"], sorted((tmp_path / "run" / "samples").iterdir()), strict=True):
        assert (tmp_path / "page" / look["file"]).read_bytes() == path.read_bytes()


def test_the_page_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    made = build(Request((str(run_of(tmp_path / "run")),), tmp_path / "page"))
    text = made.page.read_text()
    assert "default-src 'none'; script-src 'self'" in text
    assert "http:" not in text and "https:" not in text
    for name in ("page/samples.css", "page/samples.js", "data.js"):
        assert name in text
        assert (tmp_path / "page" / name).is_file()


def test_runs_stand_beside_each_other_and_a_title_above(tmp_path: Path) -> None:
    runs = tuple(str(run_of(tmp_path / name)) for name in ("a", "b"))
    made = build(Request(runs, tmp_path / "page", title="Mine"))
    data = data_of(made.page)
    assert data["title"] == "Mine"
    assert [run["name"] for run in data["runs"]] == ["a", "b"]
    assert len({look["file"] for run in data["runs"] for look in run["looks"]}) == 6


def test_one_file_holds_everything(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run")
    made = build(Request((str(run),), tmp_path / "page.html", single_file=True))
    text = made.page.read_text()
    first = base64.b64encode(next((run / "samples").glob("*05.png")).read_bytes()).decode()
    assert f"data:image/png;base64,{first}" in text
    assert "samples.js" not in text
    assert not (tmp_path / "page").exists()


def test_an_archive_holds_the_page(tmp_path: Path) -> None:
    made = build(Request((str(run_of(tmp_path / "run")),), tmp_path / "page", zip=True))
    assert made.archive is not None
    with zipfile.ZipFile(made.archive) as archive:
        names = {name.removeprefix("page/") for name in archive.namelist()}
    assert names >= {"index.html", "data.js", "page/samples.js", "sheets/0/0000005.png"}


def test_a_page_made_again_forgets_sheets_that_are_gone(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run")
    build(Request((str(run),), tmp_path / "page"))
    samples(run, steps=(5,))
    build(Request((str(run),), tmp_path / "page"))
    assert [path.name for path in (tmp_path / "page" / "sheets" / "0").iterdir()] == ["0000005.png"]


def test_what_cannot_be_shown_is_a_sentence(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run")
    (tmp_path / "other").mkdir()
    with pytest.raises(UsageError, match="no run that learned to make pictures"):
        build(Request((str(run), str(tmp_path / "other")), tmp_path / "page"))
    with pytest.raises(UsageError, match="at most 3"):
        build(Request((str(run),) * 4, tmp_path / "page"))
    with pytest.raises(UsageError, match="folder of the run itself"):
        build(Request((str(run),), run))
    for path in (run / "samples").iterdir():
        path.unlink()
    with pytest.raises(InputError, match="made no samples yet"):
        looks_of(run)
    (run / "log.jsonl").write_text('{"event": "epoch", "step": "some", "epoch": 1}')
    with pytest.raises(InputError, match="cannot be read"):
        looks_of(run)
    (run / "log.jsonl").write_text("no JSON")
    with pytest.raises(InputError, match="cannot be read"):
        looks_of(run)
