"""`vision train --task translate` and what `vision stylize` makes of its run, from the command line."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import Ended
from two_kinds import draw_two_kinds

Vision = Callable[..., Ended]
TINY = ("--task", "translate", "--model", "cyclegan_small", "--epochs", "1", "--batch-size", "5", "--threads", "1")


@pytest.fixture
def discs(tmp_path: Path) -> Path:
    return draw_two_kinds(tmp_path / "set", 5, 3)


def records(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_run_stylizes_in_both_directions_and_resumes(vision: Vision, discs: Path, tmp_path: Path) -> None:
    run = str(tmp_path / "run")
    trained = vision("train", str(discs), *TINY, "-o", run)
    assert trained.status == 0
    assert f"vision stylize PICTURE --model {run}" in trained.err
    assert "It makes B of A, and with --reverse A of B." in trained.err
    assert "Its numbers are those of 6 pictures that were held out." in trained.err
    assert "distance_a_to_b" in trained.out.decode()
    photos = str(discs / "testA")
    made = []
    for options in ((), ("--reverse",)):
        out = tmp_path / f"out{len(options)}"
        done = vision("stylize", photos, "--model", run, "-o", str(out), "--annotated", "png", *options)
        assert done.status == 0
        styles = {record["predictions"][0]["style"] for record in records(out / "predictions.jsonl")}  # type: ignore[index]
        assert styles == ({"A"} if options else {"B"})
        picture = np.asarray(Image.open(out / "0.png.stylize.png"))
        assert picture.shape == (20, 20, 3)
        made.append(picture)
    assert not np.array_equal(*made)
    again = ("stylize", photos, "--model", run, "-o", str(tmp_path / "out1"), "--annotated", "png", "--resume")
    assert "3 taken from an earlier run" in vision(*again, "--reverse").err
    # What was made in the other direction is not what is wanted.
    assert "taken from" not in vision(*again).err


@pytest.mark.parametrize(
    ("folders", "status", "words"),
    [
        (("A",), 3, "pictures in one folder only"),
        (("A", "B", "C"), 3, "holds 3 folders of pictures (A, B, C)"),
        ((), 3, "there are no pictures here"),
    ],
)
def test_what_is_not_two_folders_is_a_sentence_and_a_status(
    vision: Vision, tmp_path: Path, folders: tuple[str, ...], status: int, words: str
) -> None:
    (tmp_path / "set").mkdir()
    for folder in folders:
        (tmp_path / "set" / folder).mkdir()
        for n in range(3):
            Image.new("RGB", (20, 20), (80 * n, 0, 0)).save(tmp_path / "set" / folder / f"{n}.png")
    ended = vision("train", str(tmp_path / "set"), *TINY, "-o", str(tmp_path / "run"))
    assert ended.status == status
    assert words in ended.err
    assert not (tmp_path / "run").exists()
