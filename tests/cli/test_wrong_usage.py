from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Ended

Vision = Callable[..., Ended]


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["classify", "x", "--annotated", "gif"], "--annotated takes one of jpg, png, none, not 'gif'. See"),
        (["segment", "x", "--mode", "instanc"], "not 'instanc'. Did you mean instance? See vision segment --help."),
        (["classify", "x", "-j", "0"], "--workers takes a whole number from 1 to 256, not '0'. See"),
        (["classify", "x", "-j", "two"], "--workers takes a whole number from 1 to 256, not 'two'. See"),
        (["classify", "x", "--max-pixels", "-1"], "--max-pixels takes a whole number of 1 or more, not '-1'. See"),
        (["detect", "x", "--score", "high"], "--score takes a number, not 'high'. See vision detect --help."),
        (["segment", "x", "--opacity=2"], "--opacity takes a number from 0 to 1, not '2'. See"),
        (["classify"], "INPUT... is missing: Files, folders, archives, quoted globs,"),
        (
            ["models", "info"],
            "NAME is missing: A network of `vision models`, a RUN folder, timm:NAME, hf:NAME_OR_PATH or onnx:FILE.",
        ),
        (["models", "arithmetic", "-k", "3"], "--input N is missing: Pixels that come in. See"),
        (["classify", "x", "--model"], "--model needs a value, NAME: Which network"),
        (["classify", "x", "--quiet=1"], "--quiet takes no value. See vision classify --help."),
        (["classify", "x", "--quite"], "There is no option --quite. Did you mean --quiet"),
        (["classify", "x", "-x"], "There is no option -x. See vision classify --help."),
        (["clasify", "x"], "There is no command 'clasify'. Did you mean classify? See vision --help."),
        (["models", "inf"], "There is no command 'inf'. Did you mean info? See vision models --help."),
        (["iou", "a", "b", "--ignore-index", "x"], "--ignore-index takes a whole number, not 'x'. See"),
    ],
)
def test_a_wrong_command_line_is_said_in_our_words(args: list[str], sentence: str, vision: Vision) -> None:
    ended = vision(*args)
    assert ended.status == 2
    assert ended.err.startswith("vision: ")
    assert sentence in ended.err
    assert ended.err.count("\n") == 1
    assert not any(word in ended.err for word in ("Value error", "Input should", "Invalid", "Got unexpected"))


@pytest.mark.parametrize("name", ["cat.jpg", "photos", "my photos"])
def test_an_input_in_the_place_of_a_command_names_commands_for_it(name: str, vision: Vision, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(b"x") if name.endswith(".jpg") else path.mkdir()
    ended = vision(name)
    assert ended.status == 2
    word = f"'{name}'" if " " in name else name
    assert f"vision classify {word}, vision detect {word} or vision segment {word}" in ended.err
    assert ("a file" if path.is_file() else "a folder") in ended.err


@pytest.mark.parametrize("name", ["photos/*.jpg", "missing.png", "-"])
def test_what_can_only_be_an_input_is_told_from_a_command(name: str, vision: Vision) -> None:
    assert "vision classify" in vision(name).err


def test_an_address_in_the_place_of_a_command_is_shown_without_its_password(vision: Vision) -> None:
    ended = vision("https://me:secret@host/x.jpg")
    assert "vision classify 'https://***@host/x.jpg'" in ended.err
    assert "secret" not in ended.err


def test_annotations_and_networks_have_commands_of_their_own(vision: Vision, tmp_path: Path) -> None:
    for name, command in (
        ("truth.json", "vision iou truth.json PREDICTIONS"),
        ("net.onnx", "vision classify PICTURES --model onnx:net.onnx"),
        ("best.pth", "vision classify PICTURES --model NAME --weights best.pth"),
    ):
        (tmp_path / name).touch()
        assert command in vision(name).err


def test_too_many_arguments_are_named(vision: Vision) -> None:
    assert "too much: 'b'" in vision("models", "info", "a", "b").err
