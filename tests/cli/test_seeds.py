"""`--seed` means the same range of numbers in every command, and is checked from Python as well."""

from collections.abc import Callable
from typing import Any

import pytest

from conftest import Ended
from visioncli.api import load
from visioncli.cli.choices import MOST_SEED
from visioncli.errors import UsageError

COMMANDS = [
    ("gradcam", "x.png", "--method", "smoothgradcam++"),
    ("iou", "a.json", "b.json", "--bootstrap", "10"),
    ("eval", "data"),
    ("report", "run", "--truth", "data"),
    ("stylize", "x.png", "--method", "optimise"),
    ("train", "data"),
    ("generate",),
]


@pytest.mark.parametrize("seed", ["-1", str(MOST_SEED + 1), "99999999999999999999999", "1.5"])
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_seed_out_of_range_is_a_sentence(command: tuple[str, ...], seed: str, vision: Callable[..., Ended]) -> None:
    ended = vision(*command, "--seed", seed)
    assert ended.status == 2
    assert "--seed" in ended.err
    assert "Traceback" not in ended.err
    assert len(ended.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("task", "settings"),
    [("gradcam", {}), ("stylize", {"method": "optimise", "style": "painting.png"})],
)
@pytest.mark.parametrize("seed", [-1, 2**63])
def test_from_python_too(task: str, settings: dict[str, Any], seed: int) -> None:
    with pytest.raises(UsageError, match="--seed is a number from 0 to"):
        load(task, engine="torch", seed=seed, **settings)
