from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import made_runs
import run_folders
import small_sets
from visioncli.datasets.interface import DatasetError
from visioncli.errors import UsageError
from visioncli.predictions import Caption
from visioncli.report.outputs import read_outputs, together
from visioncli.report.truth import ClassTruth, MapTruth, ObjectTruth, Truth, of_training, truth_of

CAT = [("cat", 1, 0.9)]


def truth(folder: Path, source: Path | None) -> Truth | None:
    outputs = read_outputs([str(folder)])
    return truth_of(None if source is None else str(source), outputs, together(outputs))


def test_class_folders_are_matched_by_the_path(tmp_path: Path) -> None:
    small_sets.place(tmp_path / "set", ["cat/1.png", "dog/1.png", "dog/2.png"])
    names = [f"{tmp_path}/set/dog/1.png", f"{tmp_path}/set/cat/1.png"]
    found = truth(made_runs.classified(tmp_path / "out", dict.fromkeys(names, CAT)), tmp_path / "set")
    assert isinstance(found, ClassTruth)
    assert found.labels == ((1,), (0,))


def test_pictures_that_were_moved_are_matched_by_the_end_of_the_path(tmp_path: Path) -> None:
    small_sets.place(tmp_path / "set", ["cat/1.png", "dog/1.png"])
    folder = made_runs.classified(tmp_path / "out", {"/elsewhere/dog/1.png": CAT, "unknown.png": CAT})
    found = truth(folder, tmp_path / "set")
    assert isinstance(found, ClassTruth)
    assert found.labels == ((1,), None)
    assert f"{tmp_path}/set has no answer for 1 picture." in found.warnings


def test_a_set_of_other_pictures_is_a_sentence(tmp_path: Path) -> None:
    small_sets.place(tmp_path / "set", ["cat/1.png", "dog/2.png"])
    with pytest.raises(UsageError, match="none of these pictures"):
        truth(made_runs.classified(tmp_path / "out", {"x.png": CAT}), tmp_path / "set")


def test_annotations_are_no_classes_of_whole_pictures(tmp_path: Path) -> None:
    path = made_runs.coco(tmp_path / "t.json", {"a.jpg": []}, {1: "cat"})
    with pytest.raises(UsageError, match="holds boxes or label maps"):
        truth(made_runs.classified(tmp_path / "out", {"a.jpg": CAT}), path)


def test_annotations_are_a_truth_of_boxes(tmp_path: Path) -> None:
    path = made_runs.coco(tmp_path / "t.json", {"a.jpg": []}, {1: "cat"})
    assert isinstance(truth(made_runs.detected(tmp_path / "out", {"a.jpg": []}), path), ObjectTruth)


def test_predictions_are_no_truth(tmp_path: Path) -> None:
    folder = made_runs.detected(tmp_path / "out", {"a.jpg": []})
    with pytest.raises(UsageError, match="Name it as one of the runs"):
        truth(folder, folder)


def test_label_maps_are_matched_by_name(tmp_path: Path) -> None:
    for name, value in (("masks/a_mask.png", 3), ("masks/b.png", 4), ("images/a.png", 0)):
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((48, 64), value, np.uint8)).save(tmp_path / "set" / name)
    folder = made_runs.write(tmp_path / "out", [made_runs.record("segment", "images/a.png", [])])
    for source in ("set", "set/masks"):
        found = truth(folder, tmp_path / source)
        assert isinstance(found, MapTruth)
        (own,) = found.maps
        assert own is not None and (own() == 3).all()


def test_label_maps_of_other_pictures_are_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    Image.fromarray(np.zeros((48, 64), np.uint8)).save(tmp_path / "masks" / "b.png")
    folder = made_runs.write(tmp_path / "out", [made_runs.record("segment", "a.png", [])])
    with pytest.raises(DatasetError, match="for none of these pictures"):
        truth(folder, tmp_path / "masks")


def test_pictures_of_training_that_lie_in_an_archive_are_found_in_it(tmp_path: Path) -> None:
    small_sets.place(tmp_path / "set", ["cat/1.png", "dog/2.png"])
    archive = small_sets.zipped(tmp_path / "set", tmp_path / "set.zip")
    run_folders.make_run(tmp_path / "run", facts={"data": {"source": str(archive)}})
    one = made_runs.record("classify", f"{archive}!/dog/2.png", made_runs.named(CAT))
    made_runs.write(tmp_path / "run", [one], "val.jsonl")
    outputs = read_outputs([str(tmp_path / "run")])
    (example,) = of_training(outputs, together(outputs)).values()
    assert example.content is not None
    assert example.content() == small_sets.png()
    archive.unlink()
    assert of_training(outputs, together(outputs)) == {}


def test_captions_have_no_truth(tmp_path: Path) -> None:
    folder = made_runs.write(tmp_path / "out", [made_runs.record("caption", "a", [Caption("A cat.")])])
    with pytest.raises(UsageError, match="without --truth"):
        truth(folder, tmp_path / "captions.json")
    assert truth(folder, None) is None
