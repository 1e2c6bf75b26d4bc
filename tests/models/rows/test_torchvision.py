"""Every row against the metadata that torchvision ships with its weights."""

from typing import Any

import pytest
from torchvision import models

from visioncli.models.labels import load_labels
from visioncli.models.registry import Download, ModelRow
from visioncli.models.rows.torchvision import ROWS

NOT_PICTURES = ("quantized", "3d", "r2plus1d", "mc3", "mvit", "raft")


def weights(row: ModelRow) -> Any:
    return models.get_model_weights(row.name).DEFAULT


def test_no_network_of_torchvision_for_pictures_is_left_out() -> None:
    theirs = {name for name in models.list_models() if not any(part in name for part in NOT_PICTURES)}
    assert {row.name for row in ROWS} == theirs


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_says_what_torchvision_says(row: ModelRow) -> None:
    meta = weights(row).meta
    assert isinstance(row.source, Download)
    assert row.source.url == weights(row).url
    assert weights(row).url.endswith(f"-{row.source.hash_prefix}.pth")
    assert row.parameters == meta["num_params"]
    assert row.gflops == meta["_ops"]
    assert row.file_mib == meta["_file_size"]
    assert row.recipe == meta["recipe"]
    ((_, metrics),) = meta["_metrics"].items()
    assert {accuracy.value for accuracy in row.accuracy} == set(metrics.values())
    assert ("CC-BY-NC" in row.licence) == ("license" in meta)


@pytest.mark.parametrize("row", [row for row in ROWS if "classify" in row.tasks], ids=lambda row: row.name)
def test_pictures_are_prepared_as_torchvision_prepares_them(row: ModelRow) -> None:
    theirs = weights(row).transforms()
    assert ([row.input.size], [row.input.resize]) == (theirs.crop_size, theirs.resize_size)
    assert (list(row.input.mean), list(row.input.std)) == (theirs.mean, theirs.std)
    assert row.input.interpolation == theirs.interpolation.value


@pytest.mark.parametrize("name", ["resnet50", "fasterrcnn_resnet50_fpn", "fcn_resnet50"])
def test_labels_are_torchvisions_categories(name: str) -> None:
    row = next(row for row in ROWS if row.name == name)
    theirs = {i: c.strip("_") for i, c in enumerate(weights(row).meta["categories"]) if c != "N/A"}
    if name.startswith("fasterrcnn"):
        del theirs[0]
    assert load_labels(row.labels) == theirs
