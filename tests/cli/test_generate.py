"""`vision generate` as a user types it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from PIL import Image, ImageSequence
from pyarrow import parquet

from made_generators import generator_run
from visioncli.cli import generating
from visioncli.errors import OutputError
from visioncli.record_schema import json_schema

Vision = Callable[..., Any]


@pytest.fixture(autouse=True)
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A DCGAN in `run` and a style-based generator in `style`, in the working folder."""
    monkeypatch.chdir(tmp_path)
    generator_run(tmp_path / "run")
    generator_run(tmp_path / "style", "style_generator")
    return tmp_path / "run"


def records(text: str | bytes) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in text.splitlines()]
    for record in found:
        jsonschema.validate(record, json_schema())
    return found


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def test_pictures_a_sheet_latents_and_records_are_written(tmp_path: Path, vision: Vision) -> None:
    done = vision("generate", "--model", "run", "-n", "5", "--seed", "3", "-o", "out")
    assert done.status == 0, done.err
    found = records(done.out)
    assert found == records((tmp_path / "out" / "predictions.jsonl").read_text())
    assert [record["predictions"][0]["seed"] for record in found] == [3, 4, 5, 6, 7]
    assert [record["predictions"][0]["label"] for record in found] == ["dog", "cat", "dog", "cat", "dog"]
    assert [record["predictions"][0]["latent"] for record in found] == [0, 1, 2, 3, 4]
    assert np.load(tmp_path / "out" / "latents.npy").shape[0] == 5
    for record in found:
        assert pixels(tmp_path / record["files"]["picture"]).shape == (28, 28)
        assert record["sizes"]["picture"] == (tmp_path / record["files"]["picture"]).stat().st_size
    sheet = Image.open(tmp_path / "out" / "sheet.png")
    assert sheet.size[0] > 3 * 56
    assert "5 pictures made" in done.err


@pytest.mark.parametrize("model", ["run", "style"])
def test_a_seed_gives_the_same_picture_however_many_are_made(tmp_path: Path, vision: Vision, model: str) -> None:
    assert vision("generate", "--model", model, "-n", "6", "--seed", "1", "-o", "many").status == 0
    assert vision("generate", "--model", model, "-n", "1", "--seed", "4", "-o", "one").status == 0
    assert (tmp_path / "many" / "000004.png").read_bytes() == (tmp_path / "one" / "000004.png").read_bytes()
    assert len({(tmp_path / "many" / f"{n:06d}.png").read_bytes() for n in range(1, 7)}) == 6


def test_a_class_is_asked_for_by_name_or_number(tmp_path: Path, vision: Vision) -> None:
    for asked in ("cat", "0"):
        done = vision("generate", "--model", "run", "-n", "3", "--class", asked, "-o", "-")
        assert {record["predictions"][0]["label"] for record in records(done.out)} == {"cat"}
    done = vision("generate", "--model", "run", "--class", "cow", "-o", "-")
    assert done.status == 2
    assert "knows no class 'cow'" in done.err
    assert "It knows cat, dog." in done.err


def test_filter_mode_writes_nothing(tmp_path: Path, vision: Vision) -> None:
    before = {path.name for path in tmp_path.iterdir()} | {".stdin"}
    done = vision("generate", "--model", "run", "-n", "2", "-o", "-", "-q")
    assert done.status == 0
    assert [record["files"] for record in records(done.out)] == [{}, {}]
    assert done.err == ""
    assert {path.name for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("model", ["run", "style"])
@pytest.mark.parametrize(("kind", "ending"), [("gif", "gif"), ("webp", "webp"), ("apng", "png")])
def test_a_walk_begins_and_ends_with_the_pictures_of_its_seeds(
    tmp_path: Path, vision: Vision, model: str, kind: str, ending: str
) -> None:
    done = vision("generate", "--model", model, "--walk", "2:5", "--frames", "4", "--animation", kind, "-o", "out")
    assert done.status == 0, done.err
    (record,) = records(done.out)
    assert record["extra"] == {"frames": 4}
    assert [one["seed"] for one in record["predictions"]] == [2, 5]
    image = Image.open(tmp_path / "out" / f"walk-2-5.{ending}")
    frames = [np.asarray(frame.convert("L")) for frame in ImageSequence.Iterator(image)]
    assert len(frames) == 4
    assert vision("generate", "--model", model, "-n", "4", "--seed", "2", "-o", "ends").status == 0
    for frame, seed in ((frames[0], 2), (frames[-1], 5)):
        end = pixels(tmp_path / "ends" / f"{seed:06d}.png").repeat(4, 0).repeat(4, 1)
        assert np.abs(frame.astype(int) - end).max() <= 2  # GIF has 256 colours
    assert np.abs(frames[1].astype(int) - frames[0]).max() > 5


def test_a_walk_over_many_seeds_has_a_name_that_the_disk_takes(tmp_path: Path, vision: Vision) -> None:
    done = vision(
        "generate", "--model", "run", "--walk", ":".join(map(str, range(100))), "--frames", "2", "-o", "out"
    )
    assert done.status == 0, done.err
    (record,) = records(done.out)
    path = tmp_path / record["files"]["animation"]
    assert path.name.startswith("walk-0-1-2-3-")
    assert path.suffix == ".gif"
    assert Image.open(path).n_frames == 100


def test_the_largest_seed_fits_into_every_format(tmp_path: Path, vision: Vision) -> None:
    done = vision("generate", "--model", "run", "-n", "2", "--seed", "1000000000000000", "-o", "out", "-f", "parquet")
    assert done.status == 0, done.err
    assert (tmp_path / "out" / "1000000000000001.png").is_file()
    rows = parquet.read_table(tmp_path / "out" / "predictions.parquet")["predictions"].to_pylist()
    assert [one["seed"] for (one,) in rows] == [10**15, 10**15 + 1]


def test_a_run_whose_architecture_was_changed_is_a_sentence(tmp_path: Path, vision: Vision) -> None:
    notes = tmp_path / "run" / "model.json"
    notes.write_text(notes.read_text().replace("dcgan:28x1x2x8", "dcgan:28x1x2x4000"))
    done = vision("generate", "--model", "run", "-n", "1", "-o", "-")
    assert done.status == 4
    assert "'dcgan:28x1x2x4000:2' is no architecture of this version" in done.err


def test_truncation_makes_pictures_more_alike(tmp_path: Path, vision: Vision) -> None:
    spread = []
    for truncation in ("1", "0.2"):
        vision(
            "generate", "--model", "style", "-n", "8", "--class", "cat", "--truncation", truncation, "-o", truncation
        )
        made = np.stack([pixels(path) for path in sorted((tmp_path / truncation).glob("0*.png"))])
        spread.append(np.load(tmp_path / truncation / "latents.npy").std(0).mean())
        assert made.shape == (8, 28, 28)
    assert spread[1] == pytest.approx(0.2 * spread[0], rel=1e-3)


def test_styles_of_two_pictures_are_mixed_in_a_table(tmp_path: Path, vision: Vision) -> None:
    done = vision("generate", "--model", "style", "--mix", "1,2:3,4,5", "-o", "out")
    assert done.status == 0, done.err
    (record,) = records(done.out)
    assert record["extra"] == {"coarse": [1, 2], "fine": [3, 4, 5]}
    table = pixels(tmp_path / "out" / "mix.png")
    assert table.shape == (3 * 58 + 2, 4 * 58 + 2, 3)
    vision("generate", "--model", "style", "-n", "1", "--seed", "1", "-o", "one")
    first = pixels(tmp_path / "one" / "000001.png").repeat(2, 0).repeat(2, 1)
    assert (table[60:116, 2:58, 0] == first).all()
    assert not (table[60:116, 60:116] == table[60:116, 2:58]).all()


def test_a_dcgan_has_no_styles_to_mix(vision: Vision) -> None:
    done = vision("generate", "--model", "run", "--mix", "1:2", "-o", "out")
    assert done.status == 2
    assert "no coarse and fine styles" in done.err
    assert "--model style_generator" in done.err


@pytest.mark.parametrize("model", ["run", "style"])
def test_projection_comes_nearer_and_finds_a_picture_of_its_own(tmp_path: Path, vision: Vision, model: str) -> None:
    vision("generate", "--model", model, "-n", "1", "--seed", "1000", "-o", "made")
    photo = tmp_path / "made" / "000001000.png"
    photo = photo if photo.is_file() else tmp_path / "made" / "001000.png"
    done = vision("generate", "--model", model, "--project", photo, "--steps", "60", "-o", "out")
    assert done.status == 0, done.err
    (record,) = records(done.out)
    distance, start = record["predictions"][0]["distance"], record["extra"]["start_distance"]
    assert distance < 0.8 * start
    wanted, found = pixels(photo).astype(float), pixels(tmp_path / "out" / "projection.png").astype(float)
    assert np.sqrt(np.square(wanted - found).mean()) / 255 == pytest.approx(distance, abs=1e-5)
    pair = pixels(tmp_path / "out" / "projection.pair.png")
    assert pair.shape[1] > 2 * 200


def test_a_photo_that_cannot_be_read_is_a_record_and_status_3(tmp_path: Path, vision: Vision) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    done = vision("generate", "--model", "run", "--project", "broken.png", "-o", "out")
    assert done.status == 3
    (record,) = records(done.out)
    assert record["error"]["kind"] in ("unreadable_picture", "truncated_picture")
    assert "broken.png" in done.err


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--walk", "1"), "--walk takes seeds"),
        (("--walk", "a:b"), "--walk takes seeds"),
        (("--mix", "1,2"), "--mix takes seeds"),
        (("--walk", "1:" + "1" * 5000), "--walk takes seeds"),
        (("--walk", "1:1000000000000001"), "--walk takes seeds"),
        (("--walk", ":".join("1" * 7), "--frames", "2000"), "would make 11,995 pictures"),
        (("--mix", "1:" + "1" * 5000), "--mix takes seeds"),
        (("--seed", "1000000000000001"), "--seed takes a whole number"),
        (("--seed", "-1"), "--seed takes a whole number"),
        (("--class", "11"), "knows no class '11'"),
        (("--class", ""), "knows no class ''"),
        (("--walk", "1:2", "--project", "x.png"), "--walk and --project make different things"),
        (("-n", "0"), "-n"),
        (("--truncation", "2"), "--truncation"),
        (("--model", "dcgan"), "comes without weights"),
        (("--model", "lenet5"), "lenet5 cannot generate"),
        (("--model", "nothing"), "There is no model called"),
        (("--device", "tpu"), "There is no device 'tpu'"),
        (("-o", "s3://bucket/out"), "a folder of this machine"),
    ],
)
def test_wrong_usage_is_a_sentence(vision: Vision, args: tuple[str, ...], words: str) -> None:
    given = args if "--model" in args else ("--model", "run", *args)
    done = vision("generate", "-o", "out", *given)
    assert done.status in (2, 4)
    assert words in done.err
    assert "Traceback" not in done.err
    assert not Path("out", "predictions.jsonl").exists()


def test_what_vision_did_not_write_is_not_replaced(tmp_path: Path, vision: Vision) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "000001.png").write_bytes(b"mine")
    done = vision("generate", "--model", "run", "-n", "1", "-o", "out")
    assert done.status == 3
    assert "a file stands there that vision did not write" in done.err
    assert (tmp_path / "out" / "000001.png").read_bytes() == b"mine"


def test_records_of_earlier_runs_are_kept(tmp_path: Path, vision: Vision) -> None:
    Image.new("RGB", (28, 28)).save(tmp_path / "a.png")
    assert vision("classify", "a.png", "-o", "out").status == 0
    classified = (tmp_path / "out" / "predictions.jsonl").read_bytes()
    done = vision("generate", "--model", "run", "-n", "2", "-o", "out", "-f", "csv")
    assert "The records of vision classify are now in out/predictions.classify.jsonl." in done.err
    assert (tmp_path / "out" / "predictions.classify.jsonl").read_bytes() == classified
    first = {ending: (tmp_path / "out" / f"predictions.{ending}").read_bytes() for ending in ("jsonl", "csv")}
    done = vision("generate", "--model", "run", "-n", "1", "--seed", "9", "-o", "out")
    assert "The records of the run before are now in out/predictions.previous.jsonl." in done.err
    for ending, content in first.items():
        assert (tmp_path / "out" / f"predictions.previous.{ending}").read_bytes() == content
    (record,) = records((tmp_path / "out" / "predictions.jsonl").read_text())
    assert record["input"] == "seed 9"


@pytest.mark.parametrize("ending", [KeyboardInterrupt(), BrokenPipeError(), OutputError("The disk is full.")])
def test_what_was_made_before_a_run_was_cut_short_has_its_records(
    tmp_path: Path, vision: Vision, monkeypatch: pytest.MonkeyPatch, ending: BaseException
) -> None:
    write = generating.write_whole

    def full_after_two(target: Path, *args: Any) -> None:
        if target.name == "000003.png":
            raise ending
        write(target, *args)

    monkeypatch.setattr(generating, "write_whole", full_after_two)
    done = vision("generate", "--model", "run", "-n", "5", "-o", "out")
    assert done.status == {KeyboardInterrupt: 130, BrokenPipeError: 141, OutputError: 3}[type(ending)]
    assert [r["input"] for r in records((tmp_path / "out" / "predictions.jsonl").read_text())] == ["seed 1", "seed 2"]
    assert len(np.load(tmp_path / "out" / "latents.npy")) == 2
    assert {path.name for path in (tmp_path / "out").iterdir() if path.name[0] != "."} == {
        *("000001.png", "000002.png", "sheet.png", "latents.npy", "predictions.jsonl")
    }
    assert not (tmp_path / "out" / ".vision-partial").exists()


def test_a_run_that_made_nothing_leaves_earlier_records(
    tmp_path: Path, vision: Vision, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert vision("generate", "--model", "run", "-n", "1", "-o", "out").status == 0
    before = {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()}

    def full(target: Path, *args: Any) -> None:
        raise OutputError("The disk is full.")

    monkeypatch.setattr(generating, "write_whole", full)
    assert vision("generate", "--model", "run", "-n", "1", "-o", "out").status == 3
    assert {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()} == before


def test_a_generator_is_no_classifier(tmp_path: Path, vision: Vision) -> None:
    Image.new("RGB", (28, 28)).save(tmp_path / "a.png")
    done = vision("classify", "a.png", "--model", "run", "-o", "-")
    assert done.status == 2
    assert "run cannot classify; it is for generate" in done.err
    done = vision("models", "info", "run")
    assert done.status == 0
    assert b"generate" in done.out
    done = vision("models", "layers", "run")
    assert done.status == 2
    assert "makes them of numbers" in done.err


def test_digits_come_with_the_program(tmp_path: Path, vision: Vision) -> None:
    done = vision("generate", "-n", "40", "--seed", "10", "-o", "out", "--offline")
    assert done.status == 0, done.err
    found = records(done.out)
    assert {record["model"]["name"] for record in found} == {"digits_dcgan"}
    assert {record["predictions"][0]["label"] for record in found} == set("0123456789")
    made = np.stack([pixels(tmp_path / record["files"]["picture"]) for record in found]).astype(float)
    assert made[:, :3].mean() < 8  # the ground is black
    assert 20 < made.mean() < 60
    # A zero is dark in the middle, and a one is not.
    middles = made[:, 13:15, 13:15].mean((1, 2))
    assert middles[::10].mean() < 60
    assert middles[1::10].mean() > 150
    again = vision("models", "info", "digits_dcgan")
    assert again.status == 0
    assert b"MNIST" in again.out


def test_records_come_in_other_formats(tmp_path: Path, vision: Vision) -> None:
    done = vision("generate", "--model", "run", "-n", "2", "-o", "out", "-f", "csv,json", "-q")
    assert done.status == 0, done.err
    lines = (tmp_path / "out" / "predictions.csv").read_text().splitlines()
    assert lines[0] == "input,seed,truncation,label,label_id,latent,distance,error"
    assert lines[2] == "seed 2,2,1.0,cat,0,1,,"
    assert len(json.loads((tmp_path / "out" / "predictions.json").read_text())) == 2
    done = vision("generate", "--model", "run", "-n", "1", "-o", "-", "-f", "csv")
    assert done.out.decode().splitlines()[1] == "seed 1,1,1.0,dog,1,,,"
    assert vision("generate", "--model", "run", "-o", "-", "-f", "coco").status == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--walk", "1:2", "-n", "3"], "--number means nothing with --walk"),
        (["--mix", "1:2", "--seed", "4"], "--seed means nothing with --mix"),
        (["--project", "a.png", "--truncation", "0.5"], "--truncation means nothing with --project"),
        (["--frames", "9"], "--frames goes with --walk"),
        (["--steps", "9"], "--steps goes with --project"),
        (["--animation", "webp"], "--animation goes with --walk"),
    ],
)
def test_options_that_mean_nothing_are_refused(options: list[str], words: str, vision: Vision) -> None:
    ended = vision("generate", *options, "-o", "out")
    assert ended.status == 2
    assert words in ended.err
