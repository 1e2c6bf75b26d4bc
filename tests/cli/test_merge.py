"""`--shard` and `vision merge`: the shards of a run, joined, are what one run writes."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from conftest import ROOT, Ended, make_picture

Vision = Callable[..., Ended]
COUNT = 3
TASKS = {
    "classify": ["classify", "-f", "csv,json,labelstudio,cvat,xmp"],
    "detect": ["detect", "--score", "0.2", "-f", "json,coco,yolo,voc,csv,labelstudio,cvat,xmp", "--crops"],
    "segment": ["segment", "--size", "129", "-f", "json,coco,csv,labelstudio,cvat,xmp"],
    "pose": ["pose", "-f", "json,coco,csv,labelstudio,cvat,xmp"],
    "gradcam": ["gradcam", "--raw", "npy", "-f", "csv"],
    "caption": ["caption", "-f", "json,coco,csv,labelstudio,xmp"],
    "embed as arrays": ["embed", "-f", "npy,json"],
    "embed as a table": ["embed", "-f", "csv"],
    "embed as Parquet": ["embed", "-f", "parquet", "--vectors"],
}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Pictures in folders, with names that collide but for their suffix or case, and files that are none."""
    folder = tmp_path / "photos"
    (folder / "a").mkdir(parents=True)
    for n, name in enumerate(("astronaut.png", "chelsea.png", "grace_hopper.jpg")):
        with Image.open(ROOT / "sample_images" / name) as image:
            small = image.convert("RGB")
            small.thumbnail((160, 160))
            small.save(folder / f"{2 * n}-{Path(name).stem}.png")
            small.save(folder / "a" / f"{n}.jpg")
            small.save(folder / "a" / f"{n}.png")
    make_picture(3, (64, 48)).save(folder / "8-größe 猫.png")
    (folder / "1-empty.jpg").touch()
    (folder / "a" / "3-text.png").write_text("This is no picture.")
    return folder


def shards(vision: Vision, *command: Any, count: int = COUNT, out: str = "out") -> list[int]:
    return [vision(*command, "-o", out, "--shard", f"{n}/{count}").status for n in range(1, count + 1)]


def content(folder: Path) -> dict[str, Any]:
    """Every file of a run by its name, without the times of records and the name of the folder itself."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_dir():
            continue
        if name == ".visionfiles":  # in the order in which threads wrote them
            found[name] = sorted(path.read_bytes().split(b"\0"))
        elif name in ("predictions.jsonl", "predictions.json"):
            text = path.read_text()
            records = json.loads(text) if name.endswith("json") else [json.loads(t) for t in text.splitlines()]
            found[name] = [timeless(record, folder.name) for record in records]
        elif name == "predictions.parquet":
            from pyarrow import parquet

            table = parquet.read_table(path)
            rows = [{k: v for k, v in row.items() if k not in ("ms", "files")} for row in table.to_pylist()]
            found[name] = (str(table.schema), rows)
        else:
            found[name] = path.read_bytes()
    return found


def timeless(record: dict[str, Any], folder: str) -> dict[str, Any]:
    record.pop("ms", None)
    if "files" in record:
        record["files"] = {kind: path.removeprefix(f"{folder}/") for kind, path in record["files"].items()}
    return record


@pytest.mark.parametrize("command", TASKS.values(), ids=TASKS)
def test_merged_shards_are_what_one_run_writes(
    command: list[str], vision: Vision, photos: Path, tmp_path: Path
) -> None:
    assert vision(command[0], "photos", *command[1:], "-o", "plain").status == 1
    assert set(shards(vision, command[0], "photos", *command[1:])) <= {0, 1}
    parts = sorted((tmp_path / "out").iterdir())
    assert [p.name for p in parts] == [f"shard-{n:05d}-of-{COUNT:05d}" for n in range(1, COUNT + 1)]
    ended = vision("merge", "out", "-o", "all")
    assert (ended.status, ended.out) == (0, b"")
    assert "merged 3 shards" in ended.err and "failures" in ended.err
    expected = content(tmp_path / "plain")
    assert len(expected["predictions.jsonl"]) == 12
    assert content(tmp_path / "all") == expected


def test_the_order_in_which_shards_are_named_or_done_does_not_matter(
    vision: Vision, photos: Path, tmp_path: Path
) -> None:
    shards(vision, "detect", "photos")
    first, second, third = (f"out/shard-0000{n}-of-00003" for n in (1, 2, 3))
    assert vision("merge", "out", "-o", "all").status == 0
    assert vision("merge", third, first, f"{second}/", first, "-o", "other").status == 0
    assert content(tmp_path / "all") == content(tmp_path / "other")


def test_shards_may_be_merged_into_the_folder_above_them(vision: Vision, photos: Path, tmp_path: Path) -> None:
    vision("classify", "photos", "-o", "plain")
    shards(vision, "classify", "photos", out="vision-out")
    assert vision("merge", "vision-out").status == 0
    for shard in (tmp_path / "vision-out").glob("shard-*"):
        shutil.rmtree(shard)
    assert content(tmp_path / "vision-out") == content(tmp_path / "plain")


def test_two_roots_with_the_same_names_keep_their_folders(vision: Vision, photos: Path, tmp_path: Path) -> None:
    shutil.copytree(photos, tmp_path / "more" / "photos")
    shutil.copytree(photos / "a", tmp_path / "more" / "photos" / "photos" / "a")
    roots = ["photos", "more/photos", "photos/a/0.jpg"]
    options = ["-f", "voc,yolo,coco,cvat,labelstudio,xmp", "--crops"]
    vision("detect", *roots, *options, "-o", "plain")
    shards(vision, "detect", *roots, *options)
    assert vision("merge", "out", "-o", "all").status == 0
    assert content(tmp_path / "all") == content(tmp_path / "plain")


def test_files_are_moved_or_left_on_demand(vision: Vision, photos: Path, tmp_path: Path) -> None:
    shards(vision, "detect", "photos", "--crops")
    assert vision("merge", "out", "-o", "all").status == 0
    assert vision("merge", "out", "-o", "left", "--files", "leave").status == 0
    assert sorted(os.listdir("left")) == [".visionfiles", "predictions.jsonl"]
    records = [json.loads(line) for line in (tmp_path / "left" / "predictions.jsonl").open()]
    named = [path for record in records for path in record.get("files", {}).values()]
    assert named and all(path.startswith("out/shard-") and os.path.exists(path) for path in named)
    assert vision("merge", "out", "-o", "moved", "--files", "move").status == 0
    assert not any(os.path.exists(path) for path in named)
    assert content(tmp_path / "moved") == content(tmp_path / "all")
    ended = vision("merge", "out", "-o", "again")
    assert ended.status == 1 and "gone or changed" in ended.err
    assert not (tmp_path / "again").exists()


def test_an_empty_shard_is_a_success(vision: Vision, pictures: Callable[..., list[Path]], tmp_path: Path) -> None:
    pictures(1)
    statuses = shards(vision, "classify", "photos", count=4)
    assert statuses == [0, 0, 0, 0]
    assert vision("merge", "out", "-o", "all").status == 0
    assert len((tmp_path / "all" / "predictions.jsonl").read_text().splitlines()) == 1


def test_no_input_at_all_is_still_status_3(vision: Vision, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    assert shards(vision, "classify", "photos", count=1) == [3]


def test_a_missing_shard_is_named_and_nothing_is_written(vision: Vision, photos: Path, tmp_path: Path) -> None:
    shards(vision, "classify", "photos")
    shutil.rmtree(tmp_path / "out" / "shard-00002-of-00003")
    ended = vision("merge", "out", "-o", "all")
    assert (ended.status, ended.out) == (1, b"")
    assert "Shard 2 of 3 is not there" in ended.err
    assert not (tmp_path / "all").exists()
    ended = vision("merge", "out", "-o", "all", "--allow-missing")
    assert ended.status == 1 and "Shard 2 of 3 is not there" in ended.err
    there = sum(len((p / "predictions.jsonl").read_text().splitlines()) for p in (tmp_path / "out").iterdir())
    assert len((tmp_path / "all" / "predictions.jsonl").read_text().splitlines()) == there


def test_a_shard_that_was_stopped_is_finished_by_resume(vision: Vision, photos: Path, tmp_path: Path) -> None:
    vision("classify", "photos", "-o", "plain")
    broken = [
        n for n in (1, 2, 3) if vision("classify", "photos", "-o", "out", "--shard", f"{n}/3", "--fail-fast").status
    ]
    ended = vision("merge", "out", "-o", "all")
    assert ended.status == 1 and "not finished" in ended.err
    for n in broken:
        before = (
            (tmp_path / "out" / f"shard-0000{n}-of-00003" / "predictions.jsonl").read_text().count('"error": null')
        )
        ended = vision("classify", "photos", "-o", "out", "--shard", f"{n}/3", "--resume")
        assert not before or f"{before} taken from an earlier run" in ended.err
    assert vision("merge", "out", "-o", "all").status == 0
    assert content(tmp_path / "all") == content(tmp_path / "plain")


def test_shards_of_different_commands_are_not_merged(vision: Vision, photos: Path, tmp_path: Path) -> None:
    for name, options in (("1/3", ["--top-k", "2"]), ("2/3", []), ("3/3", [])):
        vision("classify", "photos", "-o", "out", "--shard", name, *options)
    ended = vision("merge", "out", "-o", "all")
    assert ended.status == 2 and "they differ in" in ended.err and "2 and 5" in ended.err
    vision("detect", "photos", "-o", "out", "--shard", "1/3")
    ended = vision("merge", "out", "-o", "all")
    assert ended.status == 2 and "they differ in the task" in ended.err
    assert ended.err.count("\n") == 1 and not (tmp_path / "all").exists()


def test_inputs_that_came_between_the_shards_are_noticed(vision: Vision, photos: Path) -> None:
    for n in (1, 2, 3):
        vision("classify", "photos", "-o", "out", "--shard", f"{n}/3")
        make_picture(n, (30, 30)).save(photos / f"new-{n}.png")
    ended = vision("merge", "out", "-o", "all")
    assert ended.status == 2 and "did not see the same inputs" in ended.err
    shards(vision, "classify", "photos", "--resume")
    assert vision("merge", "out", "-o", "all").status == 0


def test_a_shard_that_is_there_twice_is_wrong_usage(vision: Vision, photos: Path, tmp_path: Path) -> None:
    shards(vision, "classify", "photos")
    shutil.copytree(tmp_path / "out" / "shard-00001-of-00003", tmp_path / "copy" / "shard-00001-of-00003")
    ended = vision("merge", "out", "copy", "-o", "all")
    assert ended.status == 2 and "Shard 1 of 3 is there twice" in ended.err


def test_splits_into_different_numbers_are_not_mixed(vision: Vision, photos: Path) -> None:
    shards(vision, "classify", "photos")
    vision("classify", "photos", "-o", "out", "--shard", "1/4")
    ended = vision("merge", "out", "-o", "all")
    assert ended.status == 2


@pytest.mark.parametrize("name", ["photos", "nowhere"])
def test_what_holds_no_shards_is_wrong_usage(name: str, vision: Vision, photos: Path) -> None:
    ended = vision("merge", name)
    assert ended.status == 2 and ended.err.count("\n") == 1


def test_a_damaged_shard_is_named(vision: Vision, photos: Path, tmp_path: Path) -> None:
    shards(vision, "classify", "photos")
    records = tmp_path / "out" / "shard-00002-of-00003" / "predictions.jsonl"
    records.write_text("".join(records.read_text().splitlines(keepends=True)[1:]))
    ended = vision("merge", "out", "-o", "all")
    assert ended.status == 1 and "Shard 2 of 3 is damaged" in ended.err
    assert vision("merge", "out", "-o", "all", "--allow-missing").status == 1


def test_results_of_another_program_are_not_replaced(vision: Vision, photos: Path, tmp_path: Path) -> None:
    shards(vision, "classify", "photos")
    (tmp_path / "all").mkdir()
    (tmp_path / "all" / "predictions.jsonl").write_text("mine\n")
    assert vision("merge", "out", "-o", "all").status == 3
    assert (tmp_path / "all" / "predictions.jsonl").read_text() == "mine\n"


def test_a_merge_that_was_killed_while_it_moved_files_goes_on(
    vision: Vision, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shards(vision, "detect", "photos", "--crops", "-f", "coco")
    assert vision("merge", "out", "-o", "all").status == 0
    moved = 0
    replace = os.replace

    def die(source: Any, target: Any) -> None:
        nonlocal moved
        if "shard-" in str(source):
            moved += 1
            if moved > 6:
                raise KeyboardInterrupt
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr("visioncli.merging.files.os.replace", die)
        assert vision("merge", "out", "-o", "moved", "--files", "move").status == 130
    assert not (tmp_path / "moved" / "predictions.jsonl").exists()
    assert not list((tmp_path / "moved").glob("predictions.*"))
    assert vision("merge", "out", "-o", "moved", "--files", "move").status == 0
    assert content(tmp_path / "moved") == content(tmp_path / "all")


def test_with_standard_output_alone_a_shard_is_a_filter(vision: Vision, photos: Path, tmp_path: Path) -> None:
    whole = vision("classify", "photos", "-o", "-").records
    parts = [vision("classify", "photos", "-o", "-", "--shard", f"{n}/2").records for n in (1, 2)]
    assert sorted(r["input"] for part in parts for r in part) == sorted(r["input"] for r in whole)
    assert not (tmp_path / "vision-out").exists()


def test_results_of_the_other_shards_are_no_inputs(vision: Vision, photos: Path, tmp_path: Path) -> None:
    shards(vision, "classify", ".")
    names = [json.loads(t)["input"] for p in (tmp_path / "out").iterdir() for t in (p / "predictions.jsonl").open()]
    assert len(names) == 12 and not any("out/" in name for name in names)


def test_a_bad_shard_is_wrong_usage(vision: Vision, photos: Path, tmp_path: Path) -> None:
    ended = vision("classify", "photos", "--shard", "4/3")
    assert ended.status == 2 and ended.err.count("\n") == 1 and not (tmp_path / "vision-out").exists()
