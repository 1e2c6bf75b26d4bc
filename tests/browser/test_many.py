"""Ten thousand pictures in a real browser: few of them are in the page at once, and choices still hold."""

import json
from pathlib import Path

import numpy as np
import pytest

import made_runs
from visioncli.evaluation.score import Resampling
from visioncli.report import thumbnails
from visioncli.report.build import Request, build
from visioncli.report.thumbnails import Small

from .conftest import Page

pytestmark = pytest.mark.browser
COUNT = 10_000
MOST_HEAP = 300e6


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs over ten thousand pictures that all look alike, with the truth of 45,000 objects."""
    folder = tmp_path_factory.mktemp("many")
    random = np.random.default_rng(0)
    one, other, truth = {}, {}, {}
    for n in range(COUNT):
        name = f"{n // 1000}/{n:05d}.png"
        corners = random.uniform(0, 30, (1 + n % 8, 2)).round(2).tolist()
        objects = [(1 + (n + k) % 20, (x, y, x + 12, y + 12)) for k, (x, y) in enumerate(corners)]
        truth[name] = objects
        one[name] = [(f"class {c}", c, round(0.3 + 0.05 * k, 3), box) for k, (c, box) in enumerate(objects) if k != 3]
        other[name] = [(f"class {c}", c, 0.9, box) for c, box in objects[:1]]
    runs = made_runs.detected(folder / "one", one), made_runs.detected(folder / "two", other)
    names = {c: f"class {c}" for c in range(1, 21)}
    path = made_runs.coco(folder / "truth.json", truth, names)
    thumb = thumbnails._made(thumbnails.Wanted("x", str(made_runs.draw(folder / "x.png"))), True, False, 10**8)
    with pytest.MonkeyPatch.context() as patch:
        # Decoding is tested elsewhere: here every picture has the same thumbnail.
        patch.setattr(thumbnails, "_made", lambda *args: Small(thumb.thumb, None, made_runs.SIZE))
        request = Request(tuple(map(str, runs)), folder / "report", str(path), how=Resampling(0))
        return build(request).page


def test_few_cards_are_in_the_page_and_the_last_one_can_be_reached(page: Page, many: Path) -> None:
    page.open(many)
    assert 10 < page.run("return V.grid.visible()") < 120
    page.run("document.querySelector('#grid').focus()")
    page.press("\ue010")
    page.settle()
    assert page.cards()[-1].endswith("09999.png")
    assert page.run("return V.grid.visible()") < 120
    page.run("const g = document.querySelector('#grid'); g.scrollTop = g.scrollHeight / 2")
    page.settle()
    page.settle()
    assert page.run("return document.querySelectorAll('#rows .card').length") < 120
    assert page.run("return document.querySelectorAll('#rows .card').length") > 10


def test_choices_and_orders_hold_for_all_of_them(page: Page, many: Path) -> None:
    page.open(many, "group=none")
    # What both runs miss is the fourth object, which half of all pictures and more have.
    assert len(page.shown()) == sum(1 + n % 8 >= 4 for n in range(COUNT))
    page.run("V.change({group: 'all', query: '/0123'})")
    assert len(page.shown()) == 10
    page.run("V.change({query: '', sort: 'errors', down: true})")
    assert page.run("return V.METRICS.errors.at(V.shown[0])") == 7
    page.run("V.change({sort: 'name', down: false})")
    assert page.shown()[0] == "9/09999.png"
    assert json.loads(page.run("return JSON.stringify(V.groupCounts(V.groups()).both)")) == COUNT


def test_the_memory_of_the_page_stays_small(page: Page, many: Path) -> None:
    page.open(many)
    page.run("for (const view of ['numbers', 'pictures']) V.change({view})")
    page.driver.execute_cdp_cmd("HeapProfiler.collectGarbage", {})
    assert page.run("return performance.memory.usedJSHeapSize") < MOST_HEAP
