"""Networks of the user's own training in whole commands: a RUN folder stands wherever the name of a network does."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from run_folders import make_run
from visioncli import load
from visioncli.engines.compile import compiled_file, compiled_files

Vision = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    make_run(tmp_path / "run", temperature=0.5, facts={"command": "vision train photos -o run"})
    return tmp_path / "run"


@pytest.fixture
def picture(pictures: Callable[..., list[Path]]) -> Path:
    return pictures(1)[0]


def answers(ended: Any) -> list[dict[str, Any]]:
    assert ended.status == 0, ended.err
    predictions: list[dict[str, Any]] = ended.records[0]["predictions"]
    return predictions


def test_a_run_classifies_and_is_prepared_once(
    vision: Vision, run: Path, picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISION_CACHE_DIR", str(tmp_path / "own cache"))  # where no other test prepared it before
    first = vision("classify", picture, "-m", "run", "-o", "-", "--engine", "onnx")
    assert "Preparing run" in first.err
    again = vision("classify", picture, "-m", f"{run}/", "-o", "-")
    assert "Preparing" not in again.err
    assert answers(first) == answers(again)
    assert {p["label"] for p in answers(again)} == {"ants", "bees", "wasps"}
    model = again.records[0]["model"]
    assert model["name"] == "run"
    assert model["weights_sha256"] == json.loads((run / "model.json").read_text())["weights"]["sha256"]
    torch = answers(vision("classify", picture, "-m", "run", "-o", "-", "--engine", "torch"))
    assert [p["label"] for p in torch] == [p["label"] for p in answers(again)]
    assert [p["score"] for p in torch] == pytest.approx([p["score"] for p in answers(again)], abs=1e-4)


@pytest.mark.parametrize("thresholds", [(), (0.2, 0.9, 0.5)])
def test_an_exported_run_answers_as_the_run(
    vision: Vision, run: Path, picture: Path, thresholds: tuple[float, ...]
) -> None:
    make_run(run, temperature=0.5, thresholds=thresholds)
    assert vision("export", "run", "-q").status == 0
    ours = answers(vision("classify", picture, "-m", "run", "-o", "-"))
    theirs = answers(vision("classify", picture, "-m", "onnx:run.onnx", "-o", "-"))
    assert [p["label"] for p in ours] == [p["label"] for p in theirs]
    assert [p["score"] for p in ours] == pytest.approx([p["score"] for p in theirs], abs=1e-5)
    assert not thresholds or "wasps" not in [p["label"] for p in ours] or len(ours) < 3


def test_runs_are_compared_with_others_and_with_those_of_the_same_name(
    vision: Vision, run: Path, picture: Path
) -> None:
    make_run(run.parent / "other" / "run", labels=("left", "right"))
    ended = vision("classify", picture, "-m", "run,other/run,efficientnet_lite0", "-o", "-")
    answers(ended)
    compared = ended.records[0]["extra"]["compare"]
    assert list(compared) == ["./run", "other/run", "efficientnet_lite0"]
    assert {p["label"] for p in compared["other/run"]} == {"left", "right"}


def test_runs_of_the_same_name_are_explained_by_their_paths(vision: Vision, run: Path, picture: Path) -> None:
    make_run(run.parent / "other" / "run", labels=("left", "right"))
    found = answers(vision("gradcam", picture, "--compare", "run,other/run", "-o", "-"))
    assert [f["model"] for f in found] == ["./run", "other/run"]


def test_a_comma_may_be_part_of_a_runs_path(vision: Vision, picture: Path, tmp_path: Path) -> None:
    make_run(tmp_path / "ants, bees")
    assert len(answers(vision("classify", picture, "-m", "ants, bees", "-o", "-"))) == 3


def test_a_run_is_explained_and_its_layers_are_listed(vision: Vision, run: Path, picture: Path) -> None:
    (found,) = answers(vision("gradcam", picture, "-m", "run", "-o", "-"))
    assert (found["model"], found["layer"]) == ("run", "c3")
    assert "c3" in vision("gradcam", "-m", "run", "--list-layers", picture).out.decode()
    assert "output" in vision("models", "layers", "run").out.decode()


def test_from_python_a_run_is_a_path(run: Path, picture: Path) -> None:
    assert load("classify", model=run)(picture).predictions == load("classify", str(run))(picture).predictions


def test_a_network_of_the_registry_comes_before_a_folder_of_its_name(vision: Vision, picture: Path) -> None:
    make_run(picture.parents[1] / "efficientnet_lite0")
    by_name = vision("classify", picture, "-m", "efficientnet_lite0", "-o", "-", "-k", "1000")
    assert len(answers(by_name)) == 1000
    assert len(answers(vision("classify", picture, "-m", "./efficientnet_lite0", "-o", "-"))) == 3


@pytest.mark.parametrize(
    ("args", "status", "words"),
    [
        (("-m", "run", "--weights", "run/model.safetensors"), 2, "run has weights and class names of its own, so"),
        (("-m", "run", "--labels", "names.txt"), 2, "so --labels does not go with it"),
        (("-m", "run/model.safetensors"), 2, "given as its folder: --model run"),
        (("-m", "photos"), 2, "without the model.json that vision train writes"),
        (("-m", "./nowhere"), 2, "There is no folder or file ./nowhere"),
        (
            ("-m", "lenet5"),
            4,
            "vision train DATA --from scratch --model lenet5 -o RUN. The folder RUN is then a model",
        ),
    ],
)
def test_what_is_no_way_to_name_a_network_is_a_sentence(
    vision: Vision, run: Path, picture: Path, args: tuple[str, ...], status: int, words: str
) -> None:
    ended = vision("classify", picture, "-o", "-", *args)
    assert ended.status == status
    assert words in ended.err
    assert ended.err.count("\n") == 1


def test_a_run_does_what_it_was_trained_for(vision: Vision, run: Path, picture: Path) -> None:
    ended = vision("detect", picture, "-m", "run", "-o", "-")
    assert (ended.status, ended.err) == (2, "vision: run cannot detect; it is for classify, gradcam.\n")


@pytest.mark.parametrize(
    "command", [("classify", "photos", "-o", "-", "-m"), ("models", "info"), ("models", "verify")]
)
def test_a_run_whose_weights_were_changed_is_not_used(
    vision: Vision, run: Path, picture: Path, command: tuple[str, ...]
) -> None:
    answers(vision("classify", picture, "-m", "run", "-o", "-"))  # what is compiled is there
    (run / "model.safetensors").write_bytes((run / "model.safetensors").read_bytes()[:-1] + b"\0")
    ended = vision(*command, "run")
    assert ended.status == 4
    assert "run/model.safetensors is not the file that model.json beside it was written for" in ended.err


def test_results_never_replace_the_files_of_the_run(vision: Vision, run: Path, picture: Path) -> None:
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    vision("classify", picture, "-m", "run", "-o", "run")
    assert before == {name: (run / name).read_bytes() for name in before}


def test_what_is_known_of_a_run_is_shown(vision: Vision, run: Path) -> None:
    shown = vision("models", "info", "run").out.decode()
    assert "3 of its own: ants, bees, wasps" in shown
    assert "softmax at temperature 0.5" in shown
    assert "made by:       vision train photos -o run\n" in shown
    assert "run/model.safetensors, SHA-256" in shown
    make_run(run, thresholds=(0.25, 0.5, 0.75))
    assert "each class has its threshold, 0.25 to 0.75" in vision("models", "info", "run").out.decode()
    assert vision("models", "path", "run").out == b"run/model.safetensors\n"
    assert vision("models", "verify", "run").out.startswith(b"run\tok\t")
    assert "is here: run/model.safetensors" in vision("models", "pull", "run").err


def test_a_damaged_compiled_network_of_a_run_is_made_again_by_its_path(vision: Vision, tmp_path: Path) -> None:
    row = make_run(tmp_path / "my runs" / "run", labels=("up", "down", "left", "right", "back"))
    assert vision("models", "compile", "my runs/run").status == 0
    compiled_file(row).write_bytes(compiled_file(row).read_bytes()[:-1] + b"~")
    ended = vision("models", "verify", "my runs/run")
    assert ended.status == 4
    assert ended.out.decode().endswith("make it again: vision models compile 'my runs/run'\n")
    assert vision("models", "compile", "my runs/run").status == 0
    assert vision("models", "verify", "my runs/run").status == 0


def test_what_was_prepared_of_a_run_can_be_removed_and_the_run_stays(vision: Vision, tmp_path: Path) -> None:
    row = make_run(tmp_path / "run", labels=("on", "off"))
    assert "is compiled" in vision("models", "compile", "run").err
    assert compiled_file(row).is_file()
    (tmp_path / "run" / "model.safetensors").write_bytes(b"")  # removing needs no weights
    assert "MiB freed" in vision("models", "remove", "run").err
    assert compiled_files(row) == []
    assert "nothing was there" in vision("models", "remove", "run").err
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["model.json", "model.safetensors"]


def test_a_run_is_measured(vision: Vision, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from visioncli import measure

    monkeypatch.setattr(measure, "measure", measure.measure_here)
    ended = vision("bench", "run", "--engine", "torch", "-b", "1", "--seconds", "0.01", "--json")
    assert ended.status == 0, ended.err
    assert json.loads(ended.out)["model"] == "run"


def test_networks_without_weights_are_listed_as_such(vision: Vision) -> None:
    rows = {row["name"]: row for row in vision("models", "--json").records}
    assert {name for name, row in rows.items() if row["weights"] == "train it"} == {
        *(
            "lenet5",
            "fractalnet",
            "fractalnet_small",
            "log_mel_cnn",
            "unet",
            "unet_medium",
            "unet_paper",
            "unet_lite0",
        ),
        *("yolov3", "yolov3_tiny", "rfcn_resnet50"),
        *("dcgan", "style_generator", "cyclegan", "cyclegan_small", "cyclegan_paper"),
    }
    listed = {row["name"] for row in vision("models", "list", "--cached", "--json").records}
    assert "lenet5" not in listed
    assert "none before it is trained" in vision("models", "info", "lenet5").out.decode()


@pytest.mark.parametrize("command", ["export", "pull", "compile"])
def test_a_network_without_weights_says_how_to_train_it(vision: Vision, command: str) -> None:
    args = ("models", command) if command != "export" else ("export",)
    ended = vision(*args, "lenet5")
    assert (ended.status, ended.err.count("\n")) == (4, 1)
    assert "vision train DATA --from scratch --model lenet5" in ended.err


@pytest.mark.parametrize("name", ["yolov3_tiny", "rfcn_resnet50"])
def test_a_detector_without_weights_says_how_to_train_it(vision: Vision, name: str) -> None:
    ended = vision("models", "pull", name)
    assert (ended.status, ended.err.count("\n")) == (4, 1)
    assert f"vision train DATA --task detect --model {name} --from scratch -o RUN" in ended.err


def test_a_network_without_weights_takes_a_checkpoint(vision: Vision, run: Path, picture: Path) -> None:
    (run.parent / "names.txt").write_text("one\ntwo\nthree\n")
    shutil.copy(run / "model.safetensors", run.parent / "own.safetensors")
    args = ("classify", picture, "-m", "lenet5", "--weights", "own.safetensors", "-o", "-")
    assert {p["label"] for p in answers(vision(*args, "--labels", "names.txt"))} == {"one", "two", "three"}
    ended = vision(*args)
    assert (ended.status, ended.err) == (
        2,
        "vision: own.safetensors has 3 outputs. Say what they are called: --labels FILE, one name a line.\n",
    )


def test_an_exported_run_is_called_after_its_folder(
    vision: Vision, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(run)
    assert vision("export", ".", "-q").status == 0
    assert (run / "run.onnx").is_file()
