import dataclasses

import numpy as np
import pytest

from visioncli.predictions import PREDICTIONS, Rle
from visioncli.record_schema import json_schema


@pytest.mark.parametrize("task", sorted(PREDICTIONS))
def test_each_task_has_its_predictions_in_the_schema(task: str) -> None:
    tasks = [rule["if"]["properties"]["task"]["const"] for rule in json_schema()["oneOf"][0]["allOf"]]
    assert task in tasks
    assert dataclasses.is_dataclass(PREDICTIONS[task])


@pytest.mark.parametrize("seed", range(5))
def test_a_mask_decodes_to_the_pixels_that_it_was_made_of(seed: int) -> None:
    from visioncli.tasks.segment.masks import encode

    generator = np.random.default_rng(seed)
    mask = np.kron(generator.random((7, 5)) < 0.4, np.ones((9, 11))).astype(bool)
    assert np.array_equal(encode(mask).decode(), mask)
    for flat in (np.zeros((3, 4), bool), np.ones((3, 4), bool)):
        assert np.array_equal(encode(flat).decode(), flat)


@pytest.mark.parametrize("counts", ["", "0150000000", "zzz", "\x7f", "é", "PPP", "0" * 100, "o" * 30])
def test_what_encodes_no_mask_of_that_size_is_refused(counts: str) -> None:
    with pytest.raises(ValueError, match="does not encode a mask of 4 x 3 pixels"):
        Rle((3, 4), counts).decode()
