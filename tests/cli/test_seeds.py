"""`--seed` means the same range of numbers in every command."""

from collections.abc import Callable

import pytest

from conftest import Ended
from visioncli.cli.choices import MOST_SEED

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
