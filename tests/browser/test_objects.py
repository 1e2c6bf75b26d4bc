"""Boxes, masks, skeletons and heat in a real browser: drawn where they are, judged, and compared."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import made_runs
from visioncli.geometry.keypoints import NAMES
from visioncli.predictions import Caption, Explanation

from .conftest import Page, Report

pytestmark = pytest.mark.browser
Photos = Callable[[int], list[str]]
BOX = (8.0, 8.0, 40.0, 40.0)
INKED = """
const canvas = document.querySelectorAll('#rows .card')[arguments[0]].querySelector('canvas');
const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
let inked = 0;
for (let at = 3; at < data.length; at += 4) inked += data[at] > 0;
return inked / (canvas.width * canvas.height);
"""
DOT = """
const canvas = document.querySelectorAll('#rows .card')[0].querySelector('canvas');
const [x, y] = [arguments[0] / 64 * canvas.width, arguments[1] / 48 * canvas.height];
return Array.from(canvas.getContext('2d').getImageData(Math.floor(x), Math.floor(y), 1, 1).data);
"""


@pytest.fixture
def two(report: Report, photos: Photos, tmp_path: Path) -> Path:
    """Of three pictures with one cat each, the first run finds those in 0 and 1, the other those in 1 and 2."""
    names = photos(3)
    truth = made_runs.coco(tmp_path / "truth.json", {name: [(1, BOX)] for name in names}, {1: "cat", 2: "dog"})
    cat, dog = ("cat", 1, 0.9, BOX), ("dog", 2, 0.3, (44.0, 2.0, 60.0, 20.0))
    one = {names[0]: [cat, dog], names[1]: [("cat", 1, 0.5, BOX)], names[2]: []}
    other = {names[0]: [], names[1]: [cat], names[2]: [cat]}
    folders = made_runs.detected(tmp_path / "one", one), made_runs.detected(tmp_path / "two", other)
    return report(*folders, truth=truth)


def numbers(page: Page) -> list[list[int]]:
    """Found, missed and false of each picture of the first run."""
    found: list[list[int]] = page.run(
        "const o = V.outcome[0]; return [0, 1, 2].map((n) => [o.hits[n], o.missed[n], o.wrong[n]])"
    )
    return found


def test_the_least_score_acts_on_all_pictures_at_once(page: Page, two: Path) -> None:
    page.open(two)
    assert numbers(page) == [[1, 0, 1], [1, 0, 0], [0, 1, 0]]
    page.run("V.change({least: 0.4})")
    assert numbers(page) == [[1, 0, 0], [1, 0, 0], [0, 1, 0]]
    page.press("]", "]", "]", "]")
    assert page.run("return V.state.least") == pytest.approx(0.6)
    assert numbers(page) == [[1, 0, 0], [0, 1, 0], [0, 1, 0]]


def test_tabs_tell_which_run_found_what(page: Page, two: Path) -> None:
    page.open(two)
    tabs = page.run(
        "return [...document.querySelectorAll('.tabs button')].map((b) => b.innerText.replace(/\\s+/g, ' '))"
    )
    assert tabs == ["All 3", "Found by both 1", "Only by A 1", "Only by B 1", "By none 0"]
    page.press("3")
    page.settle()
    assert [name[-7:-4] for name in page.shown()] == ["000"]


def test_what_became_of_objects_chooses_pictures(page: Page, two: Path) -> None:
    page.open(two)
    page.click("[data-key='fate 6']")
    page.settle()
    assert [name[-7:-4] for name in page.shown()] == ["000"]


def test_boxes_are_drawn_over_the_picture_and_space_takes_them_away(page: Page, two: Path) -> None:
    page.open(two, "layers=A")
    assert 0.02 < page.run(INKED, 0) < 0.6
    assert page.run(INKED, 2) == 0
    assert page.run(DOT, 24, 24)[3] == 0
    page.press(" ")
    page.settle()
    assert page.run(INKED, 0) == 0
    assert "bare=1" in page.run("return location.hash")


def test_switches_of_classes_act_on_what_is_drawn_and_counted(page: Page, two: Path) -> None:
    page.open(two, "layers=A")
    both = page.run(INKED, 0)
    page.open(two, "layers=A&class=dog")
    assert 0 < page.run(INKED, 0) < both
    assert numbers(page) == [[0, 0, 1], [0, 0, 0], [0, 0, 0]]


def test_a_cell_of_the_confusion_table_opens_its_pictures(page: Page, two: Path) -> None:
    page.open(two, "view=numbers")
    page.click(".matrix td.miss button")
    page.settle()
    assert page.run("return V.state.view") == "pictures"
    assert page.run("return document.querySelector('.chip').textContent").startswith("A: cat → missed")
    assert [name[-7:-4] for name in page.shown()] == ["002"]


def test_counts_of_the_page_are_those_of_the_report(page: Page, two: Path) -> None:
    page.open(two)
    found = page.run("return V.operatingPoints(0, -1).pop()")
    told = {one["name"]: one["values"][0][0] for one in page.run("return V.data.truth.numbers")}
    assert found["precision"] == pytest.approx(told["precision"], abs=1e-5)
    assert found["recall"] == pytest.approx(told["recall"], abs=1e-5)
    cells = page.run("return V.confusions(0)")
    assert sum(one["count"] for one in cells if one["truly"] == one["predicted"]) == 2


def test_a_point_of_the_curve_is_a_least_score(page: Page, two: Path) -> None:
    page.open(two, "view=numbers")
    page.run(
        "const s = document.querySelector('svg.active'), b = s.getBoundingClientRect();"
        "s.dispatchEvent(new MouseEvent('click', {clientX: b.left + 0.4 * b.width, clientY: b.top + 20}))"
    )
    page.settle()
    assert page.run("return [V.state.view, V.state.least]") == ["pictures", pytest.approx(0.9, abs=1e-3)]


def test_masks_are_decoded_as_the_coco_api_does_it(
    page: Page, report: Report, photos: Photos, tmp_path: Path
) -> None:
    names = photos(6)
    random = np.random.default_rng(5)
    insides = [random.random((48, 64)) > share for share in (0.5, 0.02, 0.98, -1, 2)] + [np.eye(48, 64, dtype=bool)]
    records = [
        made_runs.record("segment", name, [made_runs.segment("cat", 1, inside)])
        for name, inside in zip(names, insides, strict=True)
    ]
    page.open(report(made_runs.write(tmp_path / "out", records)))
    for n, inside in enumerate(insides):
        runs = page.run("return V.runLengths(V.data.runs[0].objects.mask[arguments[0]][2])", n)
        flat = np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(64, 48).T
        np.testing.assert_array_equal(flat, inside)
    assert page.run(INKED, 3) == 1
    assert page.run(INKED, 4) == 0


def test_label_maps_are_right_from_a_mean_iou_on(page: Page, report: Report, photos: Photos, tmp_path: Path) -> None:
    names = photos(2)
    left = np.zeros((48, 64), np.uint8)
    left[:, :32] = 1
    records = []
    for name, predicted in zip(names, (left, np.zeros_like(left)), strict=True):
        short = name.rpartition("/")[2]
        made = tmp_path / "out" / f"{short}.mask.png"
        truth = tmp_path / "masks" / short
        for path, values in ((made, predicted), (truth, left)):
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(values).save(path)
        found = [made_runs.segment("cat", 1, predicted == 1)] if predicted.any() else []
        records.append(made_runs.record("segment", name, found, files={"mask": str(made)}))
    folder = made_runs.write(tmp_path / "out", records)
    found = report(folder, truth=tmp_path / "masks")
    page.open(found, "group=wrong")
    assert page.cards() == ["✗ background 0.25 001.png"]
    page.click("#views button", "Numbers")
    assert "mean IoU" in page.run("return document.querySelector('#numbers').innerText")
    page.open(found, "layers=truth&opacity=1")
    assert page.run(DOT, 8, 24)[3] == 255
    assert page.run(DOT, 50, 24)[3] == 0
    page.click(".card")
    assert "IoU 1.00" in page.run("return document.querySelector('#viewer').innerText")


def test_captions_are_read_below_their_pictures_and_found_by_their_words(
    page: Page, report: Report, photos: Photos, tmp_path: Path
) -> None:
    names = photos(2)
    said = ("A cat on a mat.", "A dog in a park.")
    records = [made_runs.record("caption", name, [Caption(text)]) for name, text in zip(names, said, strict=True)]
    page.open(report(made_runs.write(tmp_path / "out", records)))
    assert page.cards()[0].startswith("A cat on a mat.")
    page.type("#query", "park")
    page.settle()
    assert page.shown() == [names[1]]


def test_opacity_acts_on_masks(page: Page, report: Report, photos: Photos, tmp_path: Path) -> None:
    (name,) = photos(1)
    one = made_runs.segment("cat", 1, np.ones((48, 64), bool))
    found = report(made_runs.write(tmp_path / "out", [made_runs.record("segment", name, [one])]))
    for opacity in (0.2, 0.9):
        page.open(found, f"opacity={opacity}")
        assert page.run(DOT, 30, 30)[3] == pytest.approx(255 * opacity, abs=2)


def test_skeletons_are_drawn_where_the_joints_are(page: Page, report: Report, photos: Photos, tmp_path: Path) -> None:
    (name,) = photos(1)
    at = [(32.0, 24.0)] * 17
    one = made_runs.person(0.9, (2, 2, 62, 46), at, NAMES)
    page.open(report(made_runs.write(tmp_path / "out", [made_runs.record("pose", name, [one])])))
    assert page.run(DOT, 32, 24)[3] == 255
    assert page.run(DOT, 50, 12)[3] == 0


def test_heat_is_drawn_in_its_colours(page: Page, report: Report, photos: Photos, tmp_path: Path) -> None:
    (name,) = photos(1)
    values = np.zeros((48, 64), np.float32)
    values[:, 32:] = 1
    (tmp_path / "out").mkdir()
    np.save(tmp_path / "out" / "x.map.npy", values)
    one = Explanation("cat", 1, 0.9, "net", "gradcam", "conv", (60.0, 2.0), (58.0, 1.0, 63.0, 4.0), 0.5)
    record = made_runs.record("gradcam", name, [one], files={"map": str(tmp_path / "out" / "x.map.npy")})
    page.open(report(made_runs.write(tmp_path / "out", [record])), "opacity=1")
    cold, hot = page.run(DOT, 8, 24), page.run(DOT, 50, 24)
    assert sum(cold[:3]) < 30
    assert hot[:3] == pytest.approx([252, 255, 164], abs=6)


def test_the_page_opens_without_the_many_weak_boxes_and_its_address_can_ask_for_them(
    page: Page, report: Report, photos: Photos, tmp_path: Path
) -> None:
    (name,) = photos(1)
    boxes = [("cat", 1, score, BOX) for score in (0.9, 0.1, 0.05)]
    address = report(made_runs.detected(tmp_path / "weak", {name: boxes}))
    page.open(address)
    assert page.run("return V.state.least") == pytest.approx(0.4)
    page.open(address, "least=0")
    assert page.run("return V.state.least") == 0
