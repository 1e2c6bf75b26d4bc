import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import made_runs
from visioncli.evaluation.score import Resampling
from visioncli.predictions import Segment
from visioncli.report.judge_maps import judge
from visioncli.report.judged import RIGHT, WRONG, Judged
from visioncli.report.truth import MapTruth

from .judging import loaded
from .page_data import column


def save(path: Path, values: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values.astype(np.uint8)).save(path)
    return path


@pytest.fixture
def scene(tmp_path: Path) -> tuple[Path, Path]:
    """A run of two pictures, of which it has one right, and the folder of true maps."""
    left = np.zeros((48, 64), np.uint8)
    left[:, :32] = 1
    records = []
    for name, predicted in (("a.jpg", left), ("b.jpg", np.zeros_like(left))):
        made_runs.draw(tmp_path / "photos" / name)
        own = save(tmp_path / "out" / f"{name}.mask.png", predicted)
        found = [made_runs.segment("cat", 1, predicted == 1)] if predicted.any() else []
        records.append(made_runs.record("segment", f"photos/{name}", found, output=name, files={"mask": str(own)}))
        save(tmp_path / "masks" / name.replace("jpg", "png"), left)
    return made_runs.write(tmp_path / "out", records), tmp_path / "masks"


def judged(folder: Path, maps: Path) -> Judged:
    runs, table, found = loaded([folder], maps)
    assert isinstance(found, MapTruth)
    return judge(found, runs, table, Resampling(0), 0.5, None)


def test_pictures_are_right_from_a_mean_iou_on(scene: tuple[Path, Path]) -> None:
    found = judged(*scene)
    assert column(found.runs[0].columns["miou"]).tolist() == [1, 0.25]
    assert column(found.runs[0].columns["verdict"]).tolist() == [RIGHT, WRONG]
    assert found.runs[0].numbers["pixel_accuracy"] == pytest.approx(0.75)


def test_the_true_classes_are_masks_without_the_background(scene: tuple[Path, Path]) -> None:
    found = judged(*scene)
    assert column(found.truth["start"]).tolist() == [0, 1, 2]
    assert found.truth["mask"][0][:2] == [48, 64]


def test_maps_are_found_again_where_the_folder_has_moved(scene: tuple[Path, Path], tmp_path: Path) -> None:
    folder, maps = scene
    folder.rename(tmp_path / "elsewhere")
    assert judged(tmp_path / "elsewhere", maps).pictures == 2


def test_the_masks_beside_the_records_of_a_training_are_the_truth(tmp_path: Path) -> None:
    left = np.zeros((48, 64), bool)
    left[:, :32] = True
    ignored = np.zeros((48, 64), bool)
    ignored[:8] = True
    records = []
    for name, predicted in (("a.jpg", left), ("b.jpg", ~left)):
        made_runs.draw(tmp_path / "photos" / name)
        one = made_runs.record("segment", f"photos/{name}", [made_runs.segment("cat", 1, predicted)], output=name)
        cat = made_runs.segment("cat", 1, left)
        truth = {"mask": "gone.png", "segments": [{"label": "cat", "label_id": 1, "mask": mask_of(cat)}]}
        truth["ignored"] = mask_of(made_runs.segment("", 255, ignored))
        records.append(dataclasses.replace(one, extra=one.extra | {"truth": truth}))
    runs, table, found = loaded([made_runs.write(tmp_path / "out", records)])
    assert isinstance(found, MapTruth)
    result = judge(found, runs, table, Resampling(0), 0.5, None)
    assert column(result.runs[0].columns["verdict"]).tolist() == [RIGHT, WRONG]
    assert result.runs[0].numbers["pixel_accuracy"] == pytest.approx(0.5)


def mask_of(segment: Segment) -> dict[str, object]:
    return {"size": list(segment.mask.size), "counts": segment.mask.counts}
