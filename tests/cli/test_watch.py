import json
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import Ended

Start = Callable[..., subprocess.Popen[bytes]]
Make = Callable[..., list[Path]]
Vision = Callable[..., Ended]


def record_of(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    assert process.stdout is not None
    found: dict[str, Any] = json.loads(process.stdout.readline())
    return found


def end(process: subprocess.Popen[bytes]) -> tuple[int, str]:
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    return process.returncode, err.decode()


def recorded(out: Path) -> list[str]:
    return [json.loads(line)["input"] for line in (out / "predictions.jsonl").read_bytes().splitlines()]


def test_a_watch_does_what_is_there_and_what_comes_and_goes_on_where_it_ended(
    start_vision: Start, vision_process: Vision, pictures: Make, tmp_path: Path
) -> None:
    first, *_ = pictures(2)
    out = tmp_path / "photos" / "out"
    command = ("watch", "classify", "photos", "-o", "photos/out")
    process = start_vision(*command)
    assert [record_of(process)["input"] for _ in range(2)] == ["photos/000.png", "photos/001.png"]
    shutil.copy(first, tmp_path / "photos" / "new.png")
    shutil.copy(tmp_path / "photos" / "001.png", tmp_path / "photos" / "newer.png")
    later = [record_of(process) for _ in range(2)]
    assert sorted(r["input"] for r in later) == ["photos/new.png", "photos/newer.png"]
    assert recorded(out) == ["photos/000.png", "photos/001.png", *(r["input"] for r in later)]
    status, err = end(process)
    assert status == 130
    assert "Watching photos for more" in err
    assert "4 of 4 succeeded, interrupted" in err
    assert (out / "new.png.classify.jpg").is_file()

    shutil.copy(first, tmp_path / "photos" / "third.png")
    process = start_vision(*command)
    assert record_of(process)["input"] == "photos/third.png"
    status, err = end(process)
    assert status == 130
    assert "4 taken from an earlier run" in err
    assert len(recorded(out)) == len(set(recorded(out))) == 5

    whole = vision_process("classify", "photos", "-o", "photos/out", "--resume", "-f", "csv")
    assert whole.status == 0
    assert "5 taken from an earlier run" in whole.err
    assert (out / "predictions.csv").is_file()


def test_a_folder_that_goes_ends_the_watch_with_a_sentence_and_status_1(
    start_vision: Start, pictures: Make, tmp_path: Path
) -> None:
    pictures(1)
    process = start_vision("watch", "classify", "photos", "-o", "out")
    record_of(process)
    shutil.rmtree(tmp_path / "photos")
    _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "photos is no longer there" in err.decode()
    assert "1 of 1 succeeded" in err.decode()
    assert recorded(tmp_path / "out") == ["photos/000.png"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["photos/000.png"], "looks at folders"),
        (["photos", "-f", "coco"], "--resume --format coco"),
        (["photos", "-o", "photos"], "is itself an input"),
    ],
)
def test_what_cannot_be_watched_is_wrong_usage(
    arguments: list[str], words: str, vision: Vision, pictures: Make
) -> None:
    pictures(1)
    ended = vision("watch", "detect", *arguments)
    assert ended.status == 2
    assert words in ended.err


def test_each_task_can_be_watched_with_its_own_options(vision: Vision) -> None:
    for task, option in {"detect": "--iou", "segment": "--mode", "embed": "--vectors", "gradcam": "--method"}.items():
        page = vision("watch", task, "--help").out.decode()
        assert option in page
        assert "--settle" in page
        assert "--shard" not in page
