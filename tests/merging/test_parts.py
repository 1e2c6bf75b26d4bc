import json
from pathlib import Path
from typing import Any

import pytest

from visioncli.errors import UsageError
from visioncli.inputs.shards import Listing, Shard
from visioncli.inputs.sources import Item
from visioncli.merging import parts
from visioncli.merging.parts import DamagedError, find
from visioncli.predictions import Classification
from visioncli.results import Failure, ModelInfo, Record, dump_line
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.shard import ShardSink

FACTS: dict[str, Any] = {
    "task": "classify",
    "version": "1",
    "model": {"name": "tiny"},
    "settings": {"top_k": 1},
    "options": {},
    "decoding": {},
    "formats": [],
    "images": None,
    "vectors": False,
    "labels": [[0, "größe"]],
}
NAMES = [f"{n}.jpg" for n in range(30)] + ["c\udcff.jpg", "zeile\n.jpg"]


def write(folder: Path, index: int, count: int, *, complete: bool = True, **other: Any) -> list[Record]:
    """One shard of the names; every fifth input failed."""
    listing = Listing(Shard(index, count))
    out = OutputFolder(folder / listing.shard.folder)
    sink = ShardSink(out, listing, FACTS | other)
    records = []
    for n, item in enumerate(listing.of(Item(f"photos/{name}", name, "photos") for name in NAMES)):
        record = Record("classify", item.path, 4, 3, ModelInfo("tiny", None), (Classification("größe", 0, 0.5),))
        if n % 5 == 4:
            record = Record("classify", item.path, error=Failure("not_found", "Gone."))
        sink.write(record)
        records.append(record)
    sink.complete = complete
    sink.close()
    with (out.path / "predictions.jsonl").open("wb") as file:
        file.writelines(dump_line(record.to_json()) for record in records)
    out.close()
    return records


def test_the_list_of_a_shard_is_one_json_document(tmp_path: Path) -> None:
    records = write(tmp_path, 2, 3)
    document = json.loads((tmp_path / "shard-00002-of-00003" / "predictions.shard.json").read_bytes())
    assert [entry["input"] for entry in document["inputs"]] == [record.input for record in records]
    assert [NAMES[entry["at"]] for entry in document["inputs"]] == [entry["name"] for entry in document["inputs"]]
    assert document["facts"] | FACTS == document["facts"]
    assert (document["facts"]["shard"], document["facts"]["of"], document["facts"]["listed"]) == (2, 3, len(NAMES))


@pytest.mark.parametrize("block", [7, 200, 1 << 20])
def test_rows_are_the_records_with_their_places(block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "BLOCK", block)
    written = {n: write(tmp_path, n, 3) for n in (3, 1, 2)}
    found, unfinished = find([str(tmp_path)])
    assert [part.index for part in found] == [1, 2, 3] and not unfinished
    places = []
    for part in found:
        rows = list(part.rows())
        assert [row.record.to_json() for row in rows] == [record.to_json() for record in written[part.index]]
        places += [row.at for row in rows]
    assert sorted(places) == list(range(len(NAMES)))


def test_an_empty_shard_has_no_rows(tmp_path: Path) -> None:
    for n in range(1, 200):
        write(tmp_path, n, 199)
    found, _ = find([str(tmp_path)])
    assert [list(part.rows()) for part in found].count([]) > 150
    assert sum(len(list(part.rows())) for part in found) == len(NAMES)


@pytest.mark.parametrize("change", ["drop", "swap", "more", "cut", "gone", "other task"])
def test_records_that_are_not_those_of_the_list_are_damage(change: str, tmp_path: Path) -> None:
    write(tmp_path, 1, 2)
    path = tmp_path / "shard-00001-of-00002" / "predictions.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    match change:
        case "drop":
            path.write_bytes(b"".join(lines[:-1]))
        case "swap":
            path.write_bytes(b"".join([lines[1], lines[0], *lines[2:]]))
        case "more":
            path.write_bytes(b"".join([*lines, lines[0]]))
        case "cut":
            path.write_bytes(b"".join(lines)[:-10])
        case "gone":
            path.unlink()
        case "other task":
            path.write_bytes(b"".join(lines).replace(b'"classify"', b'"detect"'))
    found, _ = find([str(tmp_path)])
    with pytest.raises(DamagedError):
        list(found[0].rows())


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd"])
def test_files_outside_of_the_shard_are_damage(name: str, tmp_path: Path) -> None:
    write(tmp_path, 1, 1)
    folder = tmp_path / "shard-00001-of-00001"
    lines = (folder / "predictions.jsonl").read_bytes().splitlines()
    first = json.loads(lines[0]) | {"files": {"annotated": "x"}, "sizes": {"annotated": 1}}
    (folder / "predictions.jsonl").write_bytes(b"\n".join([json.dumps(first).encode(), *lines[1:], b""]))
    listed = (folder / "predictions.shard.json").read_bytes().splitlines(keepends=True)
    entry = json.loads(listed[1].rstrip(b",\n")) | {"files": {"annotated": name}}
    listed[1] = json.dumps(entry).encode() + b",\n"
    (folder / "predictions.shard.json").write_bytes(b"".join(listed))
    (part,), _ = find([str(folder)])
    with pytest.raises(DamagedError):
        list(part.rows())


@pytest.mark.parametrize("keep", [0, 50, 700, -3])
def test_a_list_that_is_not_whole_is_of_a_shard_that_is_not_finished(keep: int, tmp_path: Path) -> None:
    write(tmp_path, 1, 2)
    write(tmp_path, 2, 2)
    path = tmp_path / "shard-00002-of-00002" / "predictions.shard.json"
    path.write_bytes(path.read_bytes()[:keep])
    found, unfinished = find([str(tmp_path)])
    assert [part.index for part in found] == [1] and list(unfinished) == [2]


@pytest.mark.parametrize(
    ("fact", "value", "words"),
    [
        ("task", "detect", "the task"),
        ("model", {"name": "tiny", "precision": "int8"}, "precision: null and int8"),
        ("settings", {"top_k": 2}, "top_k: 1 and 2"),
        ("labels", [], "the labels"),
        ("formats", ["csv"], "--format"),
    ],
)
def test_what_differs_is_named(fact: str, value: Any, words: str, tmp_path: Path) -> None:
    write(tmp_path, 1, 2)
    write(tmp_path, 2, 2, **{fact: value})
    with pytest.raises(UsageError, match="not of one run") as caught:
        find([str(tmp_path)])
    assert words in str(caught.value)


def test_shards_that_were_not_finished_may_have_seen_less(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, 1, 2)
    monkeypatch.setitem(globals(), "NAMES", NAMES[:20])
    write(tmp_path, 2, 2, complete=False)
    found, _ = find([str(tmp_path)])
    assert [part.complete for part in found] == [True, False]
    write(tmp_path, 2, 2)
    with pytest.raises(UsageError, match="did not see the same inputs"):
        find([str(tmp_path)])
