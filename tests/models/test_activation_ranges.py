import dataclasses
import json

import numpy as np
import pytest

from visioncli.models.activation_ranges import FOLDER, activation_ranges, names
from visioncli.models.registry import ROWS, Carrier, find


def test_every_embedded_network_that_sees_pictures_has_ranges() -> None:
    # Those that paint are ONNX files, and run as they are.
    embedded = {
        row.name
        for row in ROWS
        if isinstance(row.source, Carrier)
        and row.name not in ("object_layout", "digits_dcgan", "template")
        and row.architecture != "onnx"
    }
    assert embedded == set(names())


@pytest.mark.parametrize("name", names())
def test_ranges_are_finite_and_of_the_registrys_weights(name: str) -> None:
    known = activation_ranges(find(name))
    assert known is not None
    assert known.pictures > 10 or name == "efficientnet_lite3"  # whose file came with them
    assert known.on
    low, high = np.array(list(known.ranges.values())).T
    assert np.isfinite(low).all()
    assert np.isfinite(high).all()
    assert (low < high).all()
    assert known.to_json() == json.loads((FOLDER / f"{name}.json").read_text())


def test_other_weights_and_other_forms_have_none() -> None:
    row = find("efficientnet_lite0")
    other = dataclasses.replace(row.source, sha256="0" * 64)
    for changed in (
        dataclasses.replace(row, source=other),
        dataclasses.replace(row, form="features"),
        dataclasses.replace(row, name="../ranges/efficientnet_lite0"),
    ):
        assert activation_ranges(changed) is None
