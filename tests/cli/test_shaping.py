import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from visioncli.cli import caption, classify, detect, gradcam, pose, segment
from visioncli.cli.options import FrameOptions, with_frame_options
from visioncli.cli.shaping import CHANGES_NOTHING, COVERED, shaping

COMMANDS: dict[str, Callable[..., None]] = {
    "classify": classify.classify,
    "detect": detect.detect,
    "segment": segment.segment,
    "pose": pose.pose,
    "gradcam": gradcam.gradcam,
    "caption": caption.caption,
}
OPTIONS = [(command, name) for command, run in COMMANDS.items() for name in inspect.signature(run).parameters]


def defaults(command: str) -> dict[str, Any]:
    return {name: p.default for name, p in inspect.signature(COMMANDS[command]).parameters.items()} | {"inputs": []}


@pytest.mark.parametrize(("command", "option"), OPTIONS)
def test_every_option_counts_unless_it_is_listed_as_one_that_does_not(command: str, option: str) -> None:
    before = defaults(command)
    listed = option in COVERED | CHANGES_NOTHING
    assert (shaping(before | {option: "another value"}) == shaping(before)) == listed


def test_every_listed_option_exists() -> None:
    assert {name for _, name in OPTIONS} >= COVERED | CHANGES_NOTHING


def test_a_command_knows_all_options_that_it_was_given() -> None:
    seen: list[FrameOptions] = []

    @with_frame_options
    def command(frame: FrameOptions, opacity: float = 0.5) -> None:
        seen.append(frame)

    names = inspect.signature(command).parameters
    command(**dict.fromkeys(names, 1))
    assert seen[0].given == dict.fromkeys(names, 1)


@pytest.mark.parametrize("command", COMMANDS)
def test_what_counts_can_be_written_as_json(command: str) -> None:
    json.dumps(shaping(defaults(command)))


def test_the_content_of_a_file_that_an_option_names_counts(tmp_path: Path) -> None:
    picture = tmp_path / "beach.png"
    seen = []
    for content in (b"one", b"two", b"one"):
        picture.write_bytes(content)
        seen.append(shaping({"background": str(picture)}))
    assert seen[0] != seen[1]
    assert seen[0] == seen[2]
