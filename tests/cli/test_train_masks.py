"""`vision train` on pictures with masks as a user types it, and what `vision segment` makes of its folder."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from mask_sets import draw_masks, save_mask

VISION = [sys.executable, "-m", "visioncli"]
QUICK = ("--model", "unet", "--size", "32", "--epochs", "1", "--threads", "1")


def vision(*args: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*VISION, *map(str, args)], cwd=cwd, capture_output=True, text=True, check=False)


def test_folders_of_masks_are_recognised_and_the_run_segments(tmp_path: Path) -> None:
    draw_masks(tmp_path / "set")
    done = vision("train", "set", "-o", "run", *QUICK, "--json", "--report", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    numbers = json.loads(done.stdout)["val"]
    assert {"miou", "dice", "pixel_accuracy", "iou background", "iou 1"} <= numbers.keys()
    assert "mean IoU" in done.stderr
    assert "vision segment PICTURE --model run" in done.stderr
    assert (tmp_path / "run" / "report" / "index.html").is_file()
    # A picture that needs tiles, and one that is small.
    large = Image.new("RGB", (300, 200), (60, 60, 60))
    large.paste((180, 180, 180), (100, 50, 150, 120))
    large.save(tmp_path / "large.png")
    again = vision(
        "segment", "large.png", "set/images/0.png", "-m", "run", "--tile", "128", "-o", "out", cwd=tmp_path
    )
    assert again.returncode == 0, again.stderr
    found = np.asarray(Image.open(tmp_path / "out" / "large.png.mask.png"))
    assert found.shape == (200, 300)
    assert found[60:110, 110:140].mean() > 0.8
    assert found[150:].mean() < 0.2
    assert "unet" in vision("models", "info", "run", cwd=tmp_path).stdout


def test_masks_that_cannot_be_used_are_told_of_and_end_with_status_1(tmp_path: Path) -> None:
    data = draw_masks(tmp_path / "set", 8)
    save_mask(data / "masks/0.png", np.zeros((9, 9)))
    (data / "masks/1.png").unlink()
    done = vision("train", "set", "--check", cwd=tmp_path)
    assert done.returncode == 1
    assert "9 x 9 pixels, but the picture 64 x 48" in done.stderr
    assert "There is no mask for it" in done.stderr
    assert "Traceback" not in done.stderr


def test_wrong_usage_is_a_sentence(tmp_path: Path) -> None:
    draw_masks(tmp_path / "set", 4)
    for args, words in (
        (("set", "-o", "run", "--task", "classify"), "--task segment"),
        (("set", "-o", "run", "--task", "dance"), "dance"),
        (("set", "-o", "run", "--crops", "--task", "segment"), "--crops"),
        (("set/images", "-o", "run", "--task", "segment"), "images/1.jpg and masks/1.png"),
        (("set", "-o", "run", "--names", "none.txt"), "none.txt"),
        (("nowhere", "-o", "run", "--task", "segment"), "nowhere does not exist"),
    ):
        done = vision("train", *args, cwd=tmp_path)
        assert done.returncode in (2, 3), done.stderr
        assert words in done.stderr
        assert "Traceback" not in done.stderr
        assert not (tmp_path / "run").exists()
