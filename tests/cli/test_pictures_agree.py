"""What the annotated pictures of several commands have in common, and what options change in them."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import ROOT, Ended
from visioncli.render.colours import class_colour

Vision = Callable[..., Ended]
PHOTO = ROOT / "sample_images" / "astronaut.png"


@pytest.mark.parametrize(
    "command", [["detect"], ["pose"], ["segment", "--mode", "instance"], ["segment", "--opacity", "1"], ["caption"]]
)
def test_people_have_one_colour_in_all_tasks(command: list[str], vision: Vision, tmp_path: Path) -> None:
    vision(*command, PHOTO, "-o", tmp_path, "--annotated", "png", "-q")
    with Image.open(tmp_path / f"astronaut.png.{command[0]}.png") as picture:
        assert (np.asarray(picture.convert("RGB")) == class_colour("person", 1)).all(2).sum() > 500


def test_who_is_not_drawn_is_in_the_record(vision: Vision, tmp_path: Path) -> None:
    people = []
    for score in ("0", "1"):
        vision("pose", PHOTO, "-o", tmp_path / score, "--annotated", "png", "-q", "--draw-score", score)
        record = json.loads((tmp_path / score / "predictions.jsonl").read_text("utf-8"))
        people.append(record["predictions"])
        with Image.open(PHOTO) as photo, Image.open(tmp_path / score / "astronaut.png.pose.png") as drawn:
            as_it_was = (np.asarray(photo.convert("RGB")) == np.asarray(drawn.convert("RGB"))).all()
        assert as_it_was == (score == "1")
    assert people[0] == people[1] and people[0]
