"""A whole run of training, on small pictures that are drawn here."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from killed_runs import KilledAt, same, tensors
from listener import Listener
from visioncli import load, train
from visioncli.earlier_results import RUN_NAMES
from visioncli.errors import OutputError, UsageError
from visioncli.training.processes.launcher import Alone
from visioncli.training.train import Run, Where
from visioncli.training.watch import Watcher, read_log

COLOURS = {"blue": (40, 60, 200), "green": (40, 180, 60), "red": (210, 50, 40)}


def draw_set(folder: Path, each: int = 14, side: int = 28, seed: int = 7) -> Path:
    """Class folders of noisy squares, each of its class's colour."""
    rng = np.random.default_rng(seed)
    for name, colour in COLOURS.items():
        (folder / name).mkdir(parents=True)
        for n in range(each):
            pixels = np.clip(np.array(colour) + rng.normal(0, 40, (side, side, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{n}.png")
    return folder


def draw_scenes(folder: Path, each: int = 16, side: int = 90) -> Path:
    """Class folders of blots in all colours, no two alike, a class's own among them."""
    rng = np.random.default_rng(3)
    for name, colour in COLOURS.items():
        (folder / name).mkdir(parents=True)
        for n in range(each):
            blots = Image.fromarray(rng.integers(0, 256, (5, 5, 3), np.uint8)).resize(
                (side, side), rng.choice([0, 3])
            )
            own = Image.new("RGB", (side * 2 // 3, side * 2 // 3), colour)
            blots.paste(own, tuple(rng.integers(0, side // 3, 2).tolist()))
            blots.save(folder / name / f"{n}.png")
    return folder


@pytest.fixture(scope="module")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_set(tmp_path_factory.mktemp("squares") / "set")


def small(data: Path, out: Path, **choices: Any) -> Run:
    """LeNet-5 from nothing, for a few steps."""
    plain: dict[str, Any] = {"model": "lenet5", "start": "scratch", "epochs": 4, "where": Where(threads=1)}
    run = train(data, out, **(plain | choices))
    assert run is not None
    return run


def test_a_run_from_scratch_is_a_model_that_classifies(squares: Path, tmp_path: Path) -> None:
    run = small(squares, tmp_path / "run", epochs=12)
    assert run.accuracy > 0.9
    record = load("classify", model=str(run.folder), top_k=1)(str(squares / "red" / "0.png"))
    assert record.predictions is not None
    assert record.predictions[0].label == "red"


def test_the_run_folder_holds_what_the_design_names(squares: Path, tmp_path: Path) -> None:
    run = small(squares, tmp_path / "run")
    wanted = {
        *("model.safetensors", "model.json", "log.jsonl", "curves.png", "confusion.csv", "confusion.png"),
        *("val.jsonl", "split.csv", "files.jsonl", "MODEL_CARD.md", "augmented.jpg"),
    }
    assert {path.name for path in run.folder.iterdir()} == wanted
    assert wanted < RUN_NAMES  # what is no input where the folder lies among pictures
    events = [line["event"] for line in read_log(run.folder)]
    assert events[0] == "data"
    assert events.count("epoch") == 4
    assert events[-1] == "result"
    body = json.loads((run.folder / "model.json").read_text())
    assert body["facts"]["finished"] is True
    assert body["facts"]["data"]["pictures"]["val"] == len((run.folder / "val.jsonl").read_text().splitlines())


def test_which_epoch_is_kept_is_said(squares: Path, tmp_path: Path) -> None:
    listener = Listener()
    run = small(squares, tmp_path / "run", epochs=3, watcher=listener)
    best = max(e["epoch"] for e in read_log(run.folder) if e["event"] == "epoch" and e["best"])
    assert f"The network after epoch {best:g} of 3 is kept." in listener.said
    assert (run.classes, run.pictures) == (
        ("blue", "green", "red"),
        len((run.folder / "val.jsonl").open().readlines()),
    )


def test_two_runs_give_the_same_tensors_and_another_seed_gives_others(squares: Path, tmp_path: Path) -> None:
    first, again = (tensors(small(squares, tmp_path / name, epochs=2).folder) for name in ("a", "b"))
    assert same(first, again)
    assert not same(first, tensors(small(squares, tmp_path / "c", epochs=2, seed=1).folder))


@pytest.mark.parametrize("step", [1, 5, 6, 10, 11])
def test_a_run_that_was_interrupted_ends_with_the_tensors_of_one_that_was_not(
    squares: Path, tmp_path: Path, step: int
) -> None:
    whole = small(squares, tmp_path / "whole", dropout=0.3)
    with pytest.raises(KeyboardInterrupt):
        small(squares, tmp_path / "cut", dropout=0.3, watcher=KilledAt(step))
    left = tmp_path / "cut" / ".vision-0123456789abcdef.safetensors"  # by a writer that had no time to tidy
    left.write_bytes(b"half")
    cut = small(squares, tmp_path / "cut", dropout=0.3, resume=True)
    assert same(tensors(whole.folder), tensors(cut.folder))
    assert not (tmp_path / "cut" / ".training").exists()
    assert not left.exists()


def test_resuming_with_other_options_is_refused(squares: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        small(squares, tmp_path / "cut", watcher=KilledAt(3))
    with pytest.raises(UsageError, match="other pictures, options or another network"):
        small(squares, tmp_path / "cut", resume=True, seed=5)


def test_a_finished_run_is_not_overwritten(squares: Path, tmp_path: Path) -> None:
    run = small(squares, tmp_path / "run", epochs=1)
    before = (run.folder / "model.json").read_bytes()
    with pytest.raises(UsageError, match="holds a trained network"):
        small(squares, tmp_path / "run", epochs=1)
    again = small(squares, tmp_path / "run", epochs=1, resume=True)
    assert again.numbers == run.numbers
    assert (run.folder / "model.json").read_bytes() == before


def test_a_folder_with_other_things_is_refused(squares: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "diary.txt").write_text("mine")
    with pytest.raises(UsageError, match="holds other things"):
        small(squares, tmp_path / "run")
    assert [p.name for p in (tmp_path / "run").iterdir()] == ["diary.txt"]


def test_no_pickle_is_written(squares: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        small(squares, tmp_path / "cut", watcher=KilledAt(4))
    for path in (tmp_path / "cut").rglob("*"):
        assert path.is_dir() or not path.read_bytes().startswith((b"\x80", b"PK")), path


def test_checking_writes_nothing(squares: Path, tmp_path: Path) -> None:
    assert train(squares, tmp_path / "run", model="lenet5", start="scratch", check=True) is None
    assert not (tmp_path / "run").exists()


def test_the_same_picture_in_two_splits_is_refused_unless_allowed(squares: Path, tmp_path: Path) -> None:
    data = draw_set(tmp_path / "set" / "train", each=8)
    draw_set(tmp_path / "set" / "val", each=3)  # the same numbers, so the same pictures
    with pytest.raises(UsageError, match="in two splits"):
        small(data.parent, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    assert small(data.parent, tmp_path / "run", epochs=1, allow_leaks=True).folder.is_dir()


def test_unreadable_pictures_are_told_and_left_out(tmp_path: Path) -> None:
    data = draw_set(tmp_path / "set", each=8)
    (data / "red" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    told: list[str] = []

    class Failures(Watcher):
        def failure(self, path: str, message: str) -> None:
            told.append(path)

    run = small(data, tmp_path / "run", epochs=1, watcher=Failures())
    assert told == [str(data / "red" / "broken.png")]
    with (run.folder / "split.csv").open() as file:
        assert not any("broken" in line["path"] for line in csv.DictReader(file))
    lines = [json.loads(line) for line in (run.folder / "files.jsonl").read_text().splitlines()]
    assert [line["error"]["kind"] for line in lines if line["error"]] == ["unreadable_picture"]


def test_a_head_on_frozen_features_is_a_model_in_itself(tmp_path: Path) -> None:
    data = draw_scenes(tmp_path / "set")
    run = train(data, tmp_path / "run", views=1, where=Where(threads=1))
    assert run is not None
    assert run.accuracy > 0.5
    assert (run.folder / "suspects.csv").read_text().startswith("rank,path")
    log = {line["event"]: line for line in read_log(run.folder)}
    assert log["features"]["computed"] > 0
    again = train(data, tmp_path / "again", views=1, where=Where(threads=1))
    assert again is not None
    assert {line["event"]: line for line in read_log(again.folder)}["features"]["computed"] == 0
    assert same(tensors(run.folder), tensors(again.folder))


def test_unfreezing_never_keeps_a_worse_network_than_the_head(tmp_path: Path) -> None:
    data = draw_set(tmp_path / "set" / "train", each=8, side=90).parent
    draw_set(data / "val", each=4, side=90, seed=8)  # so alike that by their features they are the same
    choices: dict[str, Any] = {"views": 0, "size": 64, "allow_leaks": True, "where": Where(threads=1)}
    frozen = train(data, tmp_path / "a", **choices)
    listener = Listener()
    wild = train(data, tmp_path / "b", **choices, unfreeze="last", rate=5.0, epochs=2, watcher=listener)
    assert "No epoch was better than the head on frozen features, which is kept." in listener.said
    assert frozen is not None
    assert wild is not None
    assert frozen.accuracy == 1
    assert same(tensors(frozen.folder), tensors(wild.folder))
    costs = [line["stage"] for line in read_log(wild.folder) if line["event"] == "cost"]
    assert costs == ["last"]


def test_several_labels_get_a_threshold_each(squares: Path, tmp_path: Path) -> None:
    lines = ["path,label"]
    for n in range(14):
        lines += [f"red/{n}.png,warm;red", f"green/{n}.png,green", f"blue/{n}.png,"]
    (squares / "labels.csv").write_text("\n".join(lines) + "\n")
    try:
        run = small(squares / "labels.csv", tmp_path / "run", epochs=8)
    finally:
        (squares / "labels.csv").unlink()
    body = json.loads((run.folder / "model.json").read_text())
    assert body["labels"] == ["green", "red", "warm"]
    assert len(body["thresholds"]) == 3
    assert "mAP" in run.numbers


def test_time_is_kept(squares: Path, tmp_path: Path) -> None:
    run = small(squares, tmp_path / "run", epochs=100_000, seconds=1.0)
    assert max(line["step"] for line in read_log(run.folder) if line["event"] == "epoch") < 1000


def test_two_processes_learn_what_one_does(squares: Path, tmp_path: Path) -> None:
    pytest.importorskip("accelerate", reason="the extra train")
    choices = {"epochs": 2, "dropout": 0.0, "augment": "flip", "batch_size": 8}
    one = small(squares, tmp_path / "one", **choices)
    two = small(squares, tmp_path / "two", **choices, where=Where(devices=2, device="cpu", threads=1))
    first, second = tensors(one.folder), tensors(two.folder)
    assert all(torch.allclose(first[name], second[name], atol=1e-4) for name in first)


def test_a_set_that_changes_while_it_is_looked_at_is_not_learned_from(tmp_path: Path) -> None:
    data = draw_set(tmp_path / "set", each=8)

    class Meddler(Watcher):
        def event(self, event: str, **facts: Any) -> None:
            if event == "data":
                (data / "blue" / "0.png").rename(data / "red" / "moved.png")

    with pytest.raises(UsageError, match="was changed while it was looked at"):
        small(data, tmp_path / "run", watcher=Meddler())


def test_a_folder_in_use_is_refused(squares: Path, tmp_path: Path) -> None:
    from filelock import FileLock

    with pytest.raises(KeyboardInterrupt):
        small(squares, tmp_path / "cut", watcher=KilledAt(2))
    with FileLock(tmp_path / "cut" / ".training" / "lock"), pytest.raises(OutputError, match="in use"):
        small(squares, tmp_path / "cut", resume=True)


def test_unknown_choices_are_named() -> None:
    with pytest.raises(UsageError, match="unfreeze is one of none, last, all"):
        train("x", "y", unfreeze="some")
    with pytest.raises(UsageError, match="no choice 'speed'"):
        train("x", "y", speed=3)


def test_one_process_is_alone() -> None:
    assert Alone("cpu").world == 1
