"""Whole runs that learn to make one kind of pictures of another, on small pictures that are drawn."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from killed_runs import KilledAt, same, tensors
from listener import Listener
from two_kinds import draw_two_kinds
from visioncli import load, train
from visioncli.errors import UsageError
from visioncli.models import registry
from visioncli.training.adversarial.kind import Asked
from visioncli.training.adversarial.translate import Translate
from visioncli.training.recipe import Recipe
from visioncli.training.train import Run, Where
from visioncli.training.watch import Watcher, read_log
from visioncli.weights.runs import read_facts, read_run, read_weights

EPOCHS, STEPS = 3, 15


@pytest.fixture(scope="module")
def discs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_two_kinds(tmp_path_factory.mktemp("discs") / "set")


def small(data: Path, out: Path, **choices: Any) -> Run:
    """The small network, for a few steps."""
    plain: dict[str, Any] = {
        "task": "translate", "model": "cyclegan_small", "epochs": EPOCHS, "batch_size": 2, "where": Where(threads=1)
    }  # fmt: skip
    run = train(data, out, **(plain | choices))
    assert run is not None
    return run


@pytest.fixture(scope="module")
def trained(discs: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return small(discs, tmp_path_factory.mktemp("trained") / "run")


def test_a_run_is_a_model_that_stylizes_both_ways(trained: Run, discs: Path) -> None:
    assert (trained.task, trained.classes, trained.pictures) == ("stylize", ("A", "B"), 6)
    photo = str(discs / "testA" / "0.png")
    styles = []
    for reverse in (False, True):
        record = load("stylize", model=str(trained.folder), reverse=reverse)(photo)
        assert record.predictions is not None
        (made,) = record.predictions
        assert (made.method, made.width, made.height) == ("cyclegan", 20, 20)
        styles.append(made.style)
    assert styles == ["B", "A"]


def test_the_folder_holds_what_a_run_does_and_a_sheet_of_each_look(trained: Run) -> None:
    names = {path.name for path in trained.folder.iterdir()}
    assert names == {
        *("model.safetensors", "model.json", "log.jsonl", "curves.png", "split.csv", "files.jsonl", "MODEL_CARD.md"),
        "samples",
    }
    sheets = sorted((trained.folder / "samples").iterdir())
    assert sheets[-1].name == f"{STEPS:07d}.png"
    # Three held-out pictures, of each kind with what is made of them and what comes back.
    assert Image.open(sheets[0]).size[0] < Image.open(sheets[0]).size[1]


def test_the_log_has_the_losses_of_all_four_networks_and_distances_both_ways(trained: Run) -> None:
    last = [event for event in read_log(trained.folder) if event["event"] == "epoch"][-1]
    assert last["step"] == last["steps"] == STEPS
    for name in ("a_to_b", "b_to_a", "cycle", "discriminator_a", "discriminator_b"):
        assert last[f"{name}_loss"] > 0
    assert last["distance_a_to_b"] > 0 and last["distance_b_to_a"] > 0 and 0 < last["cycle_error"] < 1


def test_model_json_and_the_card_say_what_it_is_and_what_was_measured(trained: Run) -> None:
    row, facts = read_run(trained.folder), read_facts(trained.folder)
    assert (row.tasks, row.form, row.labels) == (("stylize",), "painting", ((0, "A"), (1, "B")))
    assert row.architecture == "cyclegan:pair-resnet4-16:2" and row.parameters == 695_430
    assert (row.input.size, row.input.resize) == (20, 20)
    assert facts["finished"] is True and facts["data"]["kinds"] == ["A", "B"]
    assert facts["data"]["pictures"] == {"train": 20, "val": 6, "test": 0}
    assert set(trained.numbers) == {"distance_before", "cycle_error", "distance_a_to_b", "distance_b_to_a"}
    card = (trained.folder / "MODEL_CARD.md").read_text()
    assert "make B of A, `vision stylize --model run`, and A of B" in card
    assert "10 pictures of A and 3 held out; 10 pictures of B and 3 held out" in card
    assert f"{trained.numbers['distance_a_to_b']:.3f}" in card


def test_both_generators_are_in_the_model(trained: Run) -> None:
    names = set(read_weights(read_run(trained.folder)))
    assert {name.partition(".")[0] for name in names} == {"a_to_b", "b_to_a"}
    halves = {half: {n.partition(".")[2] for n in names if n.startswith(half)} for half in ("a_to_b", "b_to_a")}
    assert halves["a_to_b"] == halves["b_to_a"]


@pytest.mark.parametrize("step", [4, 11])
def test_a_run_that_was_killed_goes_on_to_the_same_tensors(
    trained: Run, discs: Path, tmp_path: Path, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A checkpoint after each step, so that it goes on in the middle of an epoch.
    monkeypatch.setattr("visioncli.training.adversarial.loop.SAVE_SECONDS", 0.0)
    with pytest.raises(KeyboardInterrupt):
        small(discs, tmp_path / "run", watcher=KilledAt(step))
    resumed = small(discs, tmp_path / "run", resume=True)
    assert same(tensors(resumed.folder), tensors(trained.folder))


def test_another_seed_gives_other_tensors(trained: Run, discs: Path, tmp_path: Path) -> None:
    assert not same(tensors(small(discs, tmp_path / "run", seed=1).folder), tensors(trained.folder))


def test_the_time_that_there_is_ends_a_run(discs: Path, tmp_path: Path) -> None:
    run = small(discs, tmp_path / "run", epochs=5000, seconds=1)
    last = [event for event in read_log(run.folder) if event["event"] == "epoch"][-1]
    assert last["step"] < 25_000 and read_facts(run.folder)["finished"] is True


def test_broken_pictures_are_left_out_with_a_sentence_each(tmp_path: Path) -> None:
    data = draw_two_kinds(tmp_path / "set", 4, 2)
    (data / "trainA" / "broken.png").write_bytes(b"nothing")
    listener = Listener()
    run = small(data, tmp_path / "run", epochs=1, watcher=listener)
    assert set(listener.failures) == {"broken.png"}
    assert "make B of A, and A of B" in listener.said[0]
    assert read_facts(run.folder)["data"]["unreadable"] == 1
    assert "could not be read: 1" in (run.folder / "MODEL_CARD.md").read_text()


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"model": "efficientnet_lite0"}, "cannot translate"),
        ({"weights": "x.pth"}, "its networks begin with random numbers"),
        ({"group": "folder"}, "--group does not go with --task translate"),
        ({"unfreeze": "all"}, "--unfreeze does not go with --task translate"),
        ({"where": Where(devices=2)}, "trains in one process"),
    ],
)
def test_choices_of_other_tasks_are_refused_in_a_sentence(
    discs: Path, tmp_path: Path, choices: dict[str, Any], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        small(discs, tmp_path / "run", **choices)
    assert not (tmp_path / "run").exists()


def test_with_check_nothing_is_learned_or_written(discs: Path, tmp_path: Path) -> None:
    listener = Listener()
    assert train(discs, tmp_path / "run", task="translate", check=True, watcher=listener) is None
    assert not (tmp_path / "run").exists()
    assert any("26 pictures of 2 classes" in sentence for sentence in listener.said)


def test_the_weight_of_the_identity_loss_can_be_chosen(discs: Path, tmp_path: Path) -> None:
    run = small(discs, tmp_path / "run", epochs=1, identity=5.0)
    (epoch,) = [event for event in read_log(run.folder) if event["event"] == "epoch"]
    assert epoch["identity_loss"] > 0 and read_facts(run.folder)["settings"]["identity"] == 5.0
    with pytest.raises(UsageError, match="--identity lies between 0 and 100, not -1"):
        small(discs, tmp_path / "other", identity=-1.0)
    with pytest.raises(UsageError, match="--identity is for making pictures of others"):
        train(discs, tmp_path / "other", task="classify", identity=5.0)


def test_few_pictures_are_seen_more_often_and_small_ones_in_larger_batches(tmp_path: Path) -> None:
    plans = {}
    for side, learned in ((20, 4), (20, 200), (90, 4)):
        data = draw_two_kinds(tmp_path / f"{side}-{learned}", learned, 1, side)
        kind, recipe = Translate(), Recipe()
        ready = kind.prepare(Asked(str(data)), registry.find("cyclegan"), recipe, Where(), Watcher())
        plans[side, learned] = kind.plan(ready, recipe)[:2]
    assert plans == {(20, 4): (200, 8), (20, 200): (60, 8), (90, 4): (200, 4)}
