"""ImageNet's own layouts."""

from pathlib import Path

import numpy as np
import pytest

from small_sets import place
from visioncli.labelled.interface import SetError
from visioncli.labelled.recognise import read_set
from visioncli.models.labels import imagenet_wnids, load_labels

TENCH, GOLDFISH, LAST = "n01440764", "n01443537", "n15075141"
VAL = [f"ILSVRC2012_val_{n:08d}.JPEG" for n in (1, 2, 3)]


def test_there_is_a_wnid_for_each_class_in_order() -> None:
    wnids = imagenet_wnids()
    assert len(wnids) == len(load_labels("imagenet1k")) == 1000
    assert list(wnids) == sorted(set(wnids))
    assert wnids[0] == TENCH and wnids[-1] == LAST


@pytest.mark.shared_data
def test_wnids_are_those_of_labelled_pictures() -> None:
    from conftest import SHARED_DATA  # type: ignore[import-not-found]

    lines = (SHARED_DATA / "imagenet" / "labels.csv").read_text().splitlines()[1:]
    for line in lines:
        _, place_, wnid, _ = line.split(",")
        assert imagenet_wnids()[int(place_)] == wnid


def test_folders_called_by_wnid_get_the_names_of_the_table_in_its_order(tmp_path: Path) -> None:
    found = read_set(str(place(tmp_path, [f"train/{LAST}/1.JPEG", f"train/{TENCH}/1.JPEG", f"val/{TENCH}/2.JPEG"])))
    assert found.format == "imagenet"
    assert found.classes == ("tench", load_labels("imagenet1k")[999])
    assert found.classes_by_split["val"] == ("tench",)
    assert [(e.label, e.split) for e in found.examples] == [(0, "train"), (1, "train"), (0, "val")]


def test_wnids_of_other_sets_stay_as_they_are(tmp_path: Path) -> None:
    assert read_set(str(place(tmp_path, [f"{TENCH}/1.jpg", "n00000001/1.jpg"]))).classes == ("n00000001", TENCH)


def test_the_layout_of_the_challenge_is_read_with_its_answers(tmp_path: Path) -> None:
    images = tmp_path / "ILSVRC" / "Data" / "CLS-LOC"
    place(images, [f"train/{GOLDFISH}/{GOLDFISH}_1.JPEG", *(f"val/{name}" for name in VAL), "test/t.JPEG"])
    answers = [f"{Path(n).stem},{w} 1 2 3 4 {w} 5 6 7 8" for n, w in zip(VAL, (TENCH, LAST, GOLDFISH), strict=True)]
    (tmp_path / "LOC_val_solution.csv").write_text("\n".join(["ImageId,PredictionString", *answers]))
    for named in (tmp_path, images):
        found = read_set(str(named))
        assert len(found.classes) == 1000
        assert [(e.label, e.split) for e in found.examples] == [(1, "train"), (0, "val"), (999, "val"), (1, "val")]


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("imagenet_2012_validation_synset_labels.txt", [LAST, TENCH, GOLDFISH]),
        ("val.txt", [f"{VAL[1]} 0", f"{VAL[0]} 999", f"{VAL[2]} 1"]),
        ("val.txt", [f"{VAL[0]} {LAST}", f"{VAL[1]} {TENCH}", f"{VAL[2]} {GOLDFISH}"]),
    ],
)
def test_flat_pictures_are_read_with_a_list_beside_them(tmp_path: Path, name: str, lines: list[str]) -> None:
    place(tmp_path, VAL)
    (tmp_path / name).write_text("\n".join(lines))
    assert [e.label for e in read_set(str(tmp_path)).examples] == [999, 0, 1]


def test_flat_pictures_are_read_with_the_development_kit(tmp_path: Path) -> None:
    io = pytest.importorskip("scipy.io")
    place(tmp_path, VAL)
    kit = tmp_path / "ILSVRC2012_devkit_t12" / "data"
    kit.mkdir(parents=True)
    (kit / "ILSVRC2012_validation_ground_truth.txt").write_text("2\n1\n3\n")
    synsets = np.array([(1, TENCH), (2, LAST), (3, GOLDFISH)], [("ILSVRC2012_ID", "O"), ("WNID", "O")])
    io.savemat(kit / "meta.mat", {"synsets": synsets})
    assert [e.label for e in read_set(str(tmp_path)).examples] == [999, 0, 1]
    # Ends the process that reads it.
    (kit / "meta.mat").write_bytes((kit / "meta.mat").read_bytes()[:180] + b"\xff" * 60)
    with pytest.raises(SetError, match="not the development kit's"):
        read_set(str(tmp_path))
    (kit / "meta.mat").unlink()
    (kit / "map_clsloc.txt").write_text(f"{TENCH} 1 tench\n{LAST} 2 tissue\n{GOLDFISH} 3 goldfish\n")
    assert [e.label for e in read_set(str(tmp_path)).examples] == [999, 0, 1]
    (kit / "map_clsloc.txt").unlink()
    with pytest.raises(SetError, match=r"put its meta\.mat or map_clsloc\.txt beside"):
        read_set(str(tmp_path))


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        (None, "", "nothing says what they are of"),
        ("val.txt", "a b c\n", "each line must hold a class, or a picture and a class"),
        ("val.txt", f"{VAL[0]} 1000\n", "line 1 names no class"),
        ("val.txt", "other.JPEG 1\n", "has none of these pictures"),
        ("LOC_val_solution.csv", "ImageId,PredictionString\nx,n0\n", "does not name one of ImageNet's classes"),
    ],
)
def test_what_is_missing_or_wrong_is_a_sentence(tmp_path: Path, name: str | None, text: str, words: str) -> None:
    place(tmp_path, VAL)
    if name:
        (tmp_path / name).write_text(text)
    with pytest.raises(SetError, match=words):
        read_set(str(tmp_path))
