"""Pages of pictures that look alike, in a real browser."""

from collections.abc import Callable
from pathlib import Path

import pytest

import made_runs

from .conftest import Page, Report

pytestmark = pytest.mark.browser
Photos = Callable[[int], list[str]]
MARKED = "return new TextDecoder().decode(V.markList())"


@pytest.fixture
def near(report: Report, photos: Photos, tmp_path: Path) -> Path:
    a, b, c, d = photos(4)
    return report(
        made_runs.similar(tmp_path / "out", {a: {c: 0.8, d: 0.3}, b: {d: 0.9, c: 0.5}}, ["photos/gone.png"])
    )


def test_queries_are_followed_by_their_neighbours_and_can_be_chosen(page: Page, near: Path) -> None:
    page.open(near)
    assert page.cards()[:4] == [
        "query 000.png",
        "like 000.png 0.80 002.png",
        "like 000.png 0.30 003.png",
        "query 001.png",
    ]
    page.until("return [...document.images].every((image) => image.complete && image.naturalWidth === 64)")
    page.click("#side button", "like 001.png")
    page.settle()
    assert page.cards() == ["query 001.png", "like 001.png 0.90 003.png", "like 001.png 0.50 002.png"]
    page.open(near, "sort=score")
    assert page.run("return V.shown.slice(0, 4).map((n) => V.outcome[0].top[n].toFixed(1))") == [
        "0.9",
        "0.8",
        "0.5",
        "0.3",
    ]
    page.open(near, "view=numbers")
    assert "2 queries with the nearest pictures" in page.run("return V.at('numbers').innerText")
    page.open(near, "view=failures")
    assert "photos/gone.png" in page.run("return V.at('failures').innerText")


def test_a_picture_that_is_near_to_two_queries_is_marked_once(page: Page, near: Path) -> None:
    page.open(near)
    page.press("j", "j", "x")
    page.until("return document.querySelectorAll('.card.marked').length === 2")
    assert page.run(MARKED) == "photos/odd/003.png\n"
    page.open(near)
    assert page.run("return V.markedNames()") == ["photos/odd/003.png"]
    page.press("j", "j", "x")
    page.until("return document.querySelectorAll('.card.marked').length === 0")


def test_a_view_that_is_sent_opens_the_picture_beside_the_same_query(page: Page, near: Path) -> None:
    page.open(near)
    page.click(".card", "like 001.png")
    page.until("return V.state.open === 4")
    sent = page.run("return location.hash.slice(1)")
    page.open(near, sent)
    assert page.run("return V.state.open") == 4
    assert "like 001.png" in page.run("return V.at('viewer').innerText")


def test_duplicates_are_marked_all_at_once_and_those_to_keep_are_not(
    page: Page, report: Report, photos: Photos, tmp_path: Path
) -> None:
    a, b, c, d = photos(4)
    groups = {a: (1, b, "resized", 0.9996), b: (1, b, "kept", 1.0), c: None, d: (1, b, "altered", 0.98)}
    page.open(report(made_runs.deduped(tmp_path / "out", groups)))
    assert page.cards() == ["kept, group 1 001.png", "resized, group 1 1.00 000.png", "altered, group 1 0.98 003.png"]
    assert page.run(MARKED) == ""
    assert page.run("return [...V.METRICS.score.column()].map((v) => v.toFixed(4))") == ["NaN", "0.9996", "0.9800"]
    for kind in ("resized", "altered"):
        page.click("#side button", kind)
        page.settle()
    page.run("V.at('grid').focus()")
    page.press("X")
    page.until("return document.querySelectorAll('.card.marked').length === 2")
    assert page.run(MARKED) == f"{a}\n{d}\n"
    page.click(".card", "003.png")
    assert f"of {b}" in page.until("return V.at('viewer').querySelector('.answers')").text
