"""`vision iou --bootstrap`: an interval beside every number, wherever numbers are shown."""

import json
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from visioncli.cli.iou import IouCommand, iou
from visioncli.errors import UsageError

CLASSES = [{"id": 1, "name": "cat"}, {"id": 90, "name": "dog"}, {"id": 91, "name": "cow, wild"}]


@pytest.fixture
def vision():
    app = typer.Typer()
    app.command("iou", cls=IouCommand)(iou)
    app.callback()(lambda: None)

    def run(*words):
        result = CliRunner().invoke(app, ["iou", *map(str, words)])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Twelve pictures of cats and dogs, of which some are found; of a cow there is nothing."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    objects, found = [], []
    for k in range(40):
        box = [int(v) for v in (*rng.integers(0, 50, 2), *rng.integers(10, 40, 2))]
        row = {"image_id": int(rng.integers(0, 12)), "category_id": [1, 90][k % 2], "bbox": box}
        objects.append({"id": k + 1, **row})
        moved = [box[0] + int(rng.integers(0, 9)), *box[1:]]
        if k % 5:
            found.append({**row, "bbox": moved, "score": float(rng.random())})
    images = [{"id": i, "file_name": f"{i}.jpg", "width": 100, "height": 100} for i in range(12)]
    Path("truth.json").write_text(json.dumps({"images": images, "categories": CLASSES, "annotations": objects}))
    Path("found.json").write_text(json.dumps(found))
    return tmp_path


@pytest.fixture
def maps(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for side in ("truth", "found"):
        Path(side).mkdir()
        for k in range(6):
            Image.fromarray(rng.integers(0, 3, (8, 9), np.uint8)).save(f"{side}/{k}.png")
    return tmp_path


def test_every_number_in_json_has_its_interval(vision, files):
    body = json.loads(vision("truth.json", "found.json", "--bootstrap", 200, "--json").stdout)
    numbers = body["coco"] | body["voc"] | body["total"]
    assert set(body["intervals"]) == set(numbers)
    assert body["bootstrap"] == {"resamples": 200, "seed": 0}
    for name, ends in body["intervals"].items():
        if numbers[name] is None:
            assert ends is None
        else:
            assert ends[0] <= numbers[name] <= ends[1], name
    for row in body["classes"]:
        assert set(row["intervals"]) == set(row) - {"label", "label_id", "intervals"}
    assert "AP" in body["classes"][0]["intervals"]


def test_without_the_option_nothing_is_said_of_intervals(vision, files):
    body = json.loads(vision("truth.json", "found.json", "--json").stdout)
    assert "intervals" not in body and "bootstrap" not in body and "intervals" not in body["classes"][0]
    assert "[" not in vision("truth.json", "found.json").stdout


def test_the_numbers_themselves_are_as_without_it(vision, files):
    plain = json.loads(vision("truth.json", "found.json", "--json").stdout)
    body = json.loads(vision("truth.json", "found.json", "--json", "--bootstrap", 100).stdout)
    assert {k: body[k] for k in ("coco", "voc", "total")} == {k: plain[k] for k in ("coco", "voc", "total")}


def test_the_table_shows_the_interval_beside_each_number(vision, files):
    ends = json.loads(vision("truth.json", "found.json", "--bootstrap", 100, "--json").stdout)["intervals"]
    lines = vision("truth.json", "found.json", "--bootstrap", 100).stdout.splitlines()
    assert lines[0].endswith("in brackets 95 % intervals, by 100 resamples")
    (line,) = [line for line in lines if line.startswith("AP50 ")]
    assert line.endswith(f" [{ends['AP50'][0]:.4f} {ends['AP50'][1]:.4f}]")
    (total,) = [line for line in lines if line.startswith("all classes")]
    low, high = map(round, ends["matched"])
    assert f" [{low} {high}] " in total and total.count("[") == 11


def test_only_prints_the_ends_after_the_number(vision, files):
    whole = json.loads(vision("truth.json", "found.json", "--bootstrap", 100, "--json").stdout)
    line = vision("truth.json", "found.json", "--bootstrap", 100, "--only", "AP50").stdout
    values = [float(v) for v in line.split("\t")]
    assert values == pytest.approx([whole["coco"]["AP50"], *whole["intervals"]["AP50"]])
    lines = vision("truth.json", "found.json", "--bootstrap", 100, "--only", "recall[dog],f1").stdout.splitlines()
    assert [line.split("\t")[0] for line in lines] == ["recall[dog]", "f1"]
    dog = next(row for row in whole["classes"] if row["label"] == "dog")
    assert [float(v) for v in lines[0].split("\t")[1:]] == pytest.approx([dog["recall"], *dog["intervals"]["recall"]])


def test_only_with_json_has_the_intervals_by_name(vision, files):
    found = vision("truth.json", "found.json", "--bootstrap", 100, "--only", "AP,AP_large,recall[cat]", "--json")
    body = json.loads(found.stdout)
    assert list(body) == ["AP", "AP_large", "recall[cat]", "intervals"]
    assert body["AP_large"] is None and body["intervals"]["AP_large"] is None
    low, high = body["intervals"]["recall[cat]"]
    assert low < body["recall[cat]"] < high


def test_a_gate_is_about_the_number_not_the_interval(vision, files):
    recall = json.loads(vision("truth.json", "found.json", "--only", "recall", "--json").stdout)["recall"]
    assert vision("truth.json", "found.json", "--bootstrap", 100, "--fail-under", f"recall={recall}").exit_code == 0


def test_another_seed_draws_other_resamples_and_the_same_seed_the_same(vision, files):
    first, again, other = (
        vision("truth.json", "found.json", "--bootstrap", 100, "--seed", seed, "--json").stdout for seed in (5, 5, 6)
    )
    assert first == again != other


def test_label_maps_have_intervals_too(vision, maps):
    body = json.loads(vision("truth", "found", "--bootstrap", 100, "--json").stdout)
    assert set(body["intervals"]) == {"miou", "mean_iou", "dice", "pixel_accuracy"}
    low, high = body["classes"][2]["intervals"]["iou"]
    assert low < body["classes"][2]["iou"] < high
    table = vision("truth", "found", "--bootstrap", 100).stdout
    assert f"[{low:.4f} {high:.4f}]" in table


def test_a_single_picture_has_no_intervals(vision, files):
    truth = json.loads(Path("truth.json").read_text())
    truth["images"] = truth["images"][:1]
    truth["annotations"] = [a for a in truth["annotations"] if a["image_id"] == 0]
    Path("truth.json").write_text(json.dumps(truth))
    found = vision("truth.json", "found.json", "--skip-unknown", "--bootstrap", 100, "--json", "-q")
    assert set(json.loads(found.stdout)["intervals"].values()) == {None}
    assert "[" not in vision("truth.json", "found.json", "--skip-unknown", "--bootstrap", 100, "-q").stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--bootstrap", 0], "--bootstrap takes 100 to 100,000 resamples, not 0"),
        (["--bootstrap", -5], "100 to 100,000"),
        (["--bootstrap", 10**9], "100 to 100,000"),
        (["--seed", 1], "give --bootstrap 1000 too"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_read(vision, words, says):
    with pytest.raises(UsageError, match=says):
        vision("nowhere.json", "nothing.json", *words)


def test_typed_boxes_have_no_intervals(vision):
    with pytest.raises(UsageError, match="--bootstrap is for files"):
        vision("0,0,5,5", "0,0,5,5", "--bootstrap", 100)
