"""What a generator made on the way, in a real browser: the slider moves through the epochs."""

from pathlib import Path

import pytest

from made_generators import generator_run, samples

from .conftest import Page, Report

pytestmark = pytest.mark.browser

SHOWN = "[...document.images].map((i) => i.src.split('/').pop())"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    generator_run(tmp_path / "run")
    return samples(tmp_path / "run")


def move(page: Page, place: int) -> None:
    script = "const s = document.querySelector('#look'); s.value = arguments[0]; s.dispatchEvent(new Event('input'))"
    page.run(script, place)


def test_the_slider_shows_each_epoch_and_its_numbers(page: Page, report: Report, run: Path) -> None:
    page.open(report(run))
    page.until("return [...document.images].every((i) => i.naturalWidth === 60)")
    assert page.run(f"return {SHOWN}") == ["0000015.png"]
    for place, (name, epoch) in enumerate([("0000005.png", "1"), ("0000010.png", "2"), ("0000015.png", "3")]):
        move(page, place)
        assert page.run(f"return {SHOWN}") == [name]
        assert page.run("return document.querySelector('#epoch').textContent") == f"epoch {epoch}"
        numbers = page.run("return [...document.querySelectorAll('dd')].map((d) => d.textContent)")
        assert numbers[0] == epoch
        assert f"{0.25 * place:.3f}" in numbers or str(0) in numbers
    assert page.run("return document.querySelectorAll('svg path').length") == 3


def test_a_link_opens_the_epoch_that_was_shown(page: Page, report: Report, run: Path) -> None:
    path = report(run)
    page.open(path)
    move(page, 1)
    assert page.run("return location.hash") == "#look=1"
    page.open(path, "look=0")
    assert page.run(f"return {SHOWN}") == ["0000005.png"]


def test_it_plays_from_the_first_to_the_last(page: Page, report: Report, run: Path) -> None:
    page.open(report(run))
    page.click("#play")
    assert page.run(f"return {SHOWN}") == ["0000005.png"]
    page.until(f"return {SHOWN}[0] === '0000015.png'")
    page.until("return document.querySelector('#play').textContent === '▶'")


def test_one_file_works_by_itself(page: Page, report: Report, run: Path) -> None:
    page.open(report(run, single_file=True))
    page.until("return [...document.images].every((i) => i.naturalWidth === 60)")
    move(page, 0)
    assert page.run("return document.images[0].src.startsWith('data:image/png')")
