import csv
import dataclasses
import io
import json
import os
import resource
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from PIL import Image

from conftest import Ended, make_picture
from endless import again_and_again, looping
from visioncli.earlier_results import LIST
from visioncli.models import registry
from visioncli.record_schema import json_schema
from visioncli.sinks.folder import PARTIAL

Vision = Callable[..., Ended]
Make = Callable[..., list[Path]]
CHECK = jsonschema.Draft202012Validator(json_schema())


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "predictions.jsonl").read_bytes().splitlines()]


def without_times(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{k: v for k, v in record.items() if k != "ms"} for record in records]


def left_over(folder: Path) -> list[str]:
    return [str(p) for p in folder.rglob("*") if p.name.startswith((".vision-", PARTIAL))]


def test_records_go_to_standard_output_and_to_the_folder(vision: Vision, pictures: Make, tmp_path: Path) -> None:
    pictures(3)
    ended = vision("classify", "photos")
    assert ended.status == 0
    assert ended.records == lines(tmp_path / "vision-out")
    assert [r["input"] for r in ended.records] == [f"photos/00{n}.png" for n in range(3)]
    for record in ended.records:
        CHECK.validate(record)
        assert len(record["predictions"]) == 5
        assert Path(record["files"]["annotated"]).is_file()
    assert "3 of 3 succeeded" in ended.err
    assert sorted(os.listdir("vision-out")) == [
        LIST,
        *(f"00{n}.png.classify.jpg" for n in range(3)),
        "predictions.jsonl",
    ]


def test_a_dash_as_output_writes_nothing_to_disk(vision: Vision, pictures: Make, tmp_path: Path) -> None:
    pictures(2)
    before = sorted(tmp_path.rglob("*"))
    ended = vision("classify", "photos", "-o", "-")
    assert ended.status == 0
    assert len(ended.records) == 2
    assert ended.records[0]["files"] == {}
    assert [p for p in sorted(tmp_path.rglob("*")) if p.name != ".stdin"] == [p for p in before if p.name != ".stdin"]


def test_quiet_says_only_what_failed(vision: Vision, pictures: Make) -> None:
    pictures(2)
    ended = vision("classify", "photos", "missing.png", "-q")
    assert ended.status == 1
    assert ended.err.count("\n") == 1
    assert ended.err.startswith("vision: missing.png: There is no such file.")


def test_some_failures_are_status_1_and_none_succeeded_is_status_3(vision: Vision, pictures: Make) -> None:
    (path,) = pictures(1)
    assert vision("classify", path, "missing.png", "-o", "-").status == 1
    ended = vision("classify", "missing.png", "also-missing.png", "-o", "-")
    assert ended.status == 3
    assert [r["error"]["kind"] for r in ended.records] == ["not_found"] * 2
    for record in ended.records:
        CHECK.validate(record)


def test_no_input_is_status_3_and_is_said_even_quietly(vision: Vision, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    for args in ([], ["-q"]):
        ended = vision("classify", "nothing", *args, "-o", "-")
        assert (ended.status, ended.out) == (3, b"")
        assert "No input was found" in ended.err


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--model", "resnet"], "no model called 'resnet'"),
        (["--device", "cuda:77"], "no device 'cuda:77'"),
        (["--top-k", "0"], "--top-k"),
        (["--threshold", "2"], "--threshold"),
        (["--batch-size", "none"], "--batch-size"),
        (["--format", "xml"], "cannot write 'xml'"),
        (["-o", "-", "--format", "csv,json"], "one format"),
        (["-o", "-", "--resume"], "--resume needs an output folder"),
        (["-", "-"], "only once"),
        (["-o", "photos"], "is itself an input"),
    ],
)
def test_wrong_usage_is_status_2_with_a_sentence(args: list[str], words: str, vision: Vision, pictures: Make) -> None:
    pictures(1)
    ended = vision("classify", "photos", *args)
    assert (ended.status, ended.out) == (2, b"")
    assert words in ended.err
    assert ended.err.count("\n") == 1
    assert not Path("vision-out").exists()


@pytest.mark.parametrize("change", [{"sha256": "0" * 64}, {"package": "no_such_package"}, {"file": "none.pth"}])
def test_unavailable_weights_are_status_4_with_what_to_install(
    change: dict[str, str], vision: Vision, pictures: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    row = registry.find("efficientnet_lite0", "classify")
    damaged = dataclasses.replace(row, source=dataclasses.replace(row.source, **change))
    monkeypatch.setattr(registry, "all_rows", lambda: (damaged,))
    monkeypatch.setenv("VISION_CACHE_DIR", str(tmp_path / "cache"))
    ended = vision("classify", pictures(1)[0])
    assert (ended.status, ended.out) == (4, b"")
    assert "pip install" in ended.err
    assert ended.err.count("\n") == 1


def test_fail_fast_stops_at_the_first_failure(vision: Vision, pictures: Make, tmp_path: Path) -> None:
    pictures(3)
    ended = vision("classify", "photos/000.png", "missing.png", "photos", "--fail-fast", "-o", "out")
    assert ended.status == 1
    assert [r["input"] for r in ended.records] == ["photos/000.png", "missing.png"]
    assert lines(tmp_path / "out") == ended.records
    assert left_over(tmp_path / "out") == []


def test_json_and_csv_are_written_on_request(vision: Vision, pictures: Make, tmp_path: Path) -> None:
    pictures(2)
    ended = vision("classify", "photos", "missing.png", "--format", "csv,json", "-o", "out", "--top-k", "2")
    assert json.loads((tmp_path / "out" / "predictions.json").read_bytes()) == ended.records
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out" / "predictions.csv").read_text())))
    assert [row["input"] for row in rows] == ["photos/000.png"] * 2 + ["photos/001.png"] * 2 + ["missing.png"]
    assert rows[0]["label"] == ended.records[0]["predictions"][0]["label"]


def test_another_format_may_go_to_standard_output(vision: Vision, pictures: Make) -> None:
    pictures(1)
    assert len(json.loads(vision("classify", "photos", "-o", "-", "-f", "json").out)) == 1
    assert vision("classify", "photos", "-o", "-", "-f", "csv").out.startswith(
        b"input,label,label_id,score,error,frame,time_s\r\n"
    )


@pytest.mark.parametrize(("kind", "names"), [("png", ["000.png.classify.png"]), ("none", [])])
def test_annotated_pictures_are_of_the_type_asked_for(
    kind: str, names: list[str], vision: Vision, pictures: Make
) -> None:
    pictures(1)
    assert vision("classify", "photos", "--annotated", kind, "-o", "out").status == 0
    assert sorted(os.listdir("out")) == [LIST, *names, "predictions.jsonl"]


def test_where_results_go_changes_no_answer_for_a_large_jpeg(vision: Vision, tmp_path: Path) -> None:
    # 1200 x 1040 holds twice the 512 pixels that classification needs: a half of them is decoded, and drawn on.
    make_picture(3, (1200, 1040)).save(tmp_path / "large.jpg", quality=95)
    printed, written, exact = (
        vision("classify", "large.jpg", *args).records[0]
        for args in (("-o", "-"), ("-o", "half"), ("-o", "whole", "--exact-decode"))
    )
    assert printed["predictions"] == written["predictions"]
    assert [(r["width"], r["height"]) for r in (printed, written, exact)] == [(1200, 1040)] * 3
    assert [Image.open(r["files"]["annotated"]).width for r in (written, exact)] == [600, 1200]


def test_inputs_of_two_folders_that_would_collide_get_folders_of_their_own(vision: Vision, pictures: Make) -> None:
    pictures(2, "a/photos"), pictures(2, "b/photos")
    ended = vision("classify", "a/photos", "b/photos", "-o", "out")
    assert [r["output"] for r in ended.records] == ["000.png", "001.png", "photos/000.png", "photos/001.png"]
    files = [r["files"]["annotated"] for r in ended.records]
    assert len(set(files)) == 4
    assert all(map(os.path.exists, files))


def test_the_input_tree_is_mirrored_and_left_as_it_was(vision: Vision, pictures: Make, tmp_path: Path) -> None:
    pictures(1, "photos/a"), pictures(1, "photos/b/c")
    before = {p: p.read_bytes() for p in (tmp_path / "photos").rglob("*") if p.is_file()}
    vision("classify", "photos", "-o", "out")
    assert Path("out/a/000.png.classify.jpg").exists()
    assert Path("out/b/c/000.png.classify.jpg").exists()
    assert {p: p.read_bytes() for p in (tmp_path / "photos").rglob("*") if p.is_file()} == before


def test_a_second_run_does_not_take_results_for_inputs(vision: Vision, pictures: Make) -> None:
    pictures(2)
    assert len(vision("classify", ".", "-q").records) == len(vision("classify", ".", "-q").records) == 2


def test_batch_size_workers_and_order_change_no_answer(vision: Vision, pictures: Make) -> None:
    paths = pictures(9, size=(90, 60))
    usual = without_times(vision("classify", *paths, "-o", "-").records)
    for args in (["-b", "1", "-j", "1"], ["-b", "16", "-j", "8"]):
        for order in (1, -1):
            others = without_times(vision("classify", *paths[::order], "-o", "-", *args).records)[::order]
            for one, other in zip(usual, others, strict=True):
                assert one == other


def test_the_pixel_limit_and_truncation_are_options(vision: Vision, pictures: Make, tmp_path: Path) -> None:
    (path,) = pictures(1)
    Image.effect_noise((64, 64), 50).save(tmp_path / "cut.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "cut.jpg").read_bytes()[:1500])
    assert vision("classify", path, "-o", "-", "--max-pixels", "100").records[0]["error"]["kind"] == "too_large"
    assert vision("classify", "cut.jpg", "-o", "-").records[0]["error"]["kind"] == "truncated_picture"
    assert vision("classify", "cut.jpg", "-o", "-", "--allow-truncated").status == 0


def test_a_resumed_run_takes_over_what_is_done(vision: Vision, pictures: Make) -> None:
    pictures(3)
    first = vision("classify", "photos", "-o", "out")
    again = vision("classify", "photos", "-o", "out", "--resume")
    assert again.records == first.records
    assert "3 taken from an earlier run" in again.err


@pytest.mark.parametrize("args", [["-k", "2"], ["--threshold", "0.5"], ["--annotated", "png"], ["--allow-truncated"]])
def test_a_resumed_run_with_other_options_starts_afresh(args: list[str], vision: Vision, pictures: Make) -> None:
    pictures(1)
    vision("classify", "photos", "-o", "out")
    assert "earlier" not in vision("classify", "photos", "-o", "out", "--resume", *args).err


def test_a_resumed_run_does_changed_files_and_failures_again(vision: Vision, pictures: Make) -> None:
    paths = pictures(3)
    vision("classify", "photos", "missing.png", "-o", "out")
    os.utime(paths[1], (1, 1))
    Path("out/002.png.classify.jpg").unlink()
    again = vision("classify", "photos", "missing.png", "-o", "out", "--resume")
    assert again.status == 1
    assert "1 taken from an earlier run" in again.err
    assert Path("out/002.png.classify.jpg").exists()


def test_a_file_in_place_of_the_output_folder_is_a_sentence(vision: Vision, pictures: Make) -> None:
    pictures(1)
    Path("out").write_text("mine")
    ended = vision("classify", "photos", "-o", "out")
    assert ended.status == 3
    assert "a file stands where a folder is needed. Choose another folder with -o." in ended.err
    assert Path("out").read_text() == "mine"


def test_results_beside_their_input_are_refused_with_a_sentence(vision: Vision, pictures: Make) -> None:
    pictures(1)
    ended = vision("classify", "photos/000.png", "-o", "photos")
    assert ended.status == 3
    assert "own folder" in ended.err
    assert "000.png.classify.jpg" not in os.listdir("photos")


@pytest.mark.parametrize("limit", [700, 6000])
def test_a_disk_that_takes_no_more_leaves_whole_files_and_a_sentence(
    limit: int, start_vision: Callable[..., subprocess.Popen[bytes]], pictures: Make, tmp_path: Path
) -> None:
    pictures(8, size=(400, 300))

    def fill_up() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    process = start_vision("classify", "photos", "-o", "out", "-f", "json", preexec_fn=fill_up)
    _, err = process.communicate(timeout=60)
    assert process.returncode in (1, 3)
    assert b"Traceback" not in err
    assert b"Cannot write out" in err
    for record in lines(tmp_path / "out") if (tmp_path / "out").exists() else []:
        CHECK.validate(record)
    for picture in (tmp_path / "out").rglob("*.jpg"):
        Image.open(picture).load()
    assert left_over(tmp_path / "out") == []


def test_two_runs_into_the_same_folder_do_not_mix(
    start_vision: Callable[..., subprocess.Popen[bytes]], vision: Vision, pictures: Make, tmp_path: Path
) -> None:
    (path,) = pictures(1)
    first = start_vision("classify", "-", "-o", "out")
    assert first.stdin is not None
    assert first.stdout is not None
    first.stdin.write(f"{path}\n".encode())
    first.stdin.flush()
    first.stdout.readline()
    second = vision("classify", path, "-o", "out")
    assert second.status == 3
    assert "Another run is writing to out." in second.err
    first.communicate(f"{path}\n".encode())
    assert first.returncode == 0
    assert len(lines(tmp_path / "out")) == 2


@pytest.mark.shared_data
def test_every_odd_picture_gets_one_record_in_order(vision: Vision, shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "odd_images"
    names = sorted(p.name for p in folder.iterdir())[:60]
    ended = vision("classify", *(folder / n for n in names), "-o", "out")
    assert ended.status == 1
    assert [Path(r["input"]).name for r in ended.records] == names
    for record in ended.records:
        CHECK.validate(record)
    said = ended.err.splitlines()
    assert all(line.startswith("vision: ") for line in said)
    assert len(said) == 1 + sum(r["error"] is not None for r in ended.records)


def test_no_result_replaces_an_input_that_comes_later(vision: Vision, pictures: Make, tmp_path: Path) -> None:
    pictures(2)
    os.rename("photos/000.png", "000.png")
    Path("out").mkdir()
    precious = Path("out/000.png.classify.jpg")
    make_picture(9).save(precious, "PNG")
    before = precious.read_bytes()
    for names, stdin in ((("000.png", precious), b""), (("-",), f"000.png\n{precious}\n".encode())):
        ended = vision("classify", *names, "photos/001.png", "-o", "out", stdin=stdin)
        assert ended.status == 1
        assert [bool(r["error"]) for r in ended.records][::2] == [True, False]
        assert "Cannot write out/000.png.classify.jpg: " in ended.records[0]["error"]["message"]
        assert precious.read_bytes() == before


def test_what_an_earlier_run_made_may_be_an_input_and_is_then_not_made_again(vision: Vision, pictures: Make) -> None:
    pictures(1)
    assert vision("classify", "photos", "-o", "out").status == 0
    made = Path("out/000.png.classify.jpg")
    made.rename("out/kept")
    made.write_bytes(Path("out/kept").read_bytes())
    ended = vision("classify", "photos/000.png", made, "-o", "out")
    assert "out/000.png.classify.jpg: it is an input of this run" in ended.err
    assert made.read_bytes() == Path("out/kept").read_bytes()


def test_a_second_run_needs_no_records_of_the_first(vision: Vision, pictures: Make) -> None:
    pictures(2)
    for name in ("predictions.jsonl", "predictions.csv"):
        assert vision("classify", "photos", "-o", "out", "-f", "csv").status == 0
        os.unlink(f"out/{name}")
    assert vision("classify", "photos", "-o", "out", "-f", "csv").status == 0


@pytest.mark.parametrize("name", ["predictions.csv", "predictions.json"])
def test_a_document_of_another_program_stays_and_nothing_is_done(name: str, vision: Vision, pictures: Make) -> None:
    pictures(1)
    Path("out").mkdir()
    Path("out", name).write_text("theirs")
    ended = vision("classify", "photos", "-o", "out", "-f", "csv,json")
    assert (ended.status, ended.out) == (3, b"")
    assert f"Cannot write out/{name}: a file stands there that vision did not write." in ended.err
    assert Path("out", name).read_text() == "theirs"
    assert not Path("out/000.png.classify.jpg").exists()


def test_files_that_options_name_are_inputs_too(vision: Vision, pictures: Make) -> None:
    pictures(1)
    truth = Path("out/predictions.coco.json")
    assert vision("detect", "photos", "-o", "out", "-f", "coco").status == 0
    before = truth.read_bytes()
    ended = vision("detect", "photos", "-o", "out", "-f", "coco", "--images", truth)
    assert ended.status == 3
    assert f"Cannot write {truth}: it is an input of this run." in ended.err
    assert truth.read_bytes() == before


def test_a_picture_whose_last_file_cannot_be_written_leaves_no_other_behind(vision: Vision, tmp_path: Path) -> None:
    for name in ("bad.png", "good.png"):
        make_picture(1).save(tmp_path / name)
    (tmp_path / "out" / "bad.png.detect.jpg").mkdir(parents=True)
    ended = vision("detect", "good.png", "bad.png", "-o", "out", "-f", "voc,yolo")
    assert [r["error"] and r["error"]["kind"] for r in ended.records] == [None, "output_not_written"]
    assert not [p for p in (tmp_path / "out").rglob("bad*") if p.is_file()]


def test_an_endless_network_costs_time_but_no_hang(vision: Vision, tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / "photos").mkdir(exist_ok=True)
        Image.new("RGB", (40, 40), "white").save(tmp_path / "photos" / name)
    network = looping(tmp_path / "loop.onnx")
    ended = vision("classify", "photos", "--model", f"onnx:{network}", "-o", "-", "--timeout", "0.05")
    assert ended.status == 3
    assert [r["error"]["kind"] for r in ended.records] == ["timed_out"] * 2
    assert "The network took longer than 0.05 s." in ended.err


def test_a_file_without_end_costs_only_its_record(vision: Vision, pictures: Make, tmp_path: Path) -> None:
    (path,) = pictures(1)
    bomb = again_and_again(tmp_path / "bomb.tif")
    ended = vision("classify", bomb, path, "-o", "-", "--timeout", "0.5")
    assert ended.status == 1
    assert [r["error"] and r["error"]["kind"] for r in ended.records] == ["timed_out", None]
    assert "--timeout" in ended.err


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "1e9"])
def test_an_impossible_time_limit_is_wrong_usage(vision: Vision, pictures: Make, seconds: str) -> None:
    (path,) = pictures(1)
    ended = vision("classify", path, "-o", "-", "--timeout", seconds)
    assert ended.status == 2
    assert "--timeout" in ended.err


def test_labels_without_end_are_wrong_usage(vision: Vision, pictures: Make) -> None:
    (path,) = pictures(1)
    ended = vision("classify", path, "-o", "-", "--labels", "/dev/zero")
    assert ended.status == 2
    assert ended.err == "vision: /dev/zero is larger than 16 MiB, so it does not hold class names.\n"


@pytest.mark.parametrize(
    ("inputs", "stdin", "words"),
    [
        (["empty"], b"", "No input was found: the folder empty is empty."),
        (["notes"], b"", "the folder notes holds nothing but hidden, excluded or our own files."),
        (["empty", "-"], b"", "the folder empty is empty, standard input named none."),
    ],
)
def test_what_gave_no_input_is_named(
    inputs: list[str], stdin: bytes, words: str, vision: Callable[..., Ended], tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "read.md").touch()
    ended = vision("classify", *inputs, stdin=stdin)
    assert ended.status == 3
    assert words in ended.err
