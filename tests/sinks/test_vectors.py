"""Documents of vectors, read by other programs."""

import csv
import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from visioncli.predictions import Embedding
from visioncli.results import Failure, Record
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.interface import RecordSink
from visioncli.sinks.vectors import NamesSink, NpySink, VectorCsvSink, VectorParquetSink, WithoutVectors, vector_sinks

RNG = np.random.default_rng(0)
VECTORS = RNG.normal(0, 3, (3, 5)).astype(np.float32)


def record(name: str, vector: np.ndarray | None) -> Record:
    if vector is None:
        return Record("embed", name, error=Failure("not_found", "There is no such file."))
    return Record("embed", name, 4, 3, predictions=(Embedding(len(vector), tuple(vector.tolist())),))


RECORDS = [
    record("broken.jpg", None),
    record("=a,b.jpg", VECTORS[0]),
    record("größe\n猫.jpg", VECTORS[1]),
    record("gone.jpg", None),
    record("c\udcff.jpg", VECTORS[2]),
]


def write(folder: Path, name: str, records: list[Record] = RECORDS) -> None:
    out = OutputFolder(folder)
    for sink in vector_sinks(name, out):
        for one in records:
            sink.write(one)
        sink.close()
    out.close()


def test_arrays_hold_the_successes_in_input_order_with_their_names(tmp_path: Path) -> None:
    write(tmp_path, "npy")
    found = np.load(tmp_path / "predictions.npy")
    assert found.dtype == np.float32 and (found == VECTORS).all()
    names = json.loads((tmp_path / "predictions.names.json").read_bytes())
    assert names == ["=a,b.jpg", "größe\n猫.jpg", "c\udcff.jpg"]
    assert np.load(tmp_path / "predictions.npy", mmap_mode="r").shape == (3, 5)


def test_an_array_of_nothing_but_failures_is_empty(tmp_path: Path) -> None:
    write(tmp_path, "npy", [RECORDS[0]])
    assert np.load(tmp_path / "predictions.npy").shape == (0, 0)
    assert json.loads((tmp_path / "predictions.names.json").read_bytes()) == []


def test_tables_hold_every_input_and_every_digit(tmp_path: Path) -> None:
    write(tmp_path, "csv")
    rows = list(csv.DictReader((tmp_path / "predictions.csv").open(newline="")))
    assert [row["input"] for row in rows[:3]] == ["broken.jpg", "'=a,b.jpg", "größe\n猫.jpg"]
    assert rows[0]["error"] == "not_found: There is no such file." and rows[0]["f0"] == ""
    read = np.array([[row[f"f{n}"] for n in range(5)] for row in rows if not row["error"]], np.float32)
    assert (read == VECTORS).all()


def test_a_table_of_failures_has_a_head(tmp_path: Path) -> None:
    write(tmp_path, "csv", [RECORDS[0]])
    rows = list(csv.reader((tmp_path / "predictions.csv").open(newline="")))
    assert rows == [["input", "error"], ["broken.jpg", "not_found: There is no such file."]]


def test_parquet_holds_vectors_of_one_length(tmp_path: Path) -> None:
    from pyarrow import parquet

    many = RECORDS + [record(f"{n}.jpg", VECTORS[n % 3]) for n in range(2500)]
    write(tmp_path, "parquet", many)
    table = parquet.read_table(tmp_path / "predictions.parquet")
    assert table.num_rows == len(many)
    assert str(table.schema.field("vector").type) == "fixed_size_list<element: float>[5]"
    vectors = [v for v in table["vector"].to_pylist() if v is not None]
    assert np.allclose(vectors[:3], VECTORS, atol=0)
    assert table["error"].to_pylist()[0] == {"kind": "not_found", "message": "There is no such file."}
    assert table["width"].to_pylist()[:2] == [None, 4]
    write(tmp_path, "parquet", [RECORDS[0]])
    assert parquet.read_table(tmp_path / "predictions.parquet").num_rows == 1


def test_standard_output_takes_an_array_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written))
    (sink,) = vector_sinks("npy", None)
    for one in RECORDS:
        sink.write(one)
    sink.close()
    written.seek(0)
    assert (np.load(written) == VECTORS).all()


class Kept(RecordSink):
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.closed = False

    def write(self, record: Record) -> None:
        self.records.append(record)

    def close(self) -> None:
        self.closed = True


def test_records_lose_their_vectors_and_nothing_else() -> None:
    kept = Kept()
    sink = WithoutVectors.around(kept)
    for one in RECORDS[:2]:
        sink.write(one)
    sink.close()
    assert kept.closed
    assert kept.records[0] is RECORDS[0]
    assert kept.records[1].predictions == (Embedding(5),)


def test_documents_of_vectors_are_given_them(tmp_path: Path) -> None:
    out = OutputFolder(tmp_path)
    kinds = (NpySink, NamesSink, VectorCsvSink, lambda out: VectorParquetSink(out, "embed"))
    for sink in (kind(out) for kind in kinds):
        assert WithoutVectors.around(sink) is sink
    out.close()
