"""The pictures of a report in a real browser: what is shown, chosen, sorted, opened and marked."""

from collections.abc import Callable
from pathlib import Path

import pytest

import made_runs

from .conftest import Page, Report

pytestmark = pytest.mark.browser
Photos = Callable[[int], list[str]]


def answers(names: list[str]) -> dict[str, list[tuple[str, int, float]]]:
    """The n-th picture is a cat with a score of .51, .53, …; every third one a dog."""
    return {
        name: [("dog" if n % 3 == 0 else "cat", int(n % 3 == 0), 0.51 + 0.02 * n), ("cow", 5, 0.1)]
        for n, name in enumerate(names)
    }


@pytest.fixture
def plain(report: Report, photos: Photos, tmp_path: Path) -> Path:
    return report(made_runs.classified(tmp_path / "out", answers(photos(12))))


@pytest.fixture
def judged(report: Report, photos: Photos, tmp_path: Path) -> Path:
    names = photos(12)
    truth = made_runs.table(tmp_path / "truth.csv", {n: "dog" if k < 6 else "cat" for k, n in enumerate(names)})
    return report(made_runs.classified(tmp_path / "out", answers(names)), truth=truth)


def test_every_picture_is_shown_with_its_answer(page: Page, plain: Path) -> None:
    page.open(plain)
    assert len(page.cards()) == 12
    assert page.cards()[1].split() == ["cat", "0.53", "001.png"]
    page.until("return [...document.images].every((image) => image.complete && image.naturalWidth === 64)")
    assert page.run("return document.title") == "out · vision report"


def test_the_policy_of_the_page_refuses_every_connection(page: Page, plain: Path) -> None:
    page.expected += [
        "violates the following Content Security Policy",
        "violates the document's Content Security Policy",
    ]
    page.open(plain)
    for attempt in (
        "fetch('http://127.0.0.1:9/x').then(() => done('went out'), () => done('refused'))",
        "const i = new Image(); i.onload = i.onerror = () => {}; i.src = 'http://127.0.0.1:9/x.png';"
        "addEventListener('securitypolicyviolation', () => done('refused'), {once: true})",
        "const s = document.createElement('script'); s.textContent = 'window.ran = 1'; document.body.append(s);"
        "setTimeout(() => done(window.ran ? 'ran' : 'refused'), 50)",
    ):
        assert page.driver.execute_async_script(f"const done = arguments[0]; {attempt}") == "refused"


def test_names_and_labels_that_are_markup_are_text(page: Page, report: Report, tmp_path: Path) -> None:
    name, label = "<img src=x onerror=alert(1)>.png", "<b onclick=x>'\"&amp;</script>"
    made_runs.draw(tmp_path / name)
    made_runs.write(
        tmp_path / "out",
        [
            made_runs.record("classify", name, made_runs.named([(label, 1, 0.9)])),
            made_runs.failed("classify", "gone", "<i>message</i>"),
        ],
    )
    found = report(tmp_path / "out", title="<title>")
    page.open(found)
    assert page.cards()[0] == f"{label} 0.90 {name}"
    page.click(".card")
    assert page.run("return document.querySelector('#viewer code').textContent") == name
    page.press("\ue00c")
    page.until("return V.state.open < 0")
    page.press("f")
    assert "<i>message</i>" in page.run("return document.querySelector('#failures').innerText")
    assert (
        page.run("return document.querySelectorAll('main b, main i:not(.swatch), img[onerror], h1 title').length")
        == 0
    )


def test_words_in_the_search_choose_pictures_and_stay_in_the_address(page: Page, plain: Path) -> None:
    page.open(plain)
    page.press("/")
    page.type("#query", "odd/00")
    page.settle()
    assert page.shown() == [f"photos/odd/{n:03d}.png" for n in (1, 3, 5, 7, 9)]
    assert page.run("return document.querySelector('#count').textContent") == "5 of 12 pictures"
    address = page.run("return location.hash")
    page.open(plain, address[1:])
    assert len(page.shown()) == 5
    assert page.run("return document.querySelector('#query').value") == "odd/00"


def test_a_class_and_a_folder_choose_pictures_and_count_each_other(page: Page, plain: Path) -> None:
    page.open(plain)
    page.click("[data-key^=class]", "dog")
    page.settle()
    assert [int(name[-7:-4]) for name in page.shown()] == [0, 3, 6, 9]
    assert page.until("return document.querySelector('[data-key$=\"even/\"] .number').textContent") == "2"
    page.click("[data-key$='even/']")
    page.settle()
    assert [int(name[-7:-4]) for name in page.shown()] == [0, 6]
    page.click(".chip", "dog")
    page.settle()
    assert len(page.shown()) == 6


def test_a_bar_of_the_histogram_chooses_its_pictures(page: Page, plain: Path) -> None:
    page.open(plain)
    page.run("document.querySelectorAll('#side .bin')[14].focus()")
    page.press("\ue007")
    page.settle()
    assert [int(name[-7:-4]) for name in page.shown()] == [10, 11]


def test_a_choice_that_nothing_meets_says_so_and_can_be_taken_back(page: Page, plain: Path) -> None:
    page.open(plain, "q=nothing+like+it")
    assert page.run("return document.querySelector('#nothing').innerText").startswith("No picture meets all")
    page.click("#nothing button")
    assert len(page.shown()) == 12


def test_pictures_are_put_in_order(page: Page, judged: Path) -> None:
    page.open(judged)
    page.run("const s = document.querySelector('#sort'); s.value = 'score'; s.dispatchEvent(new Event('change'))")
    assert [int(name[-7:-4]) for name in page.shown()] == list(range(12))
    page.click("#turn")
    assert [int(name[-7:-4]) for name in page.shown()] == list(range(11, -1, -1))
    page.run("V.change({sort: 'loss', down: true})")
    worst = page.shown()[0]
    losses = page.run("return Array.from(V.data.runs[0].loss)")
    assert worst == page.run("return V.named(arguments[0])", losses.index(max(losses)))


def test_right_and_wrong_are_tabs_and_the_truth_stands_below_what_is_wrong(page: Page, judged: Path) -> None:
    page.open(judged)
    tabs = page.run(
        "return [...document.querySelectorAll('.tabs button')].map((b) => b.innerText.replace(/\\s+/g, ' '))"
    )
    assert tabs == ["All 12", "Wrong 6", "Right 6"]
    page.press("2")
    page.settle()
    assert [int(name[-7:-4]) for name in page.shown()] == [1, 2, 4, 5, 6, 9]
    assert page.cards()[0] == "✗ cat 0.53 is dog"


def test_the_viewer_opens_moves_and_closes_by_keys(page: Page, judged: Path) -> None:
    page.open(judged)
    page.run("document.querySelector('#grid').focus()")
    page.press("\ue014", "\ue014", "\ue007")
    assert page.run("return document.querySelector('#viewer h2').textContent") == "002.png"
    assert "open=photos%2Feven%2F002.png" in page.run("return location.hash")
    page.press("j", "j", "k")
    assert page.run("return document.querySelector('#viewer h2').textContent") == "003.png"
    assert "right" in page.run("return document.querySelector('#viewer .verdict').innerText")
    page.press("\ue00c")
    page.until("return !document.querySelector('#viewer').open")
    assert page.run("return document.querySelector('.card.here').innerText").count("003.png") == 1


def test_the_viewer_shows_the_picture_itself_and_says_where_it_is_only_the_thumbnail(
    page: Page, plain: Path, tmp_path: Path
) -> None:
    page.open(plain, "open=photos/even/000.png")
    page.until("return document.querySelector('#viewer img').src.endsWith('photos/even/000.png')")
    (tmp_path / "photos").rename(tmp_path / "moved")
    page.expected += ["net::ERR_FILE_NOT_FOUND"]
    page.open(plain, "open=photos/even/002.png")
    note = page.until("return document.querySelector('#viewer .note').textContent")
    assert note.startswith("This is the thumbnail, enlarged")
    assert page.run("return document.querySelector('#viewer img').naturalWidth") == 64


def test_marks_become_a_list_of_paths(page: Page, report: Report, tmp_path: Path) -> None:
    names = ["photos/a b.png", "photos/ü.png", "photos/c.png"]
    for name in names:
        made_runs.draw(tmp_path / name)
    page.open(report(made_runs.classified(tmp_path / "out", answers(names))))
    page.run("localStorage.clear(); document.querySelector('#grid').focus()")
    page.press("x", "\ue014", "x", "\ue014", "x", "x")
    assert page.run("return document.querySelector('.marks').innerText").startswith("2 marked")
    (tmp_path / "saved").mkdir()
    where = {"behavior": "allow", "downloadPath": str(tmp_path / "saved")}
    page.driver.execute_cdp_cmd("Browser.setDownloadBehavior", where)
    page.click("#export")
    saved = tmp_path / "saved" / "marked.txt"
    page.until("return document.querySelector('#say').textContent.startsWith('marked.txt')")
    for _ in range(200):
        if saved.is_file():
            break
        page.settle()
    assert saved.read_text() == "photos/a b.png\nphotos/ü.png\n"
    page.press("m")
    assert page.shown() == names[:2]


def test_names_that_are_no_utf_8_or_have_line_ends_are_listed_as_the_disk_has_them(
    page: Page, report: Report, tmp_path: Path
) -> None:
    import os

    names = [os.fsdecode(b"photos/\xff.png"), "photos/two\nlines.png"]
    for name in names:
        made_runs.draw(tmp_path / name)
    page.open(report(made_runs.classified(tmp_path / "out", answers(names))))
    found = page.run("localStorage.clear(); V.mark(0); V.mark(1); return Array.from(V.markList())")
    assert bytes(found) == b"photos/\xff.png\0photos/two\nlines.png\0"


def test_failures_are_all_there_with_their_sentences(
    page: Page, report: Report, photos: Photos, tmp_path: Path
) -> None:
    (name,) = photos(1)
    records = [made_runs.record("classify", name, made_runs.named([("cat", 1, 0.9)]))]
    records += [made_runs.failed("classify", f"{n}.png", f"Sentence {n}.") for n in range(3)]
    page.open(report(made_runs.write(tmp_path / "out", records)))
    page.click("#views button", "Failures")
    text = page.run("return document.querySelector('#failures').innerText")
    assert all(f"Sentence {n}." in text for n in range(3))
    assert text.startswith("3 failures")
    page.click("#failures .link", "1.png")
    assert "Sentence 1." in page.run("return document.querySelector('#viewer').innerText")


def test_a_page_that_is_one_file_works_alone(page: Page, report: Report, photos: Photos, tmp_path: Path) -> None:
    single = report(made_runs.classified(tmp_path / "out", answers(photos(3))), single_file=True)
    alone = tmp_path / "alone" / "page.html"
    alone.parent.mkdir()
    single.rename(alone)
    page.open(alone)
    assert len(page.cards()) == 3
    page.until("return [...document.images].every((image) => image.naturalWidth === 64)")
    page.press("\ue007")


def test_light_and_dark_follow_the_system_until_somebody_chooses(page: Page, plain: Path) -> None:
    page.open(plain)
    page.run("localStorage.clear()")
    colour = "return getComputedStyle(document.body).backgroundColor"
    found = {}
    for value in ("dark", "light"):
        media = {"features": [{"name": "prefers-color-scheme", "value": value}]}
        page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        found[value] = page.run(colour)
    assert found["dark"] != found["light"]
    page.press("t")
    assert page.run(colour) == found["dark"]
    page.open(plain)
    assert page.run(colour) == found["dark"]
    page.run("localStorage.clear()")


def test_a_narrow_page_folds_its_filters_away_and_never_scrolls_sideways(page: Page, judged: Path) -> None:
    page.open(judged, width=390, height=800)
    assert page.run("return getComputedStyle(document.querySelector('#side')).display") == "none"
    page.click("#filters")
    assert page.run("return getComputedStyle(document.querySelector('#side')).display") == "block"
    for view in ("pictures", "numbers", "failures"):
        page.run("V.change({view: arguments[0]})", view)
        assert page.run("return document.documentElement.scrollWidth") <= 390


def test_on_paper_all_pictures_stand_one_after_the_other(page: Page, plain: Path) -> None:
    page.open(plain)
    page.run("dispatchEvent(new Event('beforeprint'))")
    assert page.run("return document.querySelectorAll('#print .card').length") == 12
    assert len(page.driver.execute_cdp_cmd("Page.printToPDF", {})["data"]) > 1000
    page.run("dispatchEvent(new Event('afterprint'))")
    assert page.run("return document.querySelectorAll('#print .card').length") == 0


def test_the_list_of_keys_names_those_that_do_something(page: Page, plain: Path) -> None:
    page.open(plain)
    page.press("?")
    assert page.run("return document.querySelector('#keys').open")
    assert "overlay on or off" in page.run("return document.querySelector('#keys').innerText")
    page.press("\ue00c")
    page.until("return !document.querySelector('#keys').open")


def test_a_view_that_is_sent_to_the_page_replaces_the_one_that_it_has(page: Page, plain: Path) -> None:
    page.open(plain, "class=dog")
    assert len(page.shown()) == 4
    page.run("location.hash = 'q=001&nonsense=1&range=score:x:y&open=nobody&pair=7'")
    page.until("return V.shown.length === 1")
