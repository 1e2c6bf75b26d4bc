"""Whole runs of `vision eval` on pictures with classes: numbers as of foreign libraries, files, statuses."""

import csv
import hashlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import sklearn.metrics as sk
import torch
import torchmetrics.functional.classification as tm
from PIL import Image

import onnx_files
from conftest import Ended
from run_folders import make_run
from visioncli.evaluation.stress import STRESSES, worse
from visioncli.record_schema import json_schema

Vision = Callable[..., Ended]
LABELS = ("red", "green", "blue")
CHECK = jsonschema.Draft202012Validator(json_schema())


def paint(path: Path, seed: int, label: int, strength: float = 30.0) -> None:
    """Noise in which one channel is mostly brighter."""
    random = np.random.default_rng(seed)
    shift = random.normal(0, strength, 3)
    shift[label] += strength
    pixels = np.clip(random.normal(128 + shift, 25, (12, 12, 3)), 0, 255).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Class folders: 60 pictures of three colours, of which some are not what their folder says."""
    for n in range(60):
        paint(tmp_path / "photos" / LABELS[n % 3] / f"{n:02}.png", n, n % 3)
    return tmp_path / "photos"


@pytest.fixture
def table(photos: Path, tmp_path: Path) -> Path:
    """The same as a CSV with other columns."""
    rows = ["path,label,camera,split"]
    for n in range(60):
        path = f"photos/{LABELS[n % 3]}/{n:02}.png"
        rows.append(f"{path},{LABELS[n % 3]},{'phone' if n % 2 else 'slr'},{'val' if n < 40 else 'train'}")
    (tmp_path / "set.csv").write_text("\n".join(rows) + "\n")
    return tmp_path / "set.csv"


@pytest.fixture
def network(tmp_path: Path) -> str:
    return onnx_files.channels(tmp_path / "colours.onnx")


def body(ended: Ended) -> dict[str, Any]:
    assert ended.status == 0, ended.err
    found: dict[str, Any] = json.loads(ended.out)
    return found


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_number_agrees_with_scikit_learn_and_torchmetrics(vision: Vision, photos: Path, network: str) -> None:
    said = body(vision("eval", "photos", "-m", network, "--json"))
    lines = records(photos.parent / "vision-eval" / "onnx_colours_onnx.jsonl")
    scores = np.array([[p["score"] for p in sorted(r["predictions"], key=lambda p: p["label_id"])] for r in lines])
    truth = np.array([LABELS.index(r["extra"]["truth"]["labels"][0]) for r in lines])
    answers = scores.argmax(axis=1)
    assert 0.5 < (answers == truth).mean() < 1
    scores /= scores.sum(axis=1, keepdims=True)  # they are rounded in records
    expected = {
        "top1": sk.accuracy_score(truth, answers),
        "top5": 1.0,
        "macro_f1": sk.f1_score(truth, answers, average="macro"),
        "balanced_accuracy": sk.balanced_accuracy_score(truth, answers),
        "log_loss": sk.log_loss(truth, scores),
        "brier": float(((scores - np.eye(3)[truth]) ** 2).sum(axis=1).mean()),
        "ece": float(tm.multiclass_calibration_error(torch.tensor(scores), torch.tensor(truth), 3, n_bins=15)),
    }
    (model,) = said["models"]
    # What records say is rounded to six places.
    assert model["total"] == pytest.approx(expected, abs=3e-6)
    for name in ("top1", "macro_f1", "balanced_accuracy"):
        assert model["total"][name] == pytest.approx(expected[name], abs=1e-12)
    # Classes are in the order of the folders.
    order = [c["label"] for c in model["classes"]]
    assert order == sorted(LABELS)
    places = [LABELS.index(label) for label in order]
    assert model["confusion"]["counts"] == sk.confusion_matrix(truth, answers, labels=places).tolist()
    for name, function in (("precision", sk.precision_score), ("recall", sk.recall_score), ("f1", sk.f1_score)):
        assert [c[name] for c in model["classes"]] == pytest.approx(
            function(truth, answers, labels=places, average=None)
        )
    for name, (low, high) in model["intervals"].items():
        assert low <= model["total"][name] <= high, name


def test_all_that_is_printed_is_in_files_too(vision: Vision, table: Path, network: str) -> None:
    ended = vision("eval", "set.csv", "-m", network, "--by", "camera", "--stress", "--json", "--split", "all")
    said = body(ended)
    out = table.parent / "vision-eval"
    assert json.loads((out / "eval.json").read_text()) == said
    assert {p.name for p in out.iterdir()} == {
        ".visionfiles", "eval.json", "classes.csv", "confusion.csv", "slices.csv", "stress.csv",
        "onnx_colours_onnx.jsonl",
    }  # fmt: skip
    for record in records(out / "onnx_colours_onnx.jsonl"):
        CHECK.validate(record)
    (model,) = said["models"]
    for file, bodies in (("slices.csv", said["slices"]), ("classes.csv", model["classes"])):
        rows = list(csv.DictReader((out / file).open()))
        for row, one in zip(rows, bodies, strict=True):
            for name, ends in one["intervals"].items():
                value = one["total"][name] if "total" in one else one[name]
                assert float(row[name]) == value
                if name != "support":
                    assert [float(row[f"{name}_low"]), float(row[f"{name}_high"])] == ends
    counts = {(r["truth"], r["predicted"]): int(r["count"]) for r in csv.DictReader((out / "confusion.csv").open())}
    labels = model["confusion"]["labels"]
    assert {
        (labels[t], labels[p]): n
        for t, row in enumerate(model["confusion"]["counts"])
        for p, n in enumerate(row)
        if n
    } == counts
    rows = list(csv.DictReader((out / "stress.csv").open()))
    assert [(r["kind"], int(r["level"]), float(r["top1"]), float(r["difference_low"])) for r in rows] == [
        (r["kind"], r["level"], r["top1"], r["difference_interval"][0]) for r in said["stress"]
    ]


def test_stress_is_the_evaluation_of_pictures_made_worse(vision: Vision, photos: Path, network: str) -> None:
    said = body(vision("eval", "photos", "-m", network, "--stress", "--json", "-o", "-"))
    for n, stress in enumerate(STRESSES):
        if stress.level == 1:
            continue
        for path in photos.rglob("*.png"):
            with Image.open(path) as image:
                made = worse(image, [stress])[0]
            target = photos.parent / stress.kind / path.relative_to(photos)
            target.parent.mkdir(parents=True, exist_ok=True)
            made.save(target)
        row, alone = said["stress"][n], body(vision("eval", stress.kind, "-m", network, "--json", "-o", "-"))
        assert row["kind"] == stress.kind
        assert row["top1"] == alone["models"][0]["total"]["top1"]
        assert row["difference"] == pytest.approx(row["top1"] - said["models"][0]["total"]["top1"])


def test_slices_come_worst_first_and_are_what_each_part_alone_gives(
    vision: Vision, table: Path, network: str
) -> None:
    said = body(vision("eval", "set.csv", "-m", network, "--by", "camera", "--json", "--split", "all", "-o", "-"))
    values = [s["total"]["top1"] for s in said["slices"]]
    assert values == sorted(values)
    assert {s["value"]: s["pictures"] for s in said["slices"]} == {"phone": 30, "slr": 30}
    lines = table.read_text().splitlines()
    for one in said["slices"]:
        rows = [line for line in lines[1:] if one["value"] in line]
        (table.parent / "part.csv").write_text("\n".join([lines[0], *rows]))
        alone = body(vision("eval", "part.csv", "-m", network, "--json", "--split", "all", "-o", "-"))
        assert alone["models"][0]["total"] == one["total"]
        assert alone["models"][0]["intervals"] == one["intervals"]


def test_the_part_for_tests_is_taken_or_else_that_for_validation(vision: Vision, table: Path, network: str) -> None:
    ended = vision("eval", "set.csv", "-m", network, "--only", "top1", "-o", "-")
    assert "the validation part, 40 of 60 pictures" in ended.err
    table.write_text(table.read_text().replace(",train", ",test"))
    said = body(ended := vision("eval", "set.csv", "-m", network, "--json", "-o", "-"))
    assert (said["split"], said["pictures"]) == ("test", 20)
    assert "the test part, 20 of 60 pictures" in ended.err
    ended = vision("eval", "set.csv", "-m", network, "--split", "train", "-o", "-")
    assert ended.status == 2
    assert "has no training part. It has val, test" in ended.err


def test_two_networks_are_compared_picture_by_picture(vision: Vision, photos: Path, tmp_path: Path) -> None:
    good = onnx_files.channels(tmp_path / "good.onnx")
    # Green wins too often: its logit is doubled by being there twice.
    bad = onnx_files.constant(
        tmp_path / "bad.onnx", {"y": [[0.0, 1.0, 0.5]]}, (1, 3, 8, 8), labels=json.dumps(dict(enumerate(LABELS)))
    )
    ended = vision("eval", "photos", "-m", f"{bad[5:]}", "-o", "-")
    assert ended.status == 2
    ended = vision("eval", "photos", good, bad, "--json", "-o", "-")
    said = body(ended)
    totals = [m["total"]["top1"] for m in said["models"]]
    assert totals[1] == pytest.approx(1 / 3)
    (one,) = said["comparisons"]
    assert one["difference"]["top1"] == pytest.approx(totals[1] - totals[0])
    only = one["mcnemar"]
    assert (only["only_first"] - only["only_second"]) / 60 == pytest.approx(totals[1] - totals[0])
    assert "onnx:good.onnx is better" in one["sentence"]
    assert one["sentence"] in vision("eval", "photos", good, bad, "-o", "-", "-q").out.decode()
    same = vision("eval", "photos", good, "-m", f"onnx:{tmp_path / 'again.onnx'}", "-o", "-")
    assert same.status == 4
    (tmp_path / "again.onnx").write_bytes((tmp_path / "good.onnx").read_bytes())
    same = vision("eval", "photos", good, "-m", f"onnx:{tmp_path / 'again.onnx'}", "-o", "-")
    assert "these do not tell them apart" in same.out.decode()


def test_pictures_that_cannot_be_read_are_records_and_status_1(vision: Vision, photos: Path, network: str) -> None:
    (photos / "red" / "cut.png").write_bytes((photos / "red" / "00.png").read_bytes()[:70])
    ended = vision("eval", "photos", "-m", network, "--json")
    assert ended.status == 1
    said = json.loads(ended.out)
    assert (said["pictures"], said["failed"]) == (60, 1)
    assert "photos/red/cut.png" in ended.err
    failed = [r for r in records(photos.parent / "vision-eval" / "onnx_colours_onnx.jsonl") if r["error"]]
    assert [r["input"] for r in failed] == ["photos/red/cut.png"]
    CHECK.validate(failed[0])
    for path in photos.rglob("*.png"):
        path.write_bytes(b"none")
    ended = vision("eval", "photos", "-m", network, "-o", "other")
    assert ended.status == 3
    assert not (photos.parent / "other").exists()


def test_gates_and_single_numbers(vision: Vision, photos: Path, network: str) -> None:
    one = vision("eval", "photos", "-m", network, "--only", "top1", "-o", "-", "-q")
    top1 = float(one.out)
    assert (one.status, one.err) == (0, "")
    two = vision("eval", "photos", "-m", network, "--only", "top1,recall[red]", "-o", "-", "--json")
    assert json.loads(two.out)["top1"] == pytest.approx(top1)
    ended = vision("eval", "photos", "-m", network, "--fail-under", "top1=0.999", "-o", "-", "-q")
    assert ended.status == 5 and "gate missed: top1 is" in ended.err
    assert vision("eval", "photos", "-m", network, "--fail-under", "top1=0.1", "-o", "-").status == 0
    for wrong in ("top7=1", "recall[purple]=1", "ece=0.1", "top1"):
        ended = vision("eval", "photos", "-m", network, "--fail-under", wrong, "-o", "-")
        assert ended.status == 2, wrong
        assert ended.out == b""


def test_a_class_that_the_network_does_not_know_is_named(vision: Vision, photos: Path, network: str) -> None:
    (photos / "green").rename(photos / "greens")
    ended = vision("eval", "photos", "-m", network)
    assert ended.status == 2
    assert "knows no class 'greens'. Did you mean green?" in ended.err
    assert not (photos.parent / "vision-eval").exists()
    said = body(ended := vision("eval", "photos", "-m", network, "--skip-unknown", "--json"))
    assert (said["pictures"], said["left_out"]["unknown_class"]) == (40, 20)
    assert "Left out 20 pictures" in ended.err


def test_several_labels_a_picture_have_their_own_numbers(vision: Vision, photos: Path, network: str) -> None:
    rows = ["path,label"]
    for n in range(60):
        more = f";{LABELS[(n + 1) % 3]}" if n % 4 == 0 else ""
        rows.append(f"photos/{LABELS[n % 3]}/{n:02}.png,{LABELS[n % 3]}{more}")
    (photos.parent / "several.csv").write_text("\n".join(rows))
    said = body(vision("eval", "several.csv", "-m", network, "--json"))
    assert said["kind"] == "multi_label"
    lines = records(photos.parent / "vision-eval" / "onnx_colours_onnx.jsonl")
    scores = np.array([[p["score"] for p in sorted(r["predictions"], key=lambda p: p["label_id"])] for r in lines])
    truth = np.array([[label in r["extra"]["truth"]["labels"] for label in LABELS] for r in lines])
    total = said["models"][0]["total"]
    assert total["mAP"] == pytest.approx(sk.average_precision_score(truth, scores), abs=1e-6)
    assert total["micro_f1"] == pytest.approx(sk.f1_score(truth, scores >= 0.5, average="micro"), abs=1e-6)
    assert total["subset_accuracy"] == pytest.approx(sk.accuracy_score(truth, scores >= 0.5))


@pytest.fixture
def run_folder(photos: Path) -> Path:
    """A RUN that was trained on the first 30 pictures and chosen by the next 15."""
    run = photos.parent / "run"
    make_run(run, labels=LABELS)
    lines = ["path,label,split,group,sha256"]
    for path in sorted(photos.rglob("*.png")):
        number = int(path.stem)
        split = "train" if number < 30 else "val" if number < 45 else "test"
        lines.append(f"elsewhere/{path.name},red,{split},,{hashlib.sha256(path.read_bytes()).hexdigest()}")
    (run / "split.csv").write_text("\n".join(lines))
    return run


def test_pictures_that_a_run_was_trained_on_are_left_out(vision: Vision, photos: Path, run_folder: Path) -> None:
    for args in (("run",), ("-m", "run")):
        said = body(ended := vision("eval", "photos", *args, "--json"))
        assert (said["pictures"], said["left_out"]["trained_on"]) == (30, 30)
        assert "run was trained on 30 of these 60 pictures: they are left out" in ended.err
        assert "run was chosen by 15 of these 60 pictures" in ended.err
        kept = {int(Path(r["input"]).stem) for r in records(photos.parent / "vision-eval" / "run.jsonl")}
        assert kept == set(range(30, 60))
    said = body(ended := vision("eval", "photos", "run", "--json", "--allow-leaks", "-o", "-"))
    assert said["pictures"] == 60
    assert "run was trained on 30 of these 60 pictures: numbers flatter." in ended.err
    for path in photos.rglob("*.png"):
        if int(path.stem) >= 30:
            path.unlink()
    ended = vision("eval", "photos", "run", "-o", "-")
    assert ended.status == 2
    assert "trained on all of these 30 pictures" in ended.err


def test_a_run_with_thresholds_is_measured_at_them(vision: Vision, photos: Path) -> None:
    make_run(photos.parent / "run", labels=LABELS, thresholds=(0.0, 1.0, 0.0))
    rows = [f"photos/{LABELS[n % 3]}/{n:02}.png,{LABELS[n % 3]};green" for n in range(60)]
    (photos.parent / "several.csv").write_text("\n".join(["path,label", *rows]))
    said = body(vision("eval", "several.csv", "run", "--json", "-o", "-"))
    classes = {c["label"]: (c["threshold"], c["recall"]) for c in said["models"][0]["classes"]}
    assert classes == {"blue": (0.0, 1.0), "green": (1.0, 0.0), "red": (0.0, 1.0)}


def test_the_same_command_gives_the_same_bytes(vision: Vision, photos: Path, network: str) -> None:
    for out in ("one", "two"):
        args = ("eval", "photos", "-m", network, "--stress", "-q", "-o", out, "-b", "1" if out == "one" else "7")
        assert vision(*args).status == 0
    for name in ("eval.json", "classes.csv", "stress.csv"):
        assert (photos.parent / "one" / name).read_bytes() == (photos.parent / "two" / name).read_bytes()


def test_what_others_wrote_is_not_replaced_and_earlier_numbers_go(vision: Vision, table: Path, network: str) -> None:
    out = table.parent / "vision-eval"
    assert vision("eval", "set.csv", "-m", network, "--by", "camera", "-q").status == 0
    assert vision("eval", "set.csv", "-m", network, "-q").status == 0
    assert not (out / "slices.csv").exists()
    (table.parent / "mine").mkdir()
    (table.parent / "mine" / "classes.csv").write_text("mine")
    ended = vision("eval", "set.csv", "-m", network, "-q", "-o", "mine")
    assert ended.status == 3 and "that vision did not write" in ended.err
    assert [p.name for p in (table.parent / "mine").iterdir()] == ["classes.csv"]
    assert (table.parent / "mine" / "classes.csv").read_text() == "mine"


def test_the_data_are_never_the_output_folder(vision: Vision, photos: Path, network: str) -> None:
    ended = vision("eval", "photos", "-m", network, "-o", "photos/../photos")
    assert ended.status == 2 and "is DATA itself" in ended.err
    assert not list(photos.glob("*.*"))


def test_a_json_beside_class_folders_makes_no_annotations_of_them(vision: Vision, photos: Path, network: str) -> None:
    (photos / "about.json").write_text('{"author": "somebody", "images": 60}')
    assert body(vision("eval", "photos", "-m", network, "--json", "-o", "-"))["format"] == "class folders"


def test_tables_for_people_have_the_numbers_too(vision: Vision, table: Path, network: str) -> None:
    ended = vision("eval", "set.csv", "-m", network, "--by", "camera", "--stress", "-o", "-")
    text = ended.out.decode()
    for words in ("40 pictures", "top1", "balanced_accuracy", "By camera, the worst first", "jpeg 1", "small 2"):
        assert words in text
    assert vision("eval", "set.csv", "-m", network, "--bootstrap", "0", "-o", "-").status == 0


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--by", "colour"), "has no such column. Its other columns are camera."),
        (("--split", "dev"), "--split is one of val, test, train, all"),
        (("--task", "sing"), "--task is one of"),
        (("--only", ""), "--only is empty"),
        (("--only", "top2"), "Did you mean top5 or top1?"),
        (("--images", "photos"), "--images is for boxes and label maps"),
        (("--bootstrap", "-1"), "--bootstrap"),
    ],
)  # fmt: skip
def test_wrong_usage_is_a_sentence_before_any_work(
    vision: Vision, table: Path, network: str, args: tuple[str, ...], words: str
) -> None:
    ended = vision("eval", "set.csv", "-m", network, *args)
    assert ended.status == 2
    assert words in ended.err
    assert ended.out == b""
    assert not (table.parent / "vision-eval").exists()


def test_ctrl_c_leaves_nothing_half_done(
    start_vision: Callable[..., "subprocess.Popen[bytes]"], photos: Path, network: str
) -> None:
    pipe = photos / "red" / "never.png"
    os.mkfifo(pipe)
    process = start_vision("eval", "photos", "-m", network, "-o", "out", "--timeout", "30")
    assert process.stderr is not None
    for line in process.stderr:
        if b"all 61 pictures" in line:
            break
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert out == b""
    assert not list((photos.parent / "out").glob("*")) if (photos.parent / "out").exists() else True
