"""Tables whose rows name or hold pictures."""

import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from visioncli.errors import InputError
from visioncli.inputs import lists
from visioncli.inputs.item import Held, Item
from visioncli.inputs.lists import split_row
from visioncli.inputs.sources import Expansion
from visioncli.inputs.within import content_of, lies_within

PICTURES = [b"%d" % n for n in range(50)]


def table(path: Path, columns: dict[str, Any], **how: Any) -> str:
    parquet.write_table(pa.table(columns), path, **how)
    return str(path)


def inputs(path: str | Path, column: str | None) -> list[Item]:
    return list(Expansion(column=column).items([str(path)]))


def told(item: Item) -> bytes | str:
    """What an input holds, or why it holds nothing; the path of one that is a file."""
    if not isinstance(item, Held):
        return item.path
    try:
        return item.content()
    except InputError as problem:
        return str(problem)


@pytest.mark.parametrize("form", ["bytes", "large", "struct"])
def test_a_column_of_bytes_holds_pictures(tmp_path: Path, form: str) -> None:
    column: Any = pa.array(PICTURES, pa.large_binary() if form == "large" else pa.binary())
    if form == "struct":
        column = [{"bytes": data, "path": f"{n}.jpg"} for n, data in enumerate(PICTURES)]
    path = table(tmp_path / "t.parquet", {"label": list(range(50)), "image": column}, row_group_size=20)
    found = inputs(path, "image")
    assert [i.path for i in found] == [f"{path}#image={n}" for n in range(50)]
    assert found[3].relative == "t.parquet/row-00000003"
    assert [told(i) for i in found] == PICTURES
    assert len({i.stamp for i in found if isinstance(i, Held)}) == 50


def test_rows_are_read_while_they_come_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, found, last = table(tmp_path / "t.parquet", {"image": PICTURES}), [], None
    monkeypatch.setattr(lists, "one", lambda *place: pytest.fail("it was read a second time"))
    for item in Expansion(column="image").items([path]):
        assert isinstance(item, Held)
        if last is not None:
            found.append(last.content())
            last.done()
        item.ask()
        last = item
    assert found == PICTURES[:-1]


def test_a_row_can_be_named(tmp_path: Path) -> None:
    path = table(tmp_path / "t.parquet", {"image": PICTURES}, row_group_size=7)
    (item,) = inputs(f"{path}#image=33", None)
    assert (told(item), item.relative) == (b"33", "t.parquet/row-00000033")
    assert content_of(f"{path}#image=49") == b"49"
    assert lies_within(f"{path}#image=49") == path
    assert told(inputs(f"{path}#image=50", None)[0]) == "The list has fewer rows."
    assert "no column x" in str(told(inputs(f"{path}#x=0", None)[0]))
    assert "There is no such file" in str(told(inputs(f"{tmp_path}/gone.parquet#x=0", None)[0]))


@pytest.mark.parametrize("form", ["plain", "dictionary", "struct", "csv", "tsv", "semicolons"])
def test_paths_begin_where_the_list_lies_and_name_what_standard_input_names(tmp_path: Path, form: str) -> None:
    folder = tmp_path / "in"
    (folder / "f").mkdir(parents=True)
    (folder / "f" / "1.png").touch()
    paths = ["a.jpg", "f", "/abs.jpg", "http://host/x.jpg", "t.csv"]
    if form in ("csv", "tsv", "semicolons"):
        mark = {"csv": ",", "tsv": "\t", "semicolons": ";"}[form]
        path = folder / ("t.tsv" if form == "tsv" else "t.csv")
        lines = [f'x{mark}path{mark}"y z"', *(f"1{mark}{p}{mark}2" for p in paths)]
        path.write_text("\ufeff" + "\r\n".join(lines), encoding="utf-8")
    else:
        column: Any = pa.array(paths)
        if form == "dictionary":
            column = column.dictionary_encode()
        if form == "struct":
            column = [{"bytes": None, "path": p} for p in paths]
        path = Path(table(folder / "t.parquet", {"path": column}))
    found = inputs(path, "path")
    expected = [f"{folder}/a.jpg", f"{folder}/f/1.png", "/abs.jpg", "http://host/x.jpg", f"{folder}/t.csv"]
    assert [i.path for i in found] == expected


def test_rows_without_a_picture_are_failures_in_their_place(tmp_path: Path) -> None:
    path = table(tmp_path / "t.parquet", {"image": [b"1", None, b"", b"2"]})
    assert [told(i) for i in inputs(path, "image")] == [
        b"1",
        *["There is nothing in column image of this row."] * 2,
        b"2",
    ]
    (tmp_path / "t.csv").write_text("id,path\n1,a.jpg\n2\n3,\n\n4,b.jpg\n")
    found = inputs(tmp_path / "t.csv", "path")
    assert [i.path.rpartition("/")[2] for i in found] == ["a.jpg", "t.csv#path=1", "t.csv#path=2", "b.jpg"]


def test_a_wrong_column_is_a_sentence_with_those_that_there_are(tmp_path: Path) -> None:
    path = table(tmp_path / "t.parquet", {"image": PICTURES, "n": list(range(50)), "l": [[1]] * 50})
    assert told(inputs(path, "x")[0]) == "The list has no column x. It has: image, n, l."
    assert "Column n holds int64" in str(told(inputs(path, "n")[0]))
    assert "Column l holds list" in str(told(inputs(path, "l")[0]))
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    assert told(inputs(tmp_path / "t.csv", "x")[0]) == "The list has no column x. It has: a, b."


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
@pytest.mark.parametrize(
    "data", [b"", b"\xff\xfe\x00", b"PAR1 rubbish PAR1", b"path\n\xff\n", b'path\n"' + b"x" * 140_000]
)
def test_a_damaged_list_is_one_failure(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    found = inputs(tmp_path / name, "path")
    assert [type(i) for i in found] == [Held]
    assert found[0].path == str(tmp_path / name)
    assert isinstance(told(found[0]), str)


def test_a_parquet_file_that_is_damaged_in_the_middle_gives_what_is_before(tmp_path: Path) -> None:
    path = table(tmp_path / "t.parquet", {"image": [bytes([n]) * 3000 for n in range(99)]}, row_group_size=33)
    data = bytearray(Path(path).read_bytes())
    start = parquet.ParquetFile(path).metadata.row_group(1).column(0).data_page_offset
    data[start : start + 30] = b"\xff" * 30
    Path(path).write_bytes(data)
    found = inputs(path, "image")
    assert len(found) >= 2
    assert "damaged after" in str(told(found[-1]))


def test_a_list_without_rows_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("path\n")
    assert told(inputs(tmp_path / "t.csv", "path")[0]) == "The list has no rows."


def test_without_a_column_a_table_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("path\na.jpg\n")
    (item,) = inputs(tmp_path / "t.csv", None)
    assert type(item) is Item


def test_without_the_library_parquet_is_a_sentence_that_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = table(tmp_path / "t.parquet", {"image": PICTURES})
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert "visioncli[parquet]" in str(told(inputs(path, "image")[0]))


def test_names_of_rows_are_those_of_parquet_files() -> None:
    assert split_row("a.parquet#image=3") == ("a.parquet", "image", 3)
    assert split_row("a.parquet#a=b=3") == ("a.parquet", "a=b", 3)
    assert [split_row(t) for t in ("a.csv#x=3", "a.parquet", "a.parquet#image=x")] == [None] * 3
