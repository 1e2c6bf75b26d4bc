"""`vision train --task detect` as a user types it, and what the other commands make of its folder."""

import json
import subprocess
import sys
from pathlib import Path

from box_sets import annotation, draw_boxes, read, save

VISION = [sys.executable, "-m", "visioncli"]
QUICK = ("--task", "detect", "--epochs", "1", "--batch-size", "4", "--threads", "1")


def vision(*args: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*VISION, *map(str, args)], cwd=cwd, capture_output=True, text=True, check=False)


def test_a_run_detects_is_evaluated_exported_and_described(tmp_path: Path) -> None:
    draw_boxes(tmp_path / "set", 10)
    done = vision("train", "set", "-o", "run", *QUICK, "--json", "--report", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {"AP", "AP50", "AR100"} <= json.loads(done.stdout)["val"].keys()
    assert "AP50" in done.stderr
    assert "vision detect PICTURE --model run" in done.stderr
    assert (tmp_path / "run" / "report" / "index.html").is_file()
    found = vision("detect", "set/images/1.png", "-m", "run", "--score", "0.01", "-o", "-", cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    (record,) = map(json.loads, found.stdout.splitlines())
    assert {p["label"] for p in record["predictions"]} <= {"bright", "dark"}
    measured = vision("eval", "set", "run", "--task", "detect", "--json", "--bootstrap", "0", cwd=tmp_path)
    assert measured.returncode == 0, measured.stderr
    exported = vision("export", "run", "-o", "run.onnx", cwd=tmp_path)
    assert exported.returncode == 0, exported.stderr
    assert "ssd_mobilenet_v2" in vision("models", "info", "run", cwd=tmp_path).stdout
    seen = vision(
        "gradcam", "set/images/1.png", "-m", "run", "--task", "detect", "--score", "0.01", "-o", "g", cwd=tmp_path
    )
    assert seen.returncode == 0, seen.stderr


def test_annotations_that_are_wrong_end_with_a_sentence(tmp_path: Path) -> None:
    data = draw_boxes(tmp_path / "set", 4)
    body = read(data)
    for rows, words in (
        ([annotation(0, 1, 7, [1, 1, 9, 9])], "unknown category ids"),
        ([annotation(0, 1, 0, [1, 1, float("nan"), 9])], "finite"),
        ([], "no boxes"),
    ):
        save(data, body["images"], rows)
        done = vision("train", "set", "-o", "run", *QUICK, cwd=tmp_path)
        assert done.returncode == 3, done.stderr
        assert words in done.stderr
        assert "Traceback" not in done.stderr
    text = (data / "instances.json").read_text()
    (data / "instances.json").write_text(text[:-30])
    done = vision("train", "set", "-o", "run", *QUICK, cwd=tmp_path)
    assert done.returncode == 3
    assert "instances.json" in done.stderr
    assert not (tmp_path / "run").exists()


def test_annotations_without_a_task_are_told_of_both_ways(tmp_path: Path) -> None:
    draw_boxes(tmp_path / "set", 4)
    done = vision("train", "set", "-o", "run", cwd=tmp_path)
    assert "--task detect" in done.stderr
    assert "--crops" in done.stderr
