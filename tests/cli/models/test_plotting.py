import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops

from conftest import Ended
from run_folders import row_of, seeded
from visioncli.cli.models.plotting import read_speeds
from visioncli.errors import UsageError
from visioncli.weights.runs import write_model

Vision = Callable[..., Ended]


def line(model: str, ms: float, size: int = 1, **more: Any) -> str:
    return json.dumps({"model": model, "batch_size": size, "p50_ms": ms, **more}) + "\n"


@pytest.fixture
def bench(tmp_path: Path) -> Path:
    path = tmp_path / "bench.jsonl"
    names = ("ssd_mobilenet_v2", "fasterrcnn_resnet50_fpn", "retinanet_resnet50_fpn", "run")
    path.write_text("".join(line(name, 10.0 * 3**n) for n, name in enumerate(names)))
    return path


def make_detector(folder: Path) -> None:
    row = row_of("yolov3_tiny", labels=("cat", "dog"))
    write_model(folder, row, seeded(row).state_dict(), {})
    notes = json.loads((folder / "model.json").read_text())
    notes["accuracy"] = [{"metric": "box AP", "value": 31.5, "on": "validation, 40 pictures"}]
    (folder / "model.json").write_text(json.dumps(notes))


def test_of_what_was_measured_the_fastest_single_picture_counts(tmp_path: Path) -> None:
    path = tmp_path / "bench.jsonl"
    path.write_text(
        line("a", 30.5, engine="torch") + line("a", 20.25, engine="onnx") + line("a", 5.0, 8) + "\n" + line("b", 7)
    )
    assert read_speeds(path) == {"a": 20.25, "b": 7.0}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("model\tengine\n", r"Line 1 of .*bench\.jsonl is not as vision bench --json writes it"),
        (line("a", 3) + '{"model": "a"}\n', "Line 2 of"),
        (line("a", 0), "Line 1 of"),
        (line("a", 3).replace("3", "NaN"), "Line 1 of"),
        ("[1]\n", "Line 1 of"),
        ("", "holds no figures for single pictures: vision bench MODEL... -b 1 --json"),
        (line("a", 3, 8), "holds no figures for single pictures"),
    ],
)
def test_figures_that_bench_does_not_write_are_a_sentence(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "bench.jsonl"
    path.write_text(text)
    with pytest.raises(UsageError, match=words):
        read_speeds(path)
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read_speeds(tmp_path / "nowhere")


def test_speed_of_this_machine_is_drawn_with_networks_of_one_s_own(
    vision: Vision, bench: Path, tmp_path: Path
) -> None:
    make_detector(tmp_path / "run")
    drawn = {}
    for name, args in {"without": (), "with": ("run",)}.items():
        ended = vision("models", "plot", *args, "-t", "detect", "--speed", bench, "-o", f"{name}.png")
        assert (ended.status, ended.out.decode()) == (0, f"{name}.png\n"), ended.err
        drawn[name] = Image.open(tmp_path / f"{name}.png").convert("RGB")
    assert drawn["with"].size == (1600, 1000)
    assert ImageChops.difference(drawn["with"], drawn["without"]).getbbox() is not None


def test_what_cannot_be_drawn_is_a_sentence(vision: Vision, bench: Path, tmp_path: Path) -> None:
    ended = vision("models", "plot", "nowhere", "-t", "detect")
    assert ended.status == 2 and "nowhere is no RUN folder of vision train." in ended.err
    make_detector(tmp_path / "run")
    ended = vision("models", "plot", "run")  # classify
    assert ended.status == 2 and "run cannot classify; it is for detect" in ended.err
    bench.write_text(line("lenet5", 1))
    ended = vision("models", "plot", "-t", "detect", "--speed", bench)
    assert ended.status == 2 and "None of the networks in the figures of vision bench has box AP" in ended.err
    assert not (tmp_path / "models.png").exists()


def test_measured_figures_are_drawn_on_demand(vision: Vision, tmp_path: Path) -> None:
    assert vision("models", "plot", "--measured", "-o", "ours.png").status == 0
    assert vision("models", "plot", "-o", "theirs.png").status == 0
    ours, theirs = (Image.open(tmp_path / f"{name}.png").convert("RGB") for name in ("ours", "theirs"))
    assert ImageChops.difference(ours, theirs).getbbox() is not None
