"""The tool that makes pictures of two kinds without pairs."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from idx_files import mnist

TOOL = Path(__file__).parent.parent / "tools" / "tinted_digits.py"


def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *options: str) -> dict[str, dict[str, np.ndarray]]:
    """The pictures by folder and name."""
    arguments = [str(TOOL), str(mnist(tmp_path / "mnist")), str(tmp_path / "set"), "--pictures", "12", "--val", "6"]
    monkeypatch.setattr(sys, "argv", [*arguments, *options])
    runpy.run_path(str(TOOL), run_name="__main__")
    found: dict[str, dict[str, np.ndarray]] = {}
    for path in sorted((tmp_path / "set").rglob("*.png")):
        found.setdefault(path.parent.name, {})[path.name] = np.asarray(Image.open(path))
    return found


def test_pictures_held_out_are_pairs_and_those_to_learn_from_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = made(tmp_path, monkeypatch)
    assert {name: len(pictures) for name, pictures in found.items()} == {
        "trainA": 12, "trainB": 12, "testA": 6, "testB": 6
    }  # fmt: skip
    assert not found["trainA"].keys() & found["trainB"].keys()
    assert found["testA"].keys() == found["testB"].keys()


def test_what_was_black_has_the_tint_and_what_was_white_is_black(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = made(tmp_path, monkeypatch, "--tint", "10,200,30", "--side", "32")
    for name, before in found["testA"].items():
        after = found["testB"][name]
        assert before.shape == after.shape == (32, 32, 3)
        assert (after[(before == 0).all(2)] == (10, 200, 30)).all()
        assert (after[(before == 255).all(2)] == 0).all()
