import dataclasses
import inspect

from visioncli.cli.options import FrameOptions, with_frame_options


def test_a_command_receives_the_shared_options_as_one_value() -> None:
    seen = []

    @with_frame_options
    def command(frame: FrameOptions, extra: int = 3) -> None:
        seen.append((frame, extra))

    names = list(inspect.signature(command).parameters)
    assert names[:2] == ["inputs", "extra"]
    assert set(names) == {f.name for f in dataclasses.fields(FrameOptions)} - {"given", "watching"} | {"extra"}
    given = dict.fromkeys(names) | {"inputs": ["a"], "extra": 5}
    command(**given)
    assert seen[0][0].inputs == ["a"]
    assert seen[0][1] == 5
