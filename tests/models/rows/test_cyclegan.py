import pytest

from visioncli.anatomy.layers import layer_table
from visioncli.models.registry import all_rows
from visioncli.models.row import ModelRow
from visioncli.models.rows.cyclegan import ROWS
from visioncli.models.trainable import is_trainable


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_rows_cost_what_their_layers_cost(row: ModelRow) -> None:
    table = layer_table(row, None)
    assert table.parameters == row.parameters
    assert table.multiply_adds / 1e9 == pytest.approx(row.gflops, abs=5e-4)


def test_they_learn_to_translate_and_nothing_else() -> None:
    assert set(ROWS) <= set(all_rows())
    for row in ROWS:
        assert is_trainable(row, "translate")
        assert not any(is_trainable(row, task) for task in ("classify", "segment", "detect", "generate"))
