import contextlib
import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, strategies

from run_folders import make_run, row_of, seeded
from visioncli.errors import ModelUnavailable, OutputError, UsageError
from visioncli.models import registry
from visioncli.models.mask_learners import as_learner
from visioncli.models.registry import find
from visioncli.models.row import Accuracy
from visioncli.resolve import describe
from visioncli.weights import runs
from visioncli.weights.load import load_network
from visioncli.weights.runs import is_run, read_facts, read_run, write_model


@pytest.fixture
def run(tmp_path: Path) -> Path:
    make_run(tmp_path / "run", temperature=1.5, facts={"seed": 7, "command": "vision train"})
    return tmp_path / "run"


def edit(run: Path, change: Callable[[dict[str, Any]], object]) -> None:
    body = json.loads((run / "model.json").read_text())
    change(body)
    (run / "model.json").write_text(json.dumps(body))


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    reached = (Accuracy("top-1", 91.5, "its validation part"),)
    row = row_of(thresholds=(0.25, 0.5, 1.0), temperature=0.75)
    row = dataclasses.replace(row, accuracy=reached)
    network = seeded(row)
    written = write_model(tmp_path / "run", row, network.state_dict(), {"data": {"sha256": "ab"}, "seed": 7})
    read = read_run(tmp_path / "run")
    assert read == written
    assert (read.name, read.labels, read.accuracy) == ("run", ((0, "ants"), (1, "bees"), (2, "wasps")), reached)
    assert (read.temperature, read.thresholds, read.input) == (0.75, (0.25, 0.5, 1.0), row.input)
    assert read.parameters == sum(p.numel() for p in network.parameters())
    assert read_facts(tmp_path / "run") == {"data": {"sha256": "ab"}, "seed": 7}
    loaded = load_network(read).state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in network.state_dict().items())


def hearing(folder: Path) -> Path:
    """A RUN folder of a network that listens."""
    row = dataclasses.replace(row_of(), sound=dataclasses.replace(find("yamnet").sound, log="db", norm=True))
    write_model(folder, row, seeded(row).state_dict(), {})
    return folder


def test_a_recipe_for_recordings_is_read_as_it_was_written(tmp_path: Path) -> None:
    known = find("yamnet").sound
    assert known is not None
    assert read_run(hearing(tmp_path / "run")).sound == dataclasses.replace(known, log="db", norm=True)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("rate", "16000", "sound.rate is not as it should be"),
        ("rate", 3, "rate lies between"),
        ("scale", "bark", "scale is one of htk, slaney"),
        ("offset", True, "sound.offset is not as it should be"),
        ("levels", {"step": 1.0}, "sound.levels has the fields step, zero"),
        ("unknown", 1, "sound has the fields"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused(tmp_path: Path, field: str, value: object, words: str) -> None:
    run = hearing(tmp_path / "run")
    edit(run, lambda body: body["sound"].update({field: value}))
    with pytest.raises(ModelUnavailable, match=words):
        read_run(run)


def test_nothing_but_tensors_and_text_is_written(run: Path) -> None:
    assert sorted(path.name for path in run.iterdir()) == ["model.json", "model.safetensors"]
    assert (run / "model.safetensors").read_bytes()[8:10] == b'{"'


def test_the_same_tensors_make_the_same_files(run: Path, tmp_path: Path) -> None:
    make_run(tmp_path / "again", temperature=1.5, facts={"seed": 7, "command": "vision train"})
    for name in ("model.json", "model.safetensors"):
        assert (run / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_views_and_shared_tensors_are_written_as_their_values(tmp_path: Path) -> None:
    row = row_of()
    state = dict(seeded(row).state_dict())
    whole = torch.arange(240.0).reshape(2, 120)
    state["c5.bias"] = whole[1]
    write_model(tmp_path / "run", row, state, {})
    assert torch.equal(load_network(read_run(tmp_path / "run")).state_dict()["c5.bias"], whole[1])


@pytest.mark.parametrize("spec", ["run", "run/", "./run", "elsewhere/../run"])
def test_a_run_is_named_by_its_path(run: Path, spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(run.parent)
    (run.parent / "elsewhere").mkdir()
    assert is_run(spec)
    assert read_run(spec).name == "run"


def test_a_run_may_be_in_the_home_folder_or_be_the_current_one(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(run.parent))
    assert is_run("~/run")
    assert read_run("~/run").source == read_run(run).source
    monkeypatch.chdir(run)
    assert read_run(".").name == "run"
    (run / "below").mkdir()
    monkeypatch.chdir(run / "below")
    assert read_run("..").name == "run"


@pytest.mark.parametrize("spec", ["", "nowhere", "a\0b", "x" * 5000, "efficientnet_lite0"])
def test_what_is_no_run_is_none(spec: str) -> None:
    assert not is_run(spec)


def cut(run: Path) -> None:
    data = (run / "model.safetensors").read_bytes()
    (run / "model.safetensors").write_bytes(data[:-10])


def swap(run: Path) -> None:
    row = row_of()
    write_model(run.parent / "other", row, {n: t + 1 for n, t in seeded(row).state_dict().items()}, {})
    os.replace(run.parent / "other" / "model.safetensors", run / "model.safetensors")


def make_folder(run: Path) -> None:
    (run / "model.safetensors").unlink()
    (run / "model.safetensors").mkdir()


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (cut, r"model\.safetensors is not the file that model\.json beside it was written for.*train it again"),
        (swap, r"It was changed, cut off, or is another model's\. Copy the folder again"),
        (lambda run: (run / "model.safetensors").unlink(), r"model\.safetensors is missing, so .*run has no weights"),
        (make_folder, "is missing"),
        (lambda run: (run / "model.json").write_text("{"), r"model\.json is damaged: it is not JSON\. Copy"),
        (lambda run: (run / "model.json").write_bytes(b"\xff\xfe\x00"), "is damaged"),
        (lambda run: (run / "model.json").write_text("[" * 100_000), "is damaged"),
        (lambda run: (run / "model.json").write_text('{"schema": "vision-model/1", "x": NaN}'), "is damaged"),
        (lambda run: (run / "model.json").write_text("[]"), r"was not written by vision train"),
        (lambda run: (run / "model.json").write_text("{}"), r"its schema is not vision-model/1"),
        (lambda run: (run / "model.json").write_text('{"schema": "vision-model/1"}'), "it has no 'labels'"),
        (lambda run: (run / "model.json").unlink(), r"has no model\.json"),
    ],
)
def test_a_harmed_run_is_a_sentence(run: Path, harm: Callable[[Path], object], words: str) -> None:
    harm(run)
    with pytest.raises(ModelUnavailable, match=words) as raised:
        read_run(run)
    assert "\n" not in str(raised.value)


def test_a_run_of_a_newer_vision_asks_for_an_update(run: Path) -> None:
    edit(run, lambda body: body.update(schema="vision-model/12"))
    with pytest.raises(ModelUnavailable, match=r"newer vision, as vision-model/12; .*Update visioncli"):
        read_run(run)


def test_fields_of_tomorrow_are_left_alone(run: Path) -> None:
    before = read_run(run)
    edit(run, lambda body: body.update(smell={"rate": 16000}))
    assert read_run(run) == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"labels": ["ants", "bees"]}, "architecture ends in the number of classes, 2, not in '3'"),
        ({"labels": []}, "one name a class"),
        ({"labels": ["ants", " ", "wasps"]}, "none of them blank"),
        ({"labels": ["ants", "bees", 3]}, "labels is not as it should be: 3"),
        ({"labels": {"0": "ants"}}, "labels is not as it should be"),
        ({"temperature": 0}, "temperature lies between 0.001 and 1000"),
        ({"temperature": -1.5}, "temperature lies between 0.001 and 1000"),
        ({"temperature": "warm"}, "temperature is not as it should be: warm"),
        ({"temperature": True}, "temperature is not as it should be: True"),
        ({"temperature": 10**400}, "int too large"),
        ({"thresholds": [0.5]}, "1 thresholds for 3 classes"),
        ({"thresholds": [0.5, 0.5, 1.5]}, "thresholds lie between 0 and 1"),
        (
            {"tasks": ["pose"]},
            "tasks are classify, with gradcam where it can, or segment, detect or generate or stylize, not pose",
        ),
        ({"tasks": ["detect"]}, "knows no network 'lenet:lenet5'"),
        ({"tasks": ["segment"]}, "knows no network 'lenet:lenet5'"),
        ({"tasks": ["stylize"]}, "knows no network 'lenet:lenet5'"),
        ({"tasks": ["stylize"], "architecture": "cyclegan:pair-resnet4-16:3"}, "two kinds of pictures, not 3"),
        ({"tasks": ["stylize"], "architecture": "cyclegan:resnet9-64:3"}, "knows no network 'cyclegan:resnet9-64'"),
        ({"tasks": ["stylize"], "architecture": "cyclegan:pair-resnet0-16:3"}, "knows no network"),
        ({"tasks": []}, "tasks are classify"),
        ({"architecture": "os:system:3"}, "knows no network 'os:system'"),
        ({"architecture": "antigravity:3"}, "knows no network 'antigravity'"),
        ({"architecture": "torchvision:resnet19:3"}, "knows no network"),
        ({"architecture": "ssd_mobilenet_v2:3"}, "knows no network"),
        ({"architecture": "lenet:lenet5"}, "ends in the number of classes"),
        ({"parameters": -1}, "not below zero"),
        ({"gflops": None}, "gflops is not as it should be"),
        ({"weights": {"sha256": "abc"}}, "64 hexadecimal digits"),
        ({"accuracy": [{"metric": "top-1"}]}, "it has no 'value'"),
    ],
)
def test_a_row_that_no_training_writes_is_refused(run: Path, change: dict[str, Any], words: str) -> None:
    edit(run, lambda body: body.update(change))
    with pytest.raises(ModelUnavailable, match=rf"model\.json is not as vision train wrote it: .*{words}"):
        read_run(run)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"size": 0}, "size lies between"),
        ({"size": 32.5}, "size is not as it should be"),
        ({"resize": 100_000}, "resize lies between"),
        ({"std": [1, 1, 0]}, "std, by which pixels are divided"),
        ({"mean": [0.5]}, "mean is one finite number for each"),
        ({"interpolation": "magic"}, "no interpolation 'magic'"),
    ],
)
def test_impossible_preprocessing_is_refused(run: Path, change: dict[str, Any], words: str) -> None:
    edit(run, lambda body: body["input"].update(change))
    with pytest.raises(ModelUnavailable, match=words):
        read_run(run)


@pytest.mark.parametrize(
    ("fields", "facts", "words"),
    [
        ({"temperature": float("nan")}, {}, "Out of range"),
        ({}, {"loss": float("inf")}, "Out of range"),
        ({"thresholds": (0.5,)}, {}, "1 thresholds for 3 classes"),
    ],
)
def test_what_could_not_be_read_back_is_not_written(
    run: Path, fields: dict[str, Any], facts: dict[str, Any], words: str
) -> None:
    before = read_run(run)
    with pytest.raises(ValueError, match=words):
        make_run(run, facts=facts, **fields)
    assert read_run(run) == before
    assert len(list(run.iterdir())) == 2


def test_names_of_classes_need_not_be_utf_8(tmp_path: Path) -> None:
    labels = (os.fsdecode(b"caf\xe9"), "Käfer", 'a "b"\n')
    assert [name for _, name in make_run(tmp_path / "run", labels=labels).labels] == list(labels)
    assert [name for _, name in read_run(tmp_path / "run").labels] == list(labels)


def test_more_facts_than_would_be_read_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="bytes of names and facts are more than"):
        make_run(tmp_path / "run", facts={"much": "x" * (17 << 20)})


def test_weights_that_are_replaced_after_the_row_was_read_are_not_taken_for_its_own(run: Path) -> None:
    row = read_run(run)
    swap(run)
    with pytest.raises(ModelUnavailable, match="is not the file"):
        load_network(row)


def test_tensors_of_another_network_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the tensors are not those of lenet:lenet5:3"):
        write_model(tmp_path / "run", row_of(), seeded(row_of(labels="ab")).state_dict(), {})
    assert not (tmp_path / "run").exists()


def test_where_the_disk_is_full_the_model_of_before_stays(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from safetensors import SafetensorError

    def full(state: object, path: Path, metadata: object = None) -> None:
        Path(path).write_bytes(b"half")
        raise SafetensorError("Error while serializing: IoError(Os { code: 28 }) (os error 28)")

    before = read_run(run)
    monkeypatch.setattr("safetensors.torch.save_file", full)
    with pytest.raises(OutputError, match=r"model\.safetensors: the disk is full"):
        make_run(run)
    assert read_run(run) == before
    assert len(list(run.iterdir())) == 2


class Killed(BaseException):
    pass


def write_until(run: Path, renames: int, patch: pytest.MonkeyPatch) -> dict[str, torch.Tensor]:
    """Writes another network, and is killed when so many files were renamed. What it wanted to write."""
    replace, left = os.replace, renames

    def counted(source: Path, target: Path) -> None:
        nonlocal left
        if not left:
            raise Killed
        left -= 1
        replace(source, target)

    row = row_of(temperature=2.5)
    state = {n: t * 2 for n, t in seeded(row).state_dict().items()}
    with patch.context() as patched:
        patched.setattr(os, "replace", counted)
        with contextlib.suppress(Killed):
            write_model(run, row, state, {})
    return state


def same(first: Mapping[str, torch.Tensor], second: Mapping[str, torch.Tensor]) -> bool:
    return all(torch.equal(first[name], tensor) for name, tensor in second.items())


@pytest.mark.parametrize("renames", [0, 1, 2])
def test_a_writer_that_is_killed_leaves_the_network_of_before_or_the_new_one(
    run: Path, renames: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = load_network(read_run(run)).state_dict()
    wanted = write_until(run, renames, monkeypatch)
    left = read_run(run)
    is_new = renames == 2
    assert left.temperature == (2.5 if is_new else 1.5)
    assert same(load_network(left).state_dict(), wanted if is_new else before)
    assert {"model.json", "model.safetensors"} <= set(os.listdir(run))


@pytest.mark.parametrize("first", [0, 1, 2])
@pytest.mark.parametrize("second", [0, 1, 2, 3])
def test_also_a_second_writer_may_be_killed(
    run: Path, first: int, second: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_until(run, first, monkeypatch)
    before = read_run(run)
    write_until(run, second, monkeypatch)
    left = read_run(run)
    load_network(left)
    assert left.temperature in (before.temperature, 2.5)


def test_a_network_whose_first_writer_was_killed_is_whole_as_soon_as_it_is_described(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = write_until(tmp_path / "run", 2, monkeypatch)
    assert not (tmp_path / "run" / "model.safetensors").exists()
    assert same(load_network(read_run(tmp_path / "run")).state_dict(), wanted)
    runs.tidy(tmp_path / "run")
    assert sorted(os.listdir(tmp_path / "run")) == ["model.json", "model.safetensors"]
    assert same(load_network(read_run(tmp_path / "run")).state_dict(), wanted)


def test_whoever_reads_while_a_network_is_written_gets_one_or_the_other(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the reading of model.json and that of the tensors, another network is written."""
    body_of, others = runs._body, [2.5, 3.5]

    def slow(folder: Path) -> dict[str, Any]:
        body = body_of(folder)
        if others:
            make_other(folder, others.pop())
        return body

    def make_other(folder: Path, temperature: float) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(runs, "_body", body_of)
            row = row_of(temperature=temperature)
            write_model(folder, row, {n: t * temperature for n, t in seeded(row).state_dict().items()}, {})

    monkeypatch.setattr(runs, "_body", slow)
    assert read_run(run).temperature == 2.5


def test_what_killed_writers_left_is_removed_and_nothing_else(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_until(run, 1, monkeypatch)
    for name in (".vision-0123456789abcdef.safetensors", ".vision-notes", "mine.safetensors"):
        (run / name).write_bytes(b"")
    runs.tidy(run)
    assert sorted(os.listdir(run)) == [".vision-notes", "mine.safetensors", "model.json", "model.safetensors"]
    assert read_run(run).temperature == 1.5


def test_others_may_read_the_tensors_as_they_may_read_the_notes(run: Path) -> None:
    assert (run / "model.safetensors").stat().st_mode == (run / "model.json").stat().st_mode


def test_reading_a_run_takes_no_torch(run: Path) -> None:

    code = f"import sys; from visioncli.weights.runs import read_run; read_run({str(run)!r}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert not {"torch", "numpy", "safetensors"} & set(done.stdout.split())


def test_plug_ins_bring_networks_that_runs_may_be_of(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plugged = row_of(labels="abc")
    plugged = dataclasses.replace(plugged, architecture="their.module:large")
    monkeypatch.setattr(registry, "all_rows", lambda: (plugged,))
    edit(run, lambda body: body.update(architecture="their.module:large:3"))
    assert read_run(run).architecture == "their.module:large:3"


JSON = strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.integers() | strategies.floats() | strategies.text(),
    lambda inner: strategies.lists(inner, max_size=4) | strategies.dictionaries(strategies.text(), inner, max_size=4),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "run"
    make_run(folder, thresholds=(0.5, 0.5, 0.5))
    return folder


@given(data=strategies.data())
def test_whatever_stands_in_a_field_the_row_is_whole_or_there_is_a_sentence(whole: Path, data: Any) -> None:
    body = json.loads((whole / "model.json").read_bytes())
    place = data.draw(strategies.sampled_from([body, body["input"], body["weights"]]))
    place[data.draw(strategies.sampled_from(sorted(place)))] = data.draw(JSON)
    changed = whole.parent / "changed"
    changed.mkdir(exist_ok=True)
    (changed / "model.json").write_text(json.dumps(body), encoding="utf-8")
    try:
        row = read_run(changed, check=False)
    except ModelUnavailable as problem:
        assert str(problem).endswith(".")
        return
    assert row.architecture == "lenet:lenet5:3"
    assert len(row.labels) == 3
    assert len(row.thresholds) in (0, 3)
    json.dumps(row.shaping(), allow_nan=False)


@pytest.mark.parametrize("name", ["unet", "unet_lite0", "lraspp_mobilenet_v3_large"])
def test_a_run_of_segmentation_answers_as_its_network_does(tmp_path: Path, name: str) -> None:
    made = make_run(tmp_path / "run", name, labels=("background", "road"))
    assert (made.tasks, made.form) == (("segment",), as_learner(registry.find(name)).form)
    assert made.labels == ((0, "background"), (1, "road"))
    assert read_run(tmp_path / "run") == made
    assert describe(str(tmp_path / "run"), "segment") == made
    with pytest.raises(UsageError, match="cannot classify; it is for segment"):
        describe(str(tmp_path / "run"), "classify")


def test_a_run_of_detection_has_the_labels_that_objects_may_have(tmp_path: Path) -> None:
    plain = row_of("ssdlite320_mobilenet_v3_large", labels=("background", "cat", "dog"))
    row = dataclasses.replace(plain, labels=plain.labels[1:])
    made = write_model(tmp_path / "run", row, seeded(row).state_dict(), {})
    assert (made.tasks, made.form) == (("detect",), "boxes")
    assert made.labels == ((1, "cat"), (2, "dog"))
    assert made.architecture == "torchvision:ssdlite320_mobilenet_v3_large:3"
    assert read_run(tmp_path / "run") == made


def detecting(folder: Path, architecture: str, labels: list[str], **others: Any) -> Path:
    """A RUN folder whose notes are those of a detector; its tensors are not asked for."""
    make_run(folder)
    change = {
        "tasks": ["detect"],
        "thresholds": [],
        "architecture": f"{architecture}:{len(labels)}",
        "labels": labels,
    }
    edit(folder, lambda body: body.update(change | others))
    return folder


@pytest.mark.parametrize(
    "name", ["yolov3:tiny", "torchvision:retinanet_resnet50_fpn", "torchvision:fcos_resnet50_fpn"]
)
def test_a_class_of_the_user_s_may_be_called_background(tmp_path: Path, name: str) -> None:
    row = read_run(detecting(tmp_path / "run", name, ["background", "cat"]))
    assert row.labels == ((0, "background"), (1, "cat"))


@pytest.mark.parametrize("name", ["ssd_mobilenet_v2", "rfcn:resnet50", "torchvision:ssd300_vgg16"])
def test_beside_the_class_for_nothing_too(tmp_path: Path, name: str) -> None:
    row = read_run(detecting(tmp_path / "run", name, ["background", "background", "cat"]))
    assert row.labels == ((1, "background"), (2, "cat"))


def points_run(folder: Path) -> Path:
    points = {"names": ["nose", "tail"], "limbs": [[0, 1]]}
    name = "torchvision:keypointrcnn_resnet50_fpn/2"
    return detecting(folder, name, ["background", "cow"], tasks=["detect", "pose"], keypoints=points)


def test_a_run_says_what_its_keypoints_are(tmp_path: Path) -> None:
    row = read_run(points_run(tmp_path / "run"))
    assert (row.form, row.tasks, row.labels) == ("people", ("detect", "pose"), ((1, "cow"),))
    assert (row.points, row.limbs) == (("nose", "tail"), ((0, 1),))


@pytest.mark.parametrize(
    ("keypoints", "words"),
    [
        ({"names": ["nose"], "limbs": []}, "one name for each"),
        ({"names": ["nose", " "], "limbs": []}, "one name for each"),
        ({"names": ["nose", "tail"], "limbs": [[0, 2]]}, "pairs of keypoints"),
        ({"names": ["nose", "tail"], "limbs": [[0]]}, "pairs of keypoints"),
        ({"names": ["nose", "tail"]}, "limbs"),
        ({"names": "nose", "limbs": []}, "keypoints"),
        ("nose", "keypoints"),
    ],
)
def test_keypoints_that_the_network_cannot_have_are_refused(tmp_path: Path, keypoints: Any, words: str) -> None:
    folder = points_run(tmp_path / "run")
    edit(folder, lambda body: body.update(keypoints=keypoints))
    with pytest.raises(ModelUnavailable, match=words):
        read_run(folder)
    edit(folder, lambda body: body.pop("keypoints"))
    with pytest.raises(ModelUnavailable, match="have no names"):
        read_run(folder)
