"""`-o memory://…`: the output folder on a store, which keeps whole objects or none."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from conftest import Ended

Vision = Callable[..., Ended]
Pictures = Callable[..., list[Path]]
OUT = "memory://bucket/run"


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MemoryFileSystem]:
    """An empty store; what runs keep on this machine meanwhile lies in `tmp_path/tmp`."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    system = fsspec.filesystem("memory")
    system.store.clear()
    system.pseudo_dirs[:] = [""]
    yield system
    system.store.clear()
    system.pseudo_dirs[:] = [""]


def names(system: MemoryFileSystem) -> dict[str, bytes]:
    """Every object below the run, by its name there."""
    return {path.removeprefix("/bucket/run/"): system.cat_file(path) for path in system.find("/bucket/run")}


def records(system: MemoryFileSystem, name: str = "predictions.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in system.cat_file(f"/bucket/run/{name}").splitlines()]


def left(tmp_path: Path) -> list[str]:
    """Files that are still on this machine."""
    return sorted(str(p.relative_to(tmp_path / "tmp")) for p in (tmp_path / "tmp").rglob("*") if p.is_file())


def test_a_run_writes_into_a_store_what_it_writes_into_a_folder(
    vision: Vision, pictures: Pictures, store: MemoryFileSystem, tmp_path: Path
) -> None:
    pictures(3)
    formats = "csv,json,labelstudio,cvat,xmp"
    assert vision("classify", "photos", "-o", "plain", "-f", formats).status == 0
    ended = vision("classify", "photos", "-o", OUT, "-f", formats)
    assert ended.status == 0, ended.err
    assert f"Results: {OUT}/predictions.jsonl" in ended.err
    here = {str(p.relative_to("plain")): p.read_bytes() for p in Path("plain").rglob("*") if p.is_file()}
    there = names(store)
    assert there.keys() == here.keys()
    changing = (".visionfiles", "predictions.jsonl", "predictions.json")
    assert {n: d for n, d in there.items() if n not in changing} == {
        n: d for n, d in here.items() if n not in changing
    }
    bodies = records(store)
    for body in (*bodies, *json.loads(there["predictions.json"]), *ended.records):
        assert body["files"].keys() == {"annotated", "xmp"}
        for kind, path in body["files"].items():
            assert path.startswith(f"{OUT}/") and len(there[path.removeprefix(f"{OUT}/")]) == body["sizes"][kind]
    assert left(tmp_path) == []


def test_a_run_is_resumed_from_the_records_in_the_store(
    vision: Vision, pictures: Pictures, store: MemoryFileSystem, tmp_path: Path
) -> None:
    first, second, third = pictures(3)
    vision("classify", first, second, "-o", OUT)
    gone = next(path for path in records(store)[0]["files"].values())
    store.rm_file(gone.removeprefix("memory://"))
    before = names(store)
    ended = vision("classify", first, second, third, "-o", OUT, "--resume")
    assert ended.status == 0 and "1 taken from an earlier run" in ended.err, ended.err
    after = names(store)
    assert len(records(store)) == 3 and len(after) == len(before) + 2
    assert all(after[name] == data for name, data in before.items() if name.endswith(".jpg"))
    assert all(path.startswith(OUT) for body in records(store) for path in body["files"].values())
    assert left(tmp_path) == []


def test_records_of_the_run_before_and_of_other_tasks_are_kept(
    vision: Vision, pictures: Pictures, store: MemoryFileSystem
) -> None:
    first, second = pictures(2)
    vision("classify", first, "-o", OUT)
    ended = vision("classify", second, "-o", OUT)
    assert f"{OUT}/predictions.previous.jsonl" in ended.err and "/tmp/" not in ended.err
    assert [r["input"] for r in records(store, "predictions.previous.jsonl")] == [str(first)]
    vision("detect", second, "-o", OUT)
    assert {n for n in names(store) if n.endswith(".jsonl")} == {
        "predictions.jsonl",
        "predictions.classify.jsonl",
        "predictions.classify.previous.jsonl",
    }


def test_objects_that_vision_did_not_write_are_not_replaced(
    vision: Vision, pictures: Pictures, store: MemoryFileSystem, tmp_path: Path
) -> None:
    (picture,) = pictures(1)
    store.pipe_file(f"/bucket/run/{picture.name}.classify.jpg", b"mine")
    ended = vision("classify", picture, "-o", OUT)
    assert ended.status == 3 and "did not write" in ended.err
    assert names(store)[f"{picture.name}.classify.jpg"] == b"mine"
    store.store.clear()
    store.pipe_file("/bucket/run/predictions.jsonl", b"mine\n")
    assert vision("classify", picture, "-o", OUT).status == 3
    assert names(store)["predictions.jsonl"] == b"mine\n"
    assert left(tmp_path) == []


def test_what_cannot_be_uploaded_is_told_of_and_kept(
    vision: Vision, pictures: Pictures, store: MemoryFileSystem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures(3)
    put = MemoryFileSystem.put_file

    def fail(self: MemoryFileSystem, local: str, remote: str, *args: Any, **options: Any) -> None:
        if remote.endswith("001.png.classify.jpg"):
            raise ConnectionError("https://key:secret@store/bucket?X-Amz-Signature=abc refused.\nsecond line")
        put(self, local, remote, *args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(MemoryFileSystem, "put_file", fail)
        ended = vision("classify", "photos", "-o", OUT)
    assert ended.status == 1
    assert f"1 file could not be uploaded to {OUT}: 001.png.classify.jpg (ConnectionError:" in ended.err
    assert "secret" not in ended.err and "Signature" not in ended.err and "second line" not in ended.err
    (kept,) = left(tmp_path)
    assert str(tmp_path / "tmp" / kept.partition("/")[0]) in ended.err
    assert (tmp_path / "tmp" / kept).read_bytes().startswith(b"\xff\xd8")
    assert len(records(store)) == 3 and "001.png.classify.jpg" not in names(store)
    again = vision("classify", "photos", "-o", OUT, "--resume")
    assert again.status == 0 and "2 taken from an earlier run" in again.err
    assert "001.png.classify.jpg" in names(store)


def test_a_store_that_does_not_answer_is_one_sentence(
    vision: Vision, pictures: Pictures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures(1)

    def fail(*args: Any, **options: Any) -> None:
        raise PermissionError("Access Denied")

    monkeypatch.setattr(MemoryFileSystem, "find", fail)
    ended = vision("classify", "photos", "-o", OUT)
    assert ended.status == 3 and ended.out == b""
    assert ended.err.count("\n") == 1 and f"Cannot read {OUT}: PermissionError: Access Denied." in ended.err
    assert left(tmp_path) == []


def test_a_killed_run_goes_on_from_what_it_uploaded(
    vision: Vision, pictures: Pictures, store: MemoryFileSystem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures(4)
    with monkeypatch.context() as patch, pytest.raises(_Killed):
        patch.setattr("visioncli.sinks.remote.CHECKPOINT_SECONDS", 0.0)
        patch.setattr("visioncli.sinks.remote.PATIENCE", 0)
        # The process is gone before anything is closed.
        patch.setattr("visioncli.cli.session.Outputs.close", _killed)
        vision("classify", "photos", "-o", OUT)
    assert "predictions.jsonl" not in names(store) and ".vision-partial/journal.classify.jsonl" in names(store)
    # Pictures are uploaded beside the work: the last ones may not have come so far.
    uploaded = [name for name in names(store) if name.endswith(".classify.jpg")]
    assert uploaded
    ended = vision("classify", "photos", "-o", OUT, "--resume")
    assert ended.status == 0 and f"{len(uploaded)} taken from an earlier run" in ended.err
    assert len(records(store)) == 4
    assert not any(name.startswith(".vision-partial") for name in names(store))


class _Killed(BaseException):
    pass


def _killed(*args: Any, **options: Any) -> None:
    raise _Killed


def test_shards_have_folders_of_their_own_in_the_store(
    vision: Vision, pictures: Pictures, store: MemoryFileSystem
) -> None:
    pictures(4)
    for n in (1, 2):
        assert vision("classify", "photos", "-o", OUT, "--shard", f"{n}/2").status == 0
    folders = {name.partition("/")[0] for name in names(store)}
    assert folders == {"shard-00001-of-00002", "shard-00002-of-00002"}
    facts = json.loads(names(store)["shard-00001-of-00002/predictions.shard.json"])
    assert all(not path.startswith(("/", "..")) for entry in facts["inputs"] for path in entry["files"].values())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["-o", "nosuch://bucket/run"], "nosuch://bucket/run"),
        (["-o", OUT, "--report"], "vision report"),
    ],
)
def test_what_cannot_be_is_wrong_usage(options: list[str], words: str, vision: Vision, pictures: Pictures) -> None:
    pictures(1)
    ended = vision("classify", "photos", *options)
    assert ended.status == 2 and words in ended.err and ended.err.count("\n") == 1


def test_merge_writes_to_folders_alone(vision: Vision) -> None:
    ended = vision("merge", "shards", "-o", "s3://user:secret@bucket/run")
    assert ended.status == 2 and "secret" not in ended.err and not Path("s3:").exists()


def test_a_missing_library_is_named(vision: Vision, pictures: Pictures, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures(1)
    monkeypatch.setitem(sys.modules, "s3fs", None)
    ended = vision("classify", "photos", "-o", "s3://bucket/run")
    assert ended.status == 2 and "pip install s3fs" in ended.err
    monkeypatch.setitem(sys.modules, "fsspec", None)
    ended = vision("classify", "photos", "-o", "s3://bucket/run")
    assert ended.status == 4 and "visioncli[cloud]" in ended.err


def test_an_address_of_a_file_is_a_folder_of_this_machine(vision: Vision, pictures: Pictures, tmp_path: Path) -> None:
    pictures(1)
    ended = vision("classify", "photos", "-o", f"file://{tmp_path}/here", "--annotated", "none")
    assert ended.status == 0, ended.err
    assert (tmp_path / "here" / "predictions.jsonl").is_file()
    assert not Path("file:").exists()


def test_nothing_is_written_to_a_web_address(vision: Vision, pictures: Pictures) -> None:
    pictures(1)
    ended = vision("classify", "photos", "-o", "https://user:secret@host/run")
    assert ended.status == 2
    assert "https://***@host/run: nothing can be written to a web address" in ended.err
    assert "secret" not in ended.err
    assert not Path("https:").exists()
