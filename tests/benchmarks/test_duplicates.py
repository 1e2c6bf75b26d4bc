"""How good `vision dedupe` is: on altered copies of photographs, among others and frames that
differ in one object."""

from pathlib import Path
from types import ModuleType

import pytest

from conftest import ROOT


@pytest.fixture
def duplicates(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks import duplicates

    return duplicates


@pytest.mark.shared_data
def test_altered_copies_are_found_and_nothing_else(duplicates: ModuleType, shared_data: Path, tmp_path: Path) -> None:
    photos = sorted((shared_data / "coco" / "images").iterdir())
    duplicates.make_copies(photos, tmp_path)
    assert len(list(tmp_path.iterdir())) == 300
    duplicates.make_moved(photos, shared_data / "coco" / "instances.json", tmp_path)
    others = shared_data / "imagenet" / "images", shared_data / "training" / "ants_and_bees"
    sights = duplicates.look([shared_data / "coco" / "images", tmp_path, *others])
    plain = duplicates.measure(sights, tmp_path, mirrored=False)
    for how in plain.made.keys() - {duplicates.MIRRORED, duplicates.MOVED}:
        assert plain.found[how] / plain.made[how] >= 0.95, how
    assert plain.made[duplicates.MOVED] > 30
    assert plain.precision >= 0.99
    assert plain.found[duplicates.MIRRORED] <= 2  # a picture may be its own mirror image
    turned = duplicates.measure(sights, tmp_path, mirrored=True)
    assert turned.recall(without=(duplicates.MOVED,)) >= 0.95
    assert turned.precision >= 0.99


def test_a_measurement_counts_copies_strangers_and_moved_ones_apart(duplicates: ModuleType) -> None:
    measured = duplicates.Measured(
        duplicates.Counter({"half": 3, "mirrored": 0}), duplicates.Counter({"half": 4, "mirrored": 4}), 9, 1
    )
    assert measured.recall() == 0.75
    assert measured.recall(without=()) == 0.375
    assert measured.precision == 0.9
