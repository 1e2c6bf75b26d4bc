"""Whole commands on pages and frames."""

from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Ended, make_picture

Vision = Callable[..., Ended]
KINDS = ["a.tif", "a.gif", pytest.param("a.pdf", marks=pytest.mark.pdf)]


def made(path: Path, count: int = 3) -> None:
    images = [make_picture(n) for n in range(count)]
    images[0].save(path, save_all=True, append_images=images[1:])


@pytest.mark.parametrize("kind", KINDS)
def test_each_page_has_a_record_and_results_of_its_own(kind: str, vision: Vision, tmp_path: Path) -> None:
    made(tmp_path / kind)
    ended = vision("classify", kind, "-o", "out", "--pages", "all", "--report")
    assert ended.status == 0
    assert [r["input"] for r in ended.records] == [f"{kind}#page={n}" for n in (1, 2, 3)]
    assert len({str(r["predictions"]) for r in ended.records}) == 3
    found = sorted(p.name for p in (tmp_path / "out" / kind).iterdir())
    assert found == [f"page-{n:05d}.classify.jpg" for n in (1, 2, 3)]
    assert "3 taken from an earlier run" in vision("classify", kind, "-o", "out", "--pages", "all", "--resume").err


@pytest.mark.parametrize("kind", ["a.tif", "a.gif"])
def test_the_first_page_answers_as_the_file_does(kind: str, vision: Vision, tmp_path: Path) -> None:
    made(tmp_path / kind)
    (whole,) = vision("detect", kind, "-o", "-").records
    (first,) = vision("detect", kind, "-o", "-", "--pages", "1").records
    (named,) = vision("detect", f"{kind}#page=1", "-o", "-").records
    assert whole["predictions"] == first["predictions"] == named["predictions"]
    assert (whole["width"], whole["height"]) == (first["width"], first["height"])


@pytest.mark.parametrize("task", ["embed", "dedupe", "segment"])
def test_other_tasks_take_pages_too(task: str, vision: Vision, tmp_path: Path) -> None:
    made(tmp_path / "a.tif")
    ended = vision(task, "a.tif", "-o", "out", "--pages", "2-3")
    assert ended.status == 0
    assert [r["input"] for r in ended.records] == ["a.tif#page=2", "a.tif#page=3"]


@pytest.mark.pdf
def test_the_resolution_of_a_pdf_is_part_of_what_is_resumed(vision: Vision, tmp_path: Path) -> None:
    made(tmp_path / "a.pdf")
    (one,) = vision("classify", "a.pdf", "-o", "out", "--dpi", "72").records
    (two,) = vision("classify", "a.pdf", "-o", "out", "--dpi", "144", "--resume").records
    assert (two["width"], two["height"]) == (2 * one["width"], 2 * one["height"])


def test_impossible_pages_are_wrong_usage(vision: Vision, tmp_path: Path) -> None:
    made(tmp_path / "a.tif")
    ended = vision("classify", "a.tif", "--pages", "3-1")
    assert ended.status == 2
    assert "--pages 3-1" in ended.err
