"""Contact sheets as files of their input."""

from pathlib import Path

from PIL import Image

from conftest import make_picture
from visioncli.inputs.sources import Item
from visioncli.results import Record
from visioncli.runner import Outcome
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.sheets import MOST, SheetSink


def outcome(path: Path) -> Outcome:
    return Outcome(Item(str(path), path.name), Record("similar", str(path), 48, 40))


def test_a_sheet_holds_what_is_there_and_shows_what_is_not(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    make_picture(1).save(path)
    shown = [(str(path), "query"), (str(tmp_path / "gone.png"), "0.9"), (str(path), "0.5")]
    out = OutputFolder(tmp_path / "out")
    for kind in ("jpg", "png"):
        files = SheetSink(lambda one: shown, kind, 10**8).write(outcome(path), out, "sub/a.png")
        assert files == {"annotated": str(tmp_path / "out" / "sub" / f"a.png.similar.{kind}")}
        with Image.open(files["annotated"]) as sheet:
            assert sheet.format == {"jpg": "JPEG", "png": "PNG"}[kind]
    out.close()


def test_nothing_beside_the_input_is_no_sheet(tmp_path: Path) -> None:
    out = OutputFolder(tmp_path / "out")
    assert SheetSink(lambda one: [("a.png", "kept")], "jpg", 10**8).write(outcome(tmp_path / "a.png"), out, "a") == {}
    out.close()


def test_a_sheet_of_thousands_shows_the_first_ones(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    make_picture(1).save(path)
    out = OutputFolder(tmp_path / "out")
    files = SheetSink(lambda one: [(str(path), "x")] * 5000, "jpg", 10**8).write(outcome(path), out, "a.png")
    with Image.open(files["annotated"]) as sheet:
        assert sheet.height < 260 * (MOST // 6 + 1)
    out.close()
