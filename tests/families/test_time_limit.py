from pathlib import Path

import numpy as np
import pytest

from endless import looping
from visioncli.errors import InputError
from visioncli.families.onnx import open_session
from visioncli.families.time_limit import run_within


def test_a_network_with_an_endless_loop_is_ended_and_can_be_run_again(tmp_path: Path) -> None:
    session = open_session(looping(tmp_path / "loop.onnx"), 1)
    picture = np.ones((1, 3, 8, 8), np.float32)
    for seconds in (0.1, 0.05):
        with pytest.raises(InputError, match=r"The network took longer than .*--timeout") as caught:
            run_within(seconds, session, {"input": picture})
        assert caught.value.kind == "timed_out"
    (output,) = run_within(60, session, {"input": -picture})
    assert output.tolist() == [[-1, -1, -1]]


def test_other_errors_of_a_network_stay_what_they_are(tmp_path: Path) -> None:
    session = open_session(looping(tmp_path / "loop.onnx"), 1)
    with pytest.raises(Exception, match="INVALID_ARGUMENT"):
        run_within(60, session, {"input": np.ones((1, 4, 8, 8), np.float32)})
