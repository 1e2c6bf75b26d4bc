"""Weights of classes, and what is decided from the sizes and numbers of pictures."""

from pathlib import Path

import numpy as np
import pytest

from mask_sets import draw_masks, save_mask
from visioncli.labelled.interface import TRAIN, VAL
from visioncli.labelled.mask_sets import read_masks
from visioncli.models import registry
from visioncli.training.masks.prepare import RARE, VISITS, MaskPrepared, prepare_masks
from visioncli.training.one_run import reading
from visioncli.training.recipe import Balance, Recipe
from visioncli.training.watch import Watcher


def prepared(data: Path, **choices: object) -> MaskPrepared:
    row = registry.find("unet")
    return prepare_masks(read_masks(str(data)), None, row, Recipe(**choices), reading(2), Watcher())  # type: ignore[arg-type]


def test_an_epoch_covers_pictures_and_has_steps_enough(tmp_path: Path) -> None:
    found = prepared(draw_masks(tmp_path, 10, (160, 160)), size=32)
    train = len(found.part(TRAIN))
    assert len(found.part(VAL)) == 10 - train > 0
    assert found.crops * train >= VISITS
    assert found.crops >= round(160 * 160 / 32**2)
    assert found.area == 160 * 160


def test_crops_are_no_larger_than_small_pictures(tmp_path: Path) -> None:
    assert prepared(draw_masks(tmp_path, 4, (100, 72))).side == 64


def test_only_rare_classes_are_weighed(tmp_path: Path) -> None:
    data = draw_masks(tmp_path, 10)
    assert prepared(data).weights(Balance.AUTO) is None
    for n in range(10):
        mask = np.zeros((48, 64))
        mask[n, :3] = 1
        save_mask(data / f"masks/{n}.png", mask)
    found = prepared(data)
    assert found.pixels[0] > RARE * found.pixels[1]
    weights = found.weights(Balance.AUTO)
    assert weights is not None
    assert weights[1] > weights[0]
    assert (weights * found.pixels).sum() == pytest.approx(found.pixels.sum())
    assert found.weights(Balance.NONE) is None


def test_a_changed_mask_changes_the_digest(tmp_path: Path) -> None:
    data = draw_masks(tmp_path, 6)
    before = prepared(data)
    assert prepared(data).digest == before.digest
    mask = np.zeros((48, 64))
    mask[:5, :5] = 1
    save_mask(data / "masks/2.png", mask)
    assert prepared(data).digest != before.digest


def test_unusable_pictures_take_no_place_in_the_validation_part(tmp_path: Path) -> None:
    data = draw_masks(tmp_path, 12)
    parts = prepared(data)
    for n in parts.part(VAL).tolist():
        (data / "masks" / Path(parts.pictures.examples[n].path).name).write_bytes(b"")
    assert len(prepared(data).part(VAL)) > 0
