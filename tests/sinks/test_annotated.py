from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from visioncli.earlier_results import LIST
from visioncli.errors import OutputError
from visioncli.inputs.sources import Item
from visioncli.pictures import Picture
from visioncli.render.canvas import Arrays
from visioncli.results import ModelInfo, Record
from visioncli.runner import Outcome
from visioncli.sinks.annotated import JPEG_MOST, AnnotatedSink
from visioncli.sinks.folder import OutputFolder


def draw(image: Image.Image, record: Record, arrays: Arrays) -> Image.Image:
    return image.rotate(180)


def outcome(width: int = 4, height: int = 3) -> Outcome:
    rgb = np.full((height, width, 3), 200, np.uint8)
    record = Record("classify", "a.png", width, height, ModelInfo("m", None), ())
    return Outcome(Item("a.png", "a.png"), record, Picture(Image.fromarray(rgb), 1.0))


@pytest.fixture
def out(tmp_path: Path) -> OutputFolder:
    return OutputFolder(tmp_path / "out")


@pytest.mark.parametrize(("kind", "format"), [("jpg", "JPEG"), ("png", "PNG")])
def test_the_drawn_picture_is_written_in_the_type_asked_for(out: OutputFolder, kind: str, format: str) -> None:
    files = AnnotatedSink(draw, kind).write(outcome(), out, "sub/a.png")
    target = out.path / f"sub/a.png.classify.{kind}"
    assert files == {"annotated": str(target)}
    with Image.open(target) as image:
        assert (image.format, image.size) == (format, (4, 3))
        assert np.abs(np.asarray(image).astype(int) - 200).max() < 4


def test_a_side_that_jpeg_cannot_hold_becomes_png(out: OutputFolder) -> None:
    files = AnnotatedSink(draw).write(outcome(width=JPEG_MOST + 1, height=1), out, "a.png")
    assert files["annotated"].endswith("a.png.classify.png")


def test_an_outcome_without_picture_gives_no_file(out: OutputFolder) -> None:
    record = outcome().record
    assert AnnotatedSink(draw).write(Outcome(Item("a", "a"), record), out, "a") == {}


def test_a_picture_that_cannot_be_written_leaves_nothing(out: OutputFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: object, target: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("visioncli.files.os.replace", full)
    with pytest.raises(OutputError, match="the disk is full"):
        AnnotatedSink(draw).write(outcome(), out, "a.png")
    assert sorted(p.name for p in out.path.rglob("*")) == [".vision-partial", LIST, "lock"]
