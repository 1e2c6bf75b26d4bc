"""CSV, TSV and Hugging Face's metadata."""

import json
from pathlib import Path

import pytest

from small_sets import place
from visioncli.labelled.interface import PictureSet, SetError
from visioncli.labelled.recognise import read_set


def table(folder: Path, text: str | bytes, name: str = "set.csv") -> str:
    """A table beside three pictures."""
    place(folder, ["a.jpg", "b.jpg", "sub/c.jpg"])
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(folder / name)


def rows(found: PictureSet) -> list[tuple[str, tuple[str, ...], str]]:
    """Name, classes and split of each picture."""
    return [(e.relative, tuple(found.classes[n] for n in e.labels), e.split) for e in found.examples]


def test_a_table_names_pictures_classes_and_splits(tmp_path: Path) -> None:
    found = read_set(table(tmp_path, "path,label,split,site\na.jpg,dog,train,x\nsub/c.jpg,cat,Validation,y\n"))
    assert (found.format, found.classes, found.multi_label) == ("csv", ("cat", "dog"), False)
    assert rows(found) == [("a.jpg", ("dog",), "train"), ("sub/c.jpg", ("cat",), "val")]
    assert found.examples[1].columns == {"site": "y"}
    assert found.classes_by_split == {"train": ("dog",), "val": ("cat",)}
    assert found.examples[0].path == str(tmp_path / "a.jpg")


@pytest.mark.parametrize("path", ["path", "file", "file_name", "Filename", "image"])
@pytest.mark.parametrize("label", ["label", "labels", "class", "class_name", "Category"])
def test_columns_have_the_usual_names(tmp_path: Path, path: str, label: str) -> None:
    assert read_set(table(tmp_path, f"{label},{path},subset\ncat,a.jpg,dev\n")).examples[0].split == "val"


def test_a_table_may_have_tabs(tmp_path: Path) -> None:
    found = read_set(table(tmp_path, "path\tlabel\na.jpg\tcat, big\nb.jpg\tdog\n", "set.tsv"))
    assert (found.format, found.classes) == ("tsv", ("cat, big", "dog"))


def test_several_labels_in_any_row_make_the_set_multi_label(tmp_path: Path) -> None:
    found = read_set(table(tmp_path, "path,label\na.jpg,dog;cat\nb.jpg,\nsub/c.jpg,dog ; dog\n"))
    assert found.multi_label
    assert [e.labels for e in found.examples] == [(0, 1), (), (1,)]


def test_numbers_as_labels_are_ordered_by_their_value(tmp_path: Path) -> None:
    assert read_set(table(tmp_path, "path,label\na.jpg,10\nb.jpg,9\n")).classes == ("9", "10")


def test_a_table_of_spreadsheets_is_read(tmp_path: Path) -> None:
    found = read_set(table(tmp_path, b'\xef\xbb\xbf"path","label"\r\n"a.jpg","cat"\r\n\r\n"b.jpg","dog"\r\n'))
    assert rows(found) == [("a.jpg", ("cat",), ""), ("b.jpg", ("dog",), "")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "a.jpg,cat\nb.jpg,dog\n",
            "the first line must be a header with the columns path and label, but it is a.jpg",
        ),
        ("path,label\na.jpg,cat,x\n", "line 2 has 3 cells, but the header has 2"),
        ("path,label,split\na.jpg,cat,sometimes\n", "line 2: a split is train, val or test, not 'sometimes'"),
        ("path,label\n,cat\n", "line 2 does not name its picture"),
        ("path,label\n", "no rows below its header"),
        ("", "the file is empty"),
        ("path,label\na.jpg,\n", "no row of the table has a label"),
        ("path,label\na.jpg,cat\na.jpg,dog\n", "line 3: a.jpg is dog here, but cat in line 2"),
        ("path,label,split\na.jpg,cat,train\na.jpg,cat,val\n", "cat in val here, but cat in train in line 2"),
        (b"path,label\na.jpg,caf\xe9\n", "line 2 is not UTF-8"),
        (b"path,label\na\0.jpg,cat\n", "line 2 holds zero bytes"),
        (b"\xff\xfep\0a\0", "UTF-16"),
        ('path,label\na.jpg,"' + "x" * 200_000, "a cell is longer than"),
        ("path,label\nnot.jpg,cat\nthere.jpg,dog\n", "none of the 2 pictures is there"),
        ("path,label" + ",x" * 20_000 + "\n", "is this a table of pictures"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, text: str | bytes, words: str) -> None:
    with pytest.raises(SetError) as caught:
        read_set(table(tmp_path, text))
    assert words in str(caught.value)
    assert str(tmp_path / "set.csv") in str(caught.value)
    assert len(str(caught.value)) < 600


def test_rows_that_say_the_same_again_are_counted(tmp_path: Path) -> None:
    found = read_set(table(tmp_path, "path,label\na.jpg,cat\nb.jpg,dog\na.jpg,cat\n"))
    assert len(found) == 2
    assert found.warnings == ("1 rows say again what another row says, and are left out.",)


def test_rows_without_a_label_are_left_out_of_a_set_with_one_each(tmp_path: Path) -> None:
    found = read_set(table(tmp_path, "path,label\na.jpg,cat\nb.jpg,\nsub/c.jpg,dog\n"))
    assert len(found) == 2
    assert found.warnings[0].endswith("set.csv: line 3.")


def test_missing_pictures_stay_and_are_told_beforehand(tmp_path: Path) -> None:
    found = read_set(table(tmp_path, "path,label\na.jpg,cat\ngone.jpg,dog\n"))
    assert len(found) == 2
    assert found.warnings == (f"1 of 2 pictures are not there; the first is {tmp_path / 'gone.jpg'}",)


def test_pictures_may_lie_in_a_folder_beside_the_table_or_in_one_that_is_named(tmp_path: Path) -> None:
    name = table(tmp_path / "t", "path,label\nc.jpg,cat\n")
    assert read_set(name).examples[0].path == str(tmp_path / "t" / "sub" / "c.jpg")
    place(tmp_path, ["pictures/c.jpg"])
    assert read_set(name, images=str(tmp_path / "pictures")).examples[0].path == str(tmp_path / "pictures" / "c.jpg")


def test_a_folder_with_a_table_is_what_the_table_says(tmp_path: Path) -> None:
    table(tmp_path, "path,label\na.jpg,cat\nsub/c.jpg,dog\n")
    assert read_set(str(tmp_path)).format == "csv"


def test_an_address_stays_one(tmp_path: Path) -> None:
    found = read_set(table(tmp_path, "path,label\nhttp://u:p@h.test/x/1.jpg?k=1,cat\na.jpg,dog\n"))
    assert found.examples[0].path == "http://u:p@h.test/x/1.jpg?k=1"
    assert found.examples[0].relative == "h.test/x/1.jpg"


def test_names_that_lead_out_of_the_folder_do_not_lead_out_of_the_results(tmp_path: Path) -> None:
    place(tmp_path, ["x.jpg"])
    found = read_set(table(tmp_path / "t", "path,label\n../x.jpg,cat\na.jpg,dog\n"))
    assert (tmp_path / "x.jpg").samefile(found.examples[0].path)
    assert found.examples[0].relative == "x.jpg"


def metadata(folder: Path, lines: list[dict[str, object]], name: str = "metadata.jsonl") -> Path:
    """A folder of pictures as Hugging Face's datasets keep it."""
    place(folder, ["a.png", "sub/c.png"])
    (folder / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def test_metadata_of_hugging_face_is_read(tmp_path: Path) -> None:
    lines: list[dict[str, object]] = [
        {"file_name": "a.png", "label": "cat", "n": 3},
        {"file_name": "sub/c.png", "label": 7},
    ]
    found = read_set(str(metadata(tmp_path, lines)))
    assert (found.format, found.classes) == ("metadata", ("7", "cat"))
    assert found.examples[0].columns == {"n": "3"}


def test_metadata_may_lie_in_folders_of_splits(tmp_path: Path) -> None:
    metadata(tmp_path / "train", [{"file_name": "a.png", "label": "cat"}])
    metadata(tmp_path / "validation", [{"file_name": "sub/c.png", "label": "dog"}])
    assert rows(read_set(str(tmp_path))) == [
        ("train/a.png", ("cat",), "train"),
        ("validation/sub/c.png", ("dog",), "val"),
    ]


def test_metadata_csv_and_lists_of_labels(tmp_path: Path) -> None:
    place(tmp_path / "one", ["a.png"])
    (tmp_path / "one" / "metadata.csv").write_text("file_name,label\na.png,cat\n")
    assert rows(read_set(str(tmp_path / "one"))) == [("a.png", ("cat",), "")]
    found = read_set(str(metadata(tmp_path / "two", [{"file_name": "a.png", "labels": ["cat"]}])))
    assert found.multi_label


def test_metadata_without_classes_leaves_those_of_the_folders(tmp_path: Path) -> None:
    place(tmp_path, ["cat/a.png", "dog/a.png"])
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "cat/a.png", "text": "a cat"}\n')
    assert read_set(str(tmp_path)).format == "class folders"


@pytest.mark.parametrize(
    "line", ["{", "[1]", '{"label": "cat"}', '{"file_name": "a.png", "label": 0.5}', "[" * 99_999]
)
def test_damaged_metadata_is_said_with_its_line(tmp_path: Path, line: str) -> None:
    metadata(tmp_path, [{"file_name": "a.png", "label": "cat"}])
    with (tmp_path / "metadata.jsonl").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(SetError, match="line 2"):
        read_set(str(tmp_path))


def test_two_spellings_of_a_path_are_one_picture(tmp_path: Path) -> None:
    found = read_set(table(tmp_path, "path,label\na.jpg,cat;dog\n./sub/../a.jpg,dog;cat\nb.jpg,dog\n"))
    assert [e.relative for e in found.examples] == ["a.jpg", "b.jpg"]


def test_paths_that_were_written_on_windows_are_found(tmp_path: Path) -> None:
    found = read_set(table(tmp_path, "path,label\nsub\\c.jpg,cat\na.jpg,dog\n"))
    assert [e.relative for e in found.examples] == ["sub/c.jpg", "a.jpg"]
    assert found.warnings == ()
