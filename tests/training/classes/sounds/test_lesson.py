"""Classes of recordings: from folders to a model that answers as it was measured."""

import dataclasses
import json
import math
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import tones
from visioncli.api import load
from visioncli.errors import UsageError
from visioncli.models.row import Untrained
from visioncli.training.classes.sounds.lesson import SoundLesson, _together
from visioncli.training.lesson import Measured
from visioncli.training.train import Where, train
from visioncli.weights.runs import read_facts, read_run

pytest.importorskip("soundfile")
pytest.importorskip("soxr")

QUICK: dict[str, Any] = {"epochs": 12, "rate": 4e-3, "where": Where(threads=1), "val_share": 0.3, "batch_size": 8}


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tones.folders(tmp_path_factory.mktemp("sounds") / "set", 16)


@pytest.fixture(scope="module")
def run(sounds: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sounds") / "run"
    assert train(sounds, folder, **QUICK).accuracy >= 0.75
    return folder


def test_a_network_of_recordings_tells_them_apart_and_says_what_it_hears(run: Path) -> None:
    row = read_run(run)
    assert row.architecture == "log_mel_cnn:small:2"
    assert row.sound is not None
    assert (row.sound.rate, row.sound.highest) == (8000, 4000)
    assert not isinstance(row.source, Untrained)
    card = (run / "MODEL_CARD.md").read_text()
    assert "tells the class of a recording" in card
    assert "8,000 samples a second" in card
    assert (run / "augmented.jpg").is_file()
    lines = [json.loads(line) for line in (run / "files.jsonl").read_text().splitlines()]
    assert all(line["seconds"] > 0.2 and "width" not in line for line in lines)


def test_what_was_measured_is_what_classify_answers(run: Path) -> None:
    measured = [json.loads(line) for line in (run / "val.jsonl").read_text().splitlines()]
    predict = load("classify", model=run)
    for record in measured:
        answer = predict(record["input"])
        found = {one.label: one.score for one in answer.predictions}
        assert found == pytest.approx({one["label"]: one["score"] for one in record["predictions"]}, abs=1e-4)
        assert record["extra"]["truth"]["labels"] in (["low"], ["high"])


def test_a_run_that_is_trained_again_gives_the_same_tensors(run: Path, sounds: Path, tmp_path: Path) -> None:
    train(sounds, tmp_path / "again", **QUICK)
    assert read_run(tmp_path / "again").source.sha256 == read_run(run).source.sha256


def test_a_group_stays_on_one_side(sounds: Path, tmp_path: Path) -> None:
    train(sounds, tmp_path / "run", group=r"/([ab])_\d+\.wav", **QUICK | {"epochs": 1})
    rows = [line.split(",") for line in (tmp_path / "run" / "split.csv").read_text().splitlines()[1:]]
    by_split = {split: {row[3] for row in rows if row[2] == split} for split in ("train", "val")}
    assert by_split["train"] & by_split["val"] == set()
    assert by_split["train"] | by_split["val"] == {"a", "b"}


def test_equal_recordings_in_two_splits_are_refused(tmp_path: Path) -> None:
    tones.folders(tmp_path / "set" / "train", 6)
    tones.folders(tmp_path / "set" / "val", 4)
    with pytest.raises(UsageError, match=r"recordings of .* are in two splits"):
        train(tmp_path / "set", tmp_path / "run", check=True)


def test_nearly_equal_recordings_stay_on_one_side_of_our_border(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tones.folders(tmp_path / "set", 12)
    for n in range(6):
        hiss = tones.tone(1800.0, 0.3, seed=50 + n, noise=0.2)
        for name, samples in (("original", hiss), ("again", 0.5 * hiss[100:])):
            tones.write(tmp_path / "set" / "high" / f"{n}.{name}.wav", samples)

    def parted(run: Path) -> int:
        train(tmp_path / "set", run, **QUICK | {"epochs": 1})
        rows = [line.split(",") for line in (run / "split.csv").read_text().splitlines()[1:]]
        split = {Path(row[0]).stem: row[2] for row in rows}
        return sum(split[f"{n}.original"] != split[f"{n}.again"] for n in range(6))

    assert parted(tmp_path / "run") == 0
    monkeypatch.setattr("visioncli.training.classes.sounds.prepare.SoundPairs", lambda *_: lambda _: [])
    assert parted(tmp_path / "blind") > 0


def test_nearly_equal_recordings_in_two_given_splits_are_refused(tmp_path: Path) -> None:
    hiss = tones.tone(1800.0, 0.3, seed=50, noise=0.2)
    tones.folders(tmp_path / "set" / "train", 6)
    for n in range(4):
        tones.write(tmp_path / f"set/val/low/{n}.wav", tones.tone(500.0 + 40 * n, 0.3, seed=60 + n))
        tones.write(tmp_path / f"set/val/high/{n}.wav", tones.tone(2500.0, 0.3, seed=70 + n, noise=0.2))
    tones.write(tmp_path / "set/train/high/original.wav", hiss)
    tones.write(tmp_path / "set/val/high/copy.wav", 0.5 * hiss[100:])
    with pytest.raises(
        UsageError, match=r"1 recording of .* is in two splits, such as .*original.*copy.*nearly equal"
    ):
        train(tmp_path / "set", tmp_path / "run", check=True)


def test_recordings_with_a_wrong_label_are_named(tmp_path: Path) -> None:
    tones.folders(tmp_path / "set", 16)
    (tmp_path / "set" / "low" / "b_3.wav").rename(tmp_path / "set" / "high" / "wrong.wav")
    train(tmp_path / "set", tmp_path / "run", **QUICK | {"epochs": 1})
    rows = [line.split(",") for line in (tmp_path / "run" / "suspects.csv").read_text().splitlines()[1:]]
    assert [(Path(row[1]).name, row[2], row[3]) for row in rows] == [("wrong.wav", "high", "low")]
    assert "Recordings that may have a wrong label: 1" in (tmp_path / "run" / "MODEL_CARD.md").read_text()


def test_a_table_and_a_zip_are_sets_of_recordings_too(sounds: Path, tmp_path: Path) -> None:
    packed = shutil.make_archive(str(tmp_path / "set"), "zip", sounds)
    found = train(packed, tmp_path / "zip", **QUICK | {"epochs": 1})
    assert found is not None
    assert found.noun == "recording"
    names = sorted(sounds.rglob("*.wav"))
    lines = [f"{path},{path.parent.name},{'test' if path.stem.endswith('_3') else ''}" for path in names]
    (tmp_path / "set.csv").write_text("\n".join(["path,label,split", *lines]))
    found = train(tmp_path / "set.csv", tmp_path / "csv", **QUICK | {"epochs": 1})
    assert found is not None
    assert set(found.test_numbers) > {"top1"}


def test_a_damaged_recording_is_left_out_and_told_of(sounds: Path, tmp_path: Path) -> None:
    shutil.copytree(sounds, tmp_path / "set")
    (tmp_path / "set" / "low" / "broken.wav").write_bytes(b"RIFF\x24\0\0\0WAVEfmt ")
    train(tmp_path / "set", tmp_path / "run", **QUICK | {"epochs": 1})
    lines = [json.loads(line) for line in (tmp_path / "run" / "files.jsonl").read_text().splitlines()]
    (bad,) = [line for line in lines if line["error"]]
    assert bad["path"].endswith("broken.wav")
    assert bad["error"]["kind"].endswith("recording")


def test_recordings_and_pictures_are_not_learned_together(sounds: Path, tmp_path: Path) -> None:
    (tmp_path / "set.csv").write_text(f"path,label\n{sounds}/low/a_0.wav,low\n{tmp_path}/cat.png,cat\n")
    (tmp_path / "cat.png").write_bytes(b"")
    with pytest.raises(UsageError, match=r"has recordings such as .*a_0.wav, and pictures such as .*cat.png"):
        train(tmp_path / "set.csv", tmp_path / "run")


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"mirror": True}, "a mirrored recording runs backwards"),
        ({"augment": "flip"}, "--augment flip is for pictures"),
        ({"model": "efficientnet_lite0", "unfreeze": "none"}, "leaves nothing to learn"),
    ],
)
def test_what_is_of_pictures_alone_is_refused(
    sounds: Path, tmp_path: Path, choice: dict[str, object], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        train(sounds, tmp_path / "run", **choice)  # type: ignore[arg-type]


def test_probabilities_of_a_recording_are_the_mean_of_its_windows() -> None:
    logits = np.array([[2.0, 0.0], [0.0, 1.0]], np.float32)
    mean = torch.softmax(torch.from_numpy(logits), 1).mean(0).numpy()
    found = torch.softmax(torch.from_numpy(_together(logits, multi_label=False)), 0).numpy()
    np.testing.assert_allclose(found, mean, atol=1e-6)
    yes = 1 / (1 + np.exp(-_together(logits, multi_label=True)))
    np.testing.assert_allclose(yes, (1 / (1 + np.exp(-logits))).mean(0), atol=1e-6)


def test_a_run_that_was_killed_ends_with_the_same_tensors(run: Path, sounds: Path, tmp_path: Path) -> None:
    from visioncli.training.watch import Watcher

    class Killer(Watcher):
        def event(self, event: str, **facts: object) -> None:
            if event == "epoch" and facts["step"] > 20:  # type: ignore[operator]
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(sounds, tmp_path / "run", **QUICK, watcher=Killer())
    train(sounds, tmp_path / "run", resume=True, **QUICK)
    assert read_run(tmp_path / "run").source.sha256 == read_run(run).source.sha256
    assert read_facts(tmp_path / "run")["finished"]


def _lesson(recordings: int, *, multi_label: bool = False) -> SoundLesson:
    found = object.__new__(SoundLesson)
    found.job = SimpleNamespace(val=np.arange(recordings))  # type: ignore[assignment]
    found.multi_label = multi_label
    return found


@pytest.mark.parametrize(
    ("recordings", "mistakes", "least", "better"),
    [
        (200, 0, 0, True),
        (200, 1, 0, True),
        (200, 2, 0, False),
        (200, 6, 4, True),
        (200, 7, 4, False),
        (200, 3, 4, True),
        (20_000, 104, 100, True),
        (20_000, 115, 100, False),
    ],
)
def test_of_networks_that_validation_cannot_tell_apart_the_later_one_is_kept(
    recordings: int, mistakes: int, least: int, better: bool
) -> None:
    found = Measured(mistakes / recordings, 5.0)  # though its loss is larger
    assert _lesson(recordings).is_better(found, least / recordings, 0.1) is better


def test_the_first_network_is_kept_and_of_several_labels_that_of_the_least_loss() -> None:
    assert _lesson(10).is_better(Measured(0.9, 3.0), math.inf, math.inf)
    assert _lesson(10, multi_label=True).is_better(Measured(0.0, 0.4), 0.0, 0.5)
    assert not _lesson(10, multi_label=True).is_better(Measured(0.0, 0.6), 0.0, 0.5)


def test_the_kept_network_is_the_last_that_was_not_clearly_worse(run: Path) -> None:
    log = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    epochs = [event for event in log if event["event"] == "epoch"]
    count = len((run / "val.jsonl").read_text().splitlines())
    least, kept = count, 0
    for event in epochs:
        wrong = round((1 - event["val_accuracy"]) * count)
        if wrong <= least + math.sqrt((least + 1) * (1 - least / count)):
            kept, least = event["step"], min(least, wrong)
        assert event["best"] is (kept == event["step"])
    # By the least loss among equals it would be another.
    by_loss = min(epochs, key=lambda event: (1 - event["val_accuracy"], event["val_loss"]))
    assert kept >= by_loss["step"]


def test_recordings_are_visited_a_fixed_number_of_times_where_no_epochs_are_asked_for(
    sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("visioncli.training.classes.run._VISITS_OF_SOUNDS", 1)
    train(sounds, tmp_path / "run", **{name: value for name, value in QUICK.items() if name != "epochs"})
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert sum(event["event"] == "epoch" for event in log) == 8  # as few as of any set


def test_a_network_of_recordings_is_not_begun_with_for_pictures(run: Path, tmp_path: Path) -> None:
    from PIL import Image

    for name in ("a", "b"):
        (tmp_path / "set" / name).mkdir(parents=True)
        Image.new("RGB", (40, 40), "red" if name == "a" else "blue").save(tmp_path / "set" / name / "1.png")
    with pytest.raises(UsageError, match=r"listens to recordings, and .* is of pictures"):
        train(tmp_path / "set", tmp_path / "run", model=str(run))


def test_a_run_is_trained_further_by_its_own_recipe(run: Path, sounds: Path, tmp_path: Path) -> None:
    train(sounds, tmp_path / "further", model=str(run), **QUICK | {"epochs": 2})
    first, second = read_run(run), read_run(tmp_path / "further")
    assert dataclasses.asdict(second)["sound"] == dataclasses.asdict(first)["sound"]
