"""Whole runs of `--task generate` at tiny sizes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from killed_runs import KilledAt, same, tensors
from made_digits import signs, spots, without_classes
from visioncli.earlier_results import results_in
from visioncli.engines import EngineOptions
from visioncli.errors import UsageError, VisionError
from visioncli.tasks.generate.maker import Maker
from visioncli.training.adversarial import generate, generate_finish, loop, prepare
from visioncli.training.adversarial.generate_game import GenerateGame
from visioncli.training.adversarial.judge import Judge
from visioncli.training.one_run import Run
from visioncli.training.train import train
from visioncli.training.watch import Watcher, read_log
from visioncli.weights.runs import read_facts, read_run


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks of a few maps, judged by a few pictures."""
    monkeypatch.setattr(generate, "LATENT", 8)
    monkeypatch.setattr(generate, "WIDTH", 2)
    monkeypatch.setattr(generate, "JUDGED", 8)
    monkeypatch.setattr(generate, "JUDGED_AT_END", 12)
    monkeypatch.setattr(generate_finish, "JUDGED_AT_END", 12)
    monkeypatch.setattr("visioncli.training.adversarial.judge.SIDE", 32)
    monkeypatch.setattr(loop, "LOOK_SHARE", 1e9)


def learn(data: Path, run: Path, watcher: Watcher | None = None, **choices: Any) -> Run:
    usual = {"epochs": 2, "batch_size": 8, "task": "generate"}
    found = train(data, run, offline=True, watcher=watcher, **(usual | choices))
    assert found is not None
    return found


def test_a_run_is_a_folder_that_says_all_of_itself(tmp_path: Path) -> None:
    data = signs(tmp_path / "set")
    found = learn(data, tmp_path / "run", command=["vision", "train", "set"])
    run = tmp_path / "run"
    names = {path.name for path in run.iterdir()}
    assert names >= {
        *("model.safetensors", "model.json", "MODEL_CARD.md", "log.jsonl", "curves.png", "nearest.png"),
        *("samples", "split.csv", "files.jsonl"),
    }  # fmt: skip
    assert not (run / ".training").exists()
    assert found.task == "generate"
    assert {"distance", "precision", "recall"} <= found.numbers.keys()
    row = read_run(run)
    assert row.tasks == ("generate",)
    assert row.architecture == "dcgan:28x1x2x8:2"
    assert dict(row.labels) == {0: "lying", 1: "standing"}  # type: ignore[arg-type]
    events = read_log(run)
    looks = [event for event in events if event["event"] == "epoch"]
    assert [event["epoch"] for event in looks] == [1, 2]
    assert all({"generator_loss", "discriminator_loss", "distance", "recall"} <= event.keys() for event in looks)
    assert sorted(path.name for path in (run / "samples").iterdir()) == [f"{e['step']:07d}.png" for e in looks]
    card = (run / "MODEL_CARD.md").read_text()
    for words in (
        "efficientnet",
        "at 32 pixels",
        "is not FID",
        "| made pictures | 12 |",
        "vision train set",
        "lying",
    ):
        assert words in card or words == "lying"
    facts = read_facts(run)
    assert facts["finished"] is True
    assert facts["numbers"]["val"]["pictures"] == 12


def test_made_pictures_are_compared_with_real_ones_of_every_class(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`lying` comes first in the set, and has more validation pictures than are looked at."""
    data, seen = signs(tmp_path / "set", 80), list[np.ndarray]()
    compare = Judge.compare_with

    def noted(self: Judge, real: np.ndarray) -> None:
        seen.append(real)
        compare(self, real)

    monkeypatch.setattr(Judge, "compare_with", noted)
    learn(data, tmp_path / "run", epochs=1, batch_size=64)
    assert {len(real) for real in seen} == {8, 12}  # at each look, and at the end
    for real in seen:
        bright = real[..., 0] > 60
        standing = bright.any(1).sum(1) < bright.any(2).sum(1)
        assert 0 < standing.sum() < len(real)


def test_what_a_run_made_is_no_input_of_later_ones(tmp_path: Path) -> None:
    learn(without_classes(tmp_path / "set"), tmp_path / "run", epochs=1)
    run = tmp_path / "run"
    earlier = results_in(str(run), [path.name for path in run.iterdir()])
    assert earlier is not None
    assert all(str(path) in earlier for path in run.rglob("*.png"))


@pytest.mark.parametrize("model", ["dcgan", "style_generator"])
@pytest.mark.parametrize("stop", [1, 5])
def test_a_killed_run_goes_on_to_the_same_tensors(
    tmp_path: Path, model: str, stop: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "SAVE_SECONDS", 0.0)
    data = signs(tmp_path / "set")
    learn(data, tmp_path / "whole", model=model)
    with pytest.raises(KeyboardInterrupt):
        learn(data, tmp_path / "killed", KilledAt(stop), model=model)
    learn(data, tmp_path / "killed", model=model, resume=True)
    assert same(tensors(tmp_path / "whole"), tensors(tmp_path / "killed"))
    for name in ("whole", "killed"):
        assert len([e for e in read_log(tmp_path / name) if e["event"] == "epoch"]) == 2
    sheets = [sorted((tmp_path / name / "samples").iterdir())[-1] for name in ("whole", "killed")]
    assert sheets[0].read_bytes() == sheets[1].read_bytes()


def test_other_options_do_not_go_on_with_a_run(tmp_path: Path) -> None:
    data = signs(tmp_path / "set")
    with pytest.raises(KeyboardInterrupt):
        learn(data, tmp_path / "run", KilledAt(2))
    with pytest.raises(UsageError, match="other pictures, options or another network"):
        learn(data, tmp_path / "run", resume=True, seed=3)


def test_another_seed_makes_another_network(tmp_path: Path) -> None:
    data = without_classes(tmp_path / "set")
    for seed in (0, 1):
        learn(data, tmp_path / str(seed), epochs=1, seed=seed)
    assert not same(tensors(tmp_path / "0"), tensors(tmp_path / "1"))


def test_coloured_pictures_of_32_pixels_are_learned(tmp_path: Path) -> None:
    learn(without_classes(tmp_path / "set", size=32, coloured=True), tmp_path / "run", epochs=1)
    assert read_run(tmp_path / "run").architecture == "dcgan:32x3x2x8:0"
    sheet = Image.open(next((tmp_path / "run" / "samples").iterdir()))
    assert sheet.mode == "RGB"


def test_a_generator_learns_what_a_class_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bars that lie are told from bars that stand by the sums of their rows and columns."""
    monkeypatch.setattr(generate, "WIDTH", 4)
    monkeypatch.setattr(loop, "LOOK_SHARE", 0.0)
    data = signs(tmp_path / "set", 60)
    learn(data, tmp_path / "run", epochs=70, batch_size=16, augment="none", mirror=False, rate=1e-3)
    maker = Maker(read_run(tmp_path / "run"), EngineOptions())
    right = 0
    for n in range(40):
        picture = maker.picture(maker.seed(n)).astype(float)[:, :, 0]
        lies = picture.mean(1).std() > picture.mean(0).std()
        right += lies == (n % 2 == 0)
    assert right >= 34


def test_styles_learn_classes_that_differ_in_where_something_is_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generate, "WIDTH", 4)
    monkeypatch.setattr(loop, "LOOK_SHARE", 0.0)
    data = spots(tmp_path / "set")
    learn(data, tmp_path / "run", model="style_generator", epochs=15, batch_size=16, augment="none", mirror=False)
    maker = Maker(read_run(tmp_path / "run"), EngineOptions())
    right = 0
    for n in range(40):
        picture = maker.picture(maker.seed(n)).astype(float)
        right += (picture[:, :14].sum() > picture[:, 14:].sum()) == (n % 2 == 0)
    assert right >= 36


def test_the_judge_may_be_a_classifier_of_the_users(tmp_path: Path) -> None:
    data = signs(tmp_path / "set")
    train(data, tmp_path / "judge", model="lenet5", start="scratch", unfreeze="all", epochs=8, offline=True)
    found = learn(data, tmp_path / "run", epochs=1, judge=str(tmp_path / "judge"))
    assert 0 <= found.numbers["recognised"] <= 1
    assert "judge at 32 pixels" in (tmp_path / "run" / "MODEL_CARD.md").read_text()
    assert read_run(tmp_path / "run").accuracy[0].metric == "recognised"


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"unfreeze": "last"}, "--unfreeze does not go with --task generate"),
        ({"start": "scratch"}, "--from does not go with"),
        ({"dropout": 0.1}, "--dropout does not go with"),
        ({"views": 2}, "--views"),
        ({"balance": "none"}, "--balance"),
        ({"patience": 3}, "--patience"),
        ({"crops": True}, "--crops is for classes of whole pictures"),
        ({"palette": "x"}, "--palette is for masks"),
        ({"weights": "x"}, "--weights does not go with"),
        ({"size": 30}, "--size"),
        ({"batch_size": 1}, "--batch-size is at least 2"),
        ({"model": "lenet5"}, "lenet5 cannot generate"),
        ({"judge": "nothing"}, "nothing"),
    ],
)
def test_options_that_mean_nothing_here_are_refused(tmp_path: Path, choices: dict[str, Any], words: str) -> None:
    with pytest.raises(VisionError, match=words):
        learn(without_classes(tmp_path / "set"), tmp_path / "run", **choices)
    assert not (tmp_path / "run").exists()


def test_a_judge_is_for_made_pictures_only(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--judge is for making pictures"):
        train(signs(tmp_path / "set"), tmp_path / "run", judge="x")


def test_a_generator_is_no_beginning_for_another(tmp_path: Path) -> None:
    data = without_classes(tmp_path / "set")
    learn(data, tmp_path / "run", epochs=1)
    with pytest.raises(UsageError, match="has learned already"):
        learn(data, tmp_path / "other", model=str(tmp_path / "run"))


def test_without_memory_there_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    monkeypatch.setattr(GenerateGame, "step", full)
    with pytest.raises(UsageError, match=r"not enough memory.*--batch-size 4"):
        learn(without_classes(tmp_path / "set"), tmp_path / "run")


def test_few_pictures_are_augmented_for_both_networks_and_many_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = without_classes(tmp_path / "set")
    learn(data, tmp_path / "few", epochs=1)
    learn(data, tmp_path / "none", epochs=1, augment="none")
    monkeypatch.setattr(generate, "FEW", 5)
    learn(data, tmp_path / "many", epochs=1)
    learn(data, tmp_path / "strong", epochs=1, augment="strong")
    found = {name: read_facts(tmp_path / name)["settings"]["augments"] for name in ("few", "none", "many", "strong")}
    assert found == {"few": True, "none": False, "many": False, "strong": True}


def test_only_looking_writes_nothing(tmp_path: Path) -> None:
    told: list[str] = []

    class Listening(Watcher):
        def say(self, sentence: str) -> None:
            told.append(sentence)

    data = signs(tmp_path / "set")
    assert train(data, tmp_path / "run", task="generate", check=True, watcher=Listening()) is None
    assert not (tmp_path / "run").exists()
    assert any("40 pictures" in sentence for sentence in told)
    assert prepare.FEWEST == 8


def test_model_json_that_names_another_network_is_refused(tmp_path: Path) -> None:
    learn(without_classes(tmp_path / "set"), tmp_path / "run", epochs=1)
    notes = tmp_path / "run" / "model.json"
    body = json.loads(notes.read_text())
    for architecture in ("os:28x1x2x8:0", "dcgan:9999x1x2x8:0", "lenet:lenet5:0"):
        notes.write_text(json.dumps(body | {"architecture": architecture}))
        with pytest.raises(VisionError, match="knows no network"):
            read_run(tmp_path / "run")
    assert torch.is_tensor(next(iter(tensors(tmp_path / "run").values())))
