"""Whole runs that learn masks, on small pictures that are drawn."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from killed_runs import KilledAt, same, tensors
from listener import Listener
from mask_sets import draw_masks, save_mask
from visioncli import load, train
from visioncli.earlier_results import RUN_NAMES
from visioncli.errors import UsageError
from visioncli.families import torchvision
from visioncli.labelled.interface import SetError
from visioncli.models import offset
from visioncli.predictions import Rle
from visioncli.training.masks import finish as mask_finish
from visioncli.training.masks import lesson as masks
from visioncli.training.masks.offset import NAME
from visioncli.training.train import Run, Where
from visioncli.training.watch import read_log


@pytest.fixture(scope="module")
def blocks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_masks(tmp_path_factory.mktemp("blocks") / "set")


def small(data: Path, out: Path, **choices: Any) -> Run:
    """The small U-Net, on small crops, for a few steps."""
    plain: dict[str, Any] = {"model": "unet", "size": 32, "epochs": 1, "where": Where(threads=1)}
    run = train(data, out, **(plain | choices))
    assert run is not None
    return run


@pytest.fixture(scope="module")
def trained(blocks: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return small(blocks, tmp_path_factory.mktemp("trained") / "run", epochs=2)


def test_a_run_is_a_model_that_segments(trained: Run, blocks: Path) -> None:
    assert trained.task == "segment"
    assert trained.numbers["miou"] > 0.8
    assert trained.accuracy == trained.numbers["pixel_accuracy"]
    record = load("segment", model=str(trained.folder))(str(blocks / "images" / "0.png"))
    truth = np.asarray(Image.open(blocks / "masks" / "0.png"))
    assert record.predictions is not None
    (block,) = record.predictions
    assert block.label == "1"
    assert block.area == pytest.approx(truth.sum(), rel=0.2)


def test_the_folder_holds_what_every_run_does(trained: Run) -> None:
    wanted = {
        *("model.safetensors", "model.json", "log.jsonl", "curves.png", "confusion.csv", "confusion.png"),
        *("val.jsonl", "split.csv", "files.jsonl", "MODEL_CARD.md", "augmented.jpg"),
    }
    assert {path.name for path in trained.folder.iterdir()} == wanted
    assert wanted < RUN_NAMES
    facts = json.loads((trained.folder / "model.json").read_text())["facts"]
    assert facts["finished"] is True
    assert facts["data"]["pictures"]["val"] == len((trained.folder / "val.jsonl").read_text().splitlines())
    record = json.loads((trained.folder / "val.jsonl").read_text().splitlines()[0])
    assert Path(record["extra"]["truth"]["mask"]).name == Path(record["input"]).name
    epochs = [line for line in read_log(trained.folder) if line["event"] == "epoch"]
    assert {"val_miou", "val_dice", "val_accuracy", "val_loss"} <= epochs[0].keys()


def test_the_numbers_are_those_of_the_epoch_that_was_kept(trained: Run) -> None:
    best = max((e for e in read_log(trained.folder) if e["event"] == "epoch"), key=lambda e: e["val_miou"])
    assert trained.numbers["miou"] == pytest.approx(best["val_miou"], abs=2e-3)
    assert trained.numbers["pixel_accuracy"] == pytest.approx(best["val_accuracy"], abs=2e-3)


def test_the_card_says_what_it_is_and_how_good(trained: Run) -> None:
    card = (trained.folder / "MODEL_CARD.md").read_text()
    assert f"{trained.numbers['miou']:.3f}" in card
    assert "from random numbers" in card
    assert "32 x 32" in card


@pytest.mark.parametrize("step", [3, 30])
def test_a_run_that_was_killed_ends_with_the_same_tensors(
    trained: Run, blocks: Path, tmp_path: Path, step: int
) -> None:
    with pytest.raises(KeyboardInterrupt):
        small(blocks, tmp_path / "run", epochs=2, watcher=KilledAt(step))
    resumed = small(blocks, tmp_path / "run", epochs=2, resume=True)
    assert same(tensors(resumed.folder), tensors(trained.folder))


def test_another_seed_gives_other_tensors(trained: Run, blocks: Path, tmp_path: Path) -> None:
    assert not same(tensors(small(blocks, tmp_path / "run", epochs=2, seed=1).folder), tensors(trained.folder))


def test_what_cannot_be_used_is_left_out_with_a_sentence_each(tmp_path: Path) -> None:
    data = draw_masks(tmp_path / "set", 16)
    save_mask(data / "masks/0.png", np.zeros((9, 9)))
    Image.new("RGB", (64, 48)).save(data / "masks/1.png")
    (data / "masks/2.png").write_bytes(b"nothing")
    save_mask(data / "masks/3.png", np.full((48, 64), 77))
    (data / "masks/4.png").unlink()
    (data / "images/5.png").write_bytes(b"nothing")
    whole = (data / "masks/6.png").read_bytes()
    (data / "masks/6.png").write_bytes(whole[: len(whole) // 2])
    (data / "classes.txt").write_text("ground\nblock\n")
    listener = Listener()
    run = small(data, tmp_path / "run", watcher=listener)
    assert set(listener.failures) == {f"{n}.png" for n in range(7)}
    for n, words in ((0, "9 x 9"), (1, "RGB"), (3, "77"), (4, "no mask")):
        assert words in listener.failures[f"{n}.png"]
    lines = [json.loads(line) for line in (run.folder / "files.jsonl").read_text().splitlines()]
    assert len(lines) == 16
    assert sum(line["error"] is not None for line in lines) == 7
    assert run.classes == ("ground", "block")


def test_masks_of_0_and_255_have_two_classes_and_answers_of_0_and_1(tmp_path: Path) -> None:
    data = draw_masks(tmp_path / "set", 8, high=255)
    listener = Listener()
    run = small(data, tmp_path / "run", watcher=listener)
    assert run.classes == ("background", "1")
    assert any("0 and 255" in sentence for sentence in listener.said)


def test_a_trained_network_is_learned_further(trained: Run, blocks: Path, tmp_path: Path) -> None:
    further = small(blocks, tmp_path / "run", model=str(trained.folder))
    assert further.numbers["miou"] >= trained.numbers["miou"] - 0.1
    facts = json.loads((further.folder / "model.json").read_text())["facts"]
    assert (
        facts["base"]["weights_sha256"]
        == json.loads((trained.folder / "model.json").read_text())["weights"]["sha256"]
    )


def test_the_default_begins_with_an_encoder_that_knows_pictures(blocks: Path, tmp_path: Path) -> None:
    run = small(blocks, tmp_path / "run", model=None, unfreeze="last")
    known = load_file(run.folder / "model.safetensors")
    from visioncli.networks import unet_lite

    fresh = unet_lite.pretrained("lite0").state_dict()
    assert run.numbers["miou"] > 0.5
    assert all(torch.equal(known[name], fresh[name]) for name in fresh if name.startswith(("stem.", "blocks.")))
    assert not torch.equal(known["logits.weight"], fresh["logits.weight"])


def test_a_network_is_there_when_time_is_short(blocks: Path, tmp_path: Path) -> None:
    run = small(blocks, tmp_path / "run", epochs=500, seconds=12.0)
    epochs = [e for e in read_log(run.folder) if e["event"] == "epoch"]
    assert epochs[-1]["epoch"] < 500
    assert run.numbers["miou"] > 0


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"model": "maskrcnn_resnet50_fpn"}, "cannot be trained to segment"),
        ({"start": "pretrained"}, "knows nothing yet"),
        ({"model": None, "task": "segment", "crops": True}, "--crops"),
        ({"views": 3}, "--views"),
        ({"size": 50}, "multiple of 32"),
        ({"ignore_index": 70_000}, "--ignore-index"),
        ({"model": None, "unfreeze": "none"}, "--unfreeze none"),
        ({"task": "dance"}, "not to dance"),
    ],
)
def test_impossible_choices_are_sentences(blocks: Path, tmp_path: Path, choices: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        small(blocks, tmp_path / "run", **choices)
    assert not (tmp_path / "run").exists()


def test_options_of_masks_do_not_go_with_classes(blocks: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--turns is for masks"):
        train(blocks, tmp_path / "run", task="classify", turns=True)
    with pytest.raises(SetError, match="--task segment"):
        train(blocks, tmp_path / "run", task="classify")


def test_squares_of_one_size_are_turned_by_quarters(tmp_path: Path) -> None:
    listener = Listener()
    train(draw_masks(tmp_path / "a", 8, (48, 48)), tmp_path / "run", check=True, watcher=listener)
    assert any("turned by quarters" in sentence for sentence in listener.said)
    other = Listener()
    train(draw_masks(tmp_path / "b", 8, (64, 48)), tmp_path / "run", check=True, watcher=other)
    assert not any("turned by quarters" in sentence for sentence in other.said)


def test_the_views_that_pictures_deserve_are_chosen_by_validation(
    trained: Run, blocks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = next(event for event in read_log(trained.folder) if event["event"] == "views")
    notes = json.loads((trained.folder / "model.json").read_text())
    better = tried["miou_flip"] - tried["miou_none"] >= mask_finish.GAIN
    assert notes["views"] == ("flip" if better else "none")
    for least, views in ((-1.0, "turns"), (1.0, "none")):
        monkeypatch.setattr(mask_finish, "GAIN", least)
        listener = Listener()
        run = small(draw_masks(tmp_path / views, 8, (48, 48)), tmp_path / f"{views}_run", watcher=listener)
        assert json.loads((run.folder / "model.json").read_text())["views"] == views
        assert any("in 8 views, for 8 times the time" in sentence for sentence in listener.said) is (views == "turns")
        assert ("mean over eight views" in (run.folder / "MODEL_CARD.md").read_text()) is (views == "turns")
        assert load("segment", str(run.folder)).task.settings["tta"] == views


def test_masks_that_lie_beside_what_they_mark_are_answered_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though crops were turned and mirrored. The numbers are no part of the network that is written."""
    monkeypatch.setattr(masks, "PIXELS_A_STEP", 0.1)
    data = draw_masks(tmp_path / "set", 12, (48, 48))
    for path in (data / "masks").iterdir():
        save_mask(path, np.roll(np.asarray(Image.open(path)), (-3, 2), (0, 1)))
    listener = Listener()
    run = small(data, tmp_path / "run", epochs=4, watcher=listener)
    down, right = json.loads((run.folder / "model.json").read_text())["offset"]
    assert (down, right) == (pytest.approx(-3, abs=0.7), pytest.approx(2, abs=0.7))
    assert NAME not in load_file(run.folder / "model.safetensors")
    said = f"lie {offset.words((down, right))} what they mark"
    assert any(said in sentence for sentence in listener.said)
    assert said in (run.folder / "MODEL_CARD.md").read_text()
    assert run.numbers["miou"] > 0.85
    (event,) = [event for event in read_log(run.folder) if event["event"] == "offset"]
    assert (event["down"], event["right"]) == (down, right)


def test_where_masks_lie_right_or_crops_are_not_turned_there_is_no_offset(blocks: Path, tmp_path: Path) -> None:
    aligned = small(draw_masks(tmp_path / "set", 12, (48, 48)), tmp_path / "aligned", epochs=4)
    plain = small(blocks, tmp_path / "plain", mirror=False)
    for run in (aligned, plain):
        assert "offset" not in json.loads((run.folder / "model.json").read_text())


def test_where_pictures_are_never_mirrored_no_views_are_tried(blocks: Path, tmp_path: Path) -> None:
    run = small(blocks, tmp_path / "run", mirror=False)
    assert not [event for event in read_log(run.folder) if event["event"] == "views"]
    assert "views" not in json.loads((run.folder / "model.json").read_text())


def test_where_no_mask_can_be_used_the_first_reason_is_told(tmp_path: Path) -> None:
    data = draw_masks(tmp_path / "set", 3)
    for n in range(3):
        save_mask(data / f"masks/{n}.png", np.zeros((5, 5)))
    with pytest.raises(UsageError, match="5 x 5 pixels"):
        small(data, tmp_path / "run")


def test_torchvisions_networks_learn_masks_with_an_auxiliary_head_that_the_model_leaves_out(
    blocks: Path, tmp_path: Path
) -> None:
    """Twice as many logits come out while it learns, also of one picture, where the layer that sees it as one pixel
    keeps its statistics; what is kept answers with its classes alone."""
    learner = torchvision.build_learner("deeplabv3_mobilenet_v3_large", "2").train()
    learner.get_submodule("classifier.0.convs.4").eval()
    assert learner(torch.zeros(1, 3, 32, 32)).shape == (1, 4, 32, 32)
    assert learner.eval()(torch.zeros(1, 3, 32, 32)).shape == (1, 2, 32, 32)
    model = "deeplabv3_mobilenet_v3_large"
    run = small(blocks, tmp_path / "run", model=model, start="scratch")
    assert not [name for name in load_file(run.folder / "model.safetensors") if name.startswith("aux")]
    record = load("segment", model=str(run.folder))(str(blocks / "images" / "0.png"))
    assert record.error is None
    assert {event["loss"] < 4 for event in read_log(run.folder) if event["event"] == "epoch"} == {True}


def test_weights_of_ones_own_are_begun_with(trained: Run, blocks: Path, tmp_path: Path) -> None:
    """With hardly any step, the network answers as the one whose weights it began with."""
    weights = str(trained.folder / "model.safetensors")
    run = small(blocks, tmp_path / "run", weights=weights, start="pretrained", rate=1e-7)
    assert run.numbers["miou"] == pytest.approx(trained.numbers["miou"], abs=0.05)


def test_dropout_before_the_last_layer_changes_what_is_learned(trained: Run, blocks: Path, tmp_path: Path) -> None:
    plain = small(blocks, tmp_path / "plain")
    dropped = small(blocks, tmp_path / "dropped", dropout=0.5)
    losses = [next(e["loss"] for e in read_log(r.folder) if e["event"] == "epoch") for r in (plain, dropped)]
    assert losses[1] > losses[0]


def test_the_true_masks_stand_beside_the_records(trained: Run, blocks: Path) -> None:
    (line,) = (trained.folder / "val.jsonl").read_text().splitlines()[:1]
    body = json.loads(line)
    (segment,) = body["extra"]["truth"]["segments"]
    assert (segment["label"], segment["label_id"]) == ("1", 1)
    true = np.asarray(Image.open(blocks / "masks" / Path(body["input"]).name))
    assert (Rle(tuple(segment["mask"]["size"]), segment["mask"]["counts"]).decode() == true).all()
