"""Recordings in a report, in a real browser: their spectrograms are shown, and they are played."""

from pathlib import Path

import pytest

import made_runs
import tones
from visioncli.results import Record

from .conftest import Page, Report

pytestmark = pytest.mark.browser
pytest.importorskip("soundfile")


@pytest.fixture
def heard(tmp_path: Path) -> Path:
    records: list[Record] = []
    for n, name in enumerate(("sounds/low.wav", "sounds/high.wav")):
        tones.write(tmp_path / name, tones.tone(300.0 + 1500 * n, seconds=0.5 + n))
        found = made_runs.named([("low", 0, 0.9)])
        records.append(made_runs.record("classify", name, found, size=(None, None), seconds=0.5 + n, rate=8000))  # type: ignore[arg-type]
    return made_runs.write(tmp_path / "out", records)


@pytest.mark.parametrize(
    "how", [{}, {"full": True}, {"full": True, "single_file": True}], ids=["link", "copy", "in it"]
)
def test_a_recording_is_shown_by_its_spectrogram_and_played(
    page: Page, report: Report, heard: Path, how: dict[str, bool]
) -> None:
    page.open(report(heard, **how))
    page.until("return [...document.images].length === 2 && [...document.images].every((i) => i.naturalWidth > 60)")
    page.click(".card")
    player = "document.querySelector('#viewer audio')"
    page.until(f"return {player} && {player}.readyState >= 1")
    assert page.run(f"return {player}.duration") == pytest.approx(0.5, abs=0.01)
    page.run(f"{player}.muted = true; {player}.play()")
    page.until(f"return {player}.currentTime > 0")


def test_a_recording_that_is_gone_says_so(page: Page, report: Report, heard: Path, tmp_path: Path) -> None:
    made = report(heard)
    (tmp_path / "sounds" / "low.wav").unlink()
    page.expected += ["ERR_FILE_NOT_FOUND"]
    page.open(made)
    page.click(".card")
    page.until("return document.querySelector('#viewer .note').textContent.includes('not where it was')")


def test_pictures_have_no_player(page: Page, report: Report, tmp_path: Path) -> None:
    made_runs.draw(tmp_path / "a.png")
    page.open(report(made_runs.classified(tmp_path / "out", {"a.png": [("cat", 0, 0.9)]})))
    page.click(".card")
    page.until("return document.querySelector('#viewer img')")
    assert page.run("return document.querySelector('#viewer audio')") is None
