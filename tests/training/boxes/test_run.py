"""Whole runs that learn boxes, on small pictures that are drawn."""

import json
from pathlib import Path
from typing import Any

import pytest

from box_sets import annotation, draw_boxes, read, save
from killed_runs import KilledAt, same, tensors
from listener import Listener
from visioncli import load, train
from visioncli.earlier_results import RUN_NAMES
from visioncli.errors import UsageError
from visioncli.labelled.boxes import read_boxes
from visioncli.training.train import Run, Where
from visioncli.training.watch import read_log


@pytest.fixture(scope="module")
def blocks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_boxes(tmp_path_factory.mktemp("blocks") / "set", 16)


def small(data: Path, out: Path, **choices: Any) -> Run:
    """The heads of the embedded SSD, for a few steps."""
    plain: dict[str, Any] = {"task": "detect", "epochs": 2, "batch_size": 4, "where": Where(threads=1)}
    run = train(data, out, **(plain | choices))
    assert run is not None
    return run


@pytest.fixture(scope="module")
def trained(blocks: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return small(blocks, tmp_path_factory.mktemp("trained") / "run", epochs=12, augment="none", rate=5e-3)


def test_a_run_is_a_model_that_detects(trained: Run, blocks: Path) -> None:
    assert trained.task == "detect"
    assert trained.classes == ("bright", "dark")
    assert trained.numbers["AP50"] > 0.5
    found = read_boxes(str(blocks))
    record = load("detect", model=str(trained.folder), score=0.2)(found.examples[1].path)
    assert record.predictions
    assert {p.label for p in record.predictions} <= {"bright", "dark"}


def test_the_loss_falls(trained: Run) -> None:
    losses = [e["loss"] for e in read_log(trained.folder) if e["event"] == "epoch"]
    assert losses[-1] < 0.7 * losses[0]


def test_the_folder_holds_what_every_run_does(trained: Run) -> None:
    wanted = {
        *("model.safetensors", "model.json", "log.jsonl", "curves.png", "confusion.csv", "confusion.png"),
        *("val.jsonl", "split.csv", "files.jsonl", "MODEL_CARD.md", "augmented.jpg"),
    }
    assert {path.name for path in trained.folder.iterdir()} == wanted
    assert wanted < RUN_NAMES
    facts = json.loads((trained.folder / "model.json").read_text())["facts"]
    assert facts["finished"] is True
    records = [json.loads(line) for line in (trained.folder / "val.jsonl").read_text().splitlines()]
    assert facts["data"]["pictures"]["val"] == len(records)
    assert {"labels", "boxes", "crowd"} == records[0]["extra"]["truth"].keys()
    epochs = [line for line in read_log(trained.folder) if line["event"] == "epoch"]
    assert {"val_ap", "val_ap50", "val_ar100", "val_ap_by_class"} <= epochs[0].keys()


def test_the_numbers_are_those_of_the_epoch_that_was_kept(trained: Run) -> None:
    best = max((e for e in read_log(trained.folder) if e["event"] == "epoch"), key=lambda e: e["val_ap"])
    assert trained.numbers["AP"] == pytest.approx(best["val_ap"], abs=5e-3)
    assert trained.numbers["AP50"] == pytest.approx(best["val_ap50"], abs=5e-3)


def test_the_card_says_what_it_is_and_how_good(trained: Run) -> None:
    card = (trained.folder / "MODEL_CARD.md").read_text()
    assert f"{trained.numbers['AP']:.3f}" in card
    assert "ssd_mobilenet_v2" in card
    assert "bright" in card


def test_a_run_that_was_killed_ends_with_the_same_tensors(blocks: Path, tmp_path: Path) -> None:
    whole = small(blocks, tmp_path / "whole", unfreeze="last")
    with pytest.raises(KeyboardInterrupt):
        small(blocks, tmp_path / "run", unfreeze="last", watcher=KilledAt(4))
    resumed = small(blocks, tmp_path / "run", unfreeze="last", resume=True)
    assert same(tensors(resumed.folder), tensors(whole.folder))


def test_frozen_layers_stay_and_heads_learn(trained: Run, blocks: Path, tmp_path: Path) -> None:
    from visioncli.models import registry
    from visioncli.weights.load import load_network

    known, own = load_network(registry.find("ssd_mobilenet_v2", "detect")).state_dict(), tensors(trained.folder)
    assert all(same({"": known[n]}, {"": own[n]}) for n in known if not n.startswith(("box_heads", "class_heads")))
    assert not same({"": known["box_heads.0.weight"]}, {"": own["box_heads.0.weight"]})


def test_classes_that_the_network_knows_are_measured_before_and_never_lost(tmp_path: Path) -> None:
    data = draw_boxes(tmp_path / "set", 10, ("dog", "cat"))
    run = small(data, tmp_path / "run", epochs=1)
    (start,) = [e for e in read_log(run.folder) if e["event"] == "start"]
    assert run.numbers["AP"] >= start["val_ap"] - 5e-3


def test_a_trained_network_is_learned_further(trained: Run, blocks: Path, tmp_path: Path) -> None:
    further = small(blocks, tmp_path / "run", model=str(trained.folder), epochs=1)
    assert further.numbers["AP"] >= trained.numbers["AP"] - 5e-3
    assert any(e["event"] == "start" for e in read_log(further.folder))


def test_what_cannot_be_used_is_left_out_with_a_sentence_each(tmp_path: Path) -> None:
    data = draw_boxes(tmp_path / "set", 12)
    (data / "images/1.png").write_bytes(b"nothing")
    body = read(data)
    body["images"][2] |= {"width": 300, "height": 200}
    save(data, body["images"], [*body["annotations"], annotation(900, 3, 0, [500, 500, 20, 20])])
    (data / "images/4.png").unlink()
    listener = Listener()
    assert train(data, tmp_path / "run", task="detect", check=True, watcher=listener) is None
    assert set(listener.failures) == {"1.png", "2.png"}
    assert "300 x 200" in listener.failures["2.png"]
    assert "96 x 64" in listener.failures["2.png"]
    said = "\n".join(listener.said)
    assert "1 boxes without a pixel inside of the picture are left out" in said
    assert "4.png" in said
    assert not (tmp_path / "run").exists()


def test_one_class_is_enough(tmp_path: Path) -> None:
    data = draw_boxes(tmp_path / "set", 8, ("block",))
    assert train(data, tmp_path / "run", task="detect", check=True) is None


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"model": "deeplab_v3_mobilenet_v2"}, "detect"),
        ({"model": "efficientdet_lite0"}, "cannot be trained to detect"),
        ({"crops": True}, "--crops is for classes"),
        ({"turns": True}, "--turns is for masks"),
        ({"views": 2}, "--views is for classes"),
        ({"size": 400}, "--size"),
        ({"group": "nothing like this"}, "finds nothing"),
    ],
)
def test_impossible_choices_are_sentences(blocks: Path, tmp_path: Path, choices: dict[str, Any], words: str) -> None:
    with pytest.raises(Exception, match=words) as caught:
        small(blocks, tmp_path / "run", **choices)
    assert isinstance(caught.value, UsageError) or "model" in choices
    assert not (tmp_path / "run").exists()


def test_one_picture_cannot_be_divided(tmp_path: Path) -> None:
    data = draw_boxes(tmp_path / "set", 3)
    body = read(data)
    save(data, body["images"][1:2], [a for a in body["annotations"] if a["image_id"] == 1])
    with pytest.raises(UsageError, match=r"no picture to validate on|to learn from"):
        small(data, tmp_path / "run")


def test_training_needs_an_object_to_learn_from(tmp_path: Path) -> None:
    data = tmp_path / "set"
    made = draw_boxes(tmp_path / "made", 6)
    (data / "annotations").mkdir(parents=True)
    body = read(made)
    for split, rows in (("train", body["images"][:1]), ("val", body["images"][1:])):
        (data / "images" / split).mkdir(parents=True)
        for row in rows:
            (made / "images" / row["file_name"]).rename(data / "images" / split / row["file_name"])
        ids = {row["id"] for row in rows}
        part = body | {"images": rows, "annotations": [a for a in body["annotations"] if a["image_id"] in ids]}
        (data / "annotations" / f"instances_{split}.json").write_text(json.dumps(part))
    with pytest.raises(UsageError, match="no object in its pictures to learn from"):
        small(data, tmp_path / "run")
