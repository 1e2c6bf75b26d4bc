import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import typer

from conftest import Ended
from visioncli.cli.app import app
from visioncli.cli.help_pages import Command, Group, metavar, page
from visioncli.cli.parameters import choices
from visioncli.sinks.names import FORMATS

Vision = Callable[..., Ended]


def all_pages(width: int = 100) -> Iterator[tuple[str, Any, str]]:
    """Name, command and help page of each command, those with commands below them included."""

    def below(command: Any, name: str, parent: Any) -> Iterator[tuple[str, Any, str]]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("COLUMNS", str(width))
            context = typer.Context(command, info_name=name, parent=parent)
            yield context.command_path, command, page(command, context)
        for sub, one in getattr(command, "commands", {}).items():
            yield from below(one, sub, context)

    yield from below(typer.main.get_command(app), "vision", None)


def test_every_command_has_our_page() -> None:
    kinds = {name: type(command) for name, command, _ in all_pages()}
    assert len(kinds) > 20
    assert all(issubclass(kind, (Command, Group)) for kind in kinds.values())


@pytest.mark.parametrize("width", [40, 80, 100, 300])
def test_a_page_is_as_wide_as_the_terminal_but_never_too_wide_to_read(width: int) -> None:
    for name, _, text in all_pages(width):
        # Below, long words stick out: those of metavars and URLs, which nobody wants cut.
        longest = max(len(line) for line in text.splitlines())
        assert longest <= max(min(width, 110), 76), name


def test_no_page_shows_a_type_or_doubled_dots() -> None:
    for name, _, text in all_pages():
        assert not re.search(r"<(bool|str|int|float|path|file|list)|\.{4}|\}\.\.\.|TEXT|INTEGER", text), name


def test_flags_have_no_value_and_all_other_options_name_theirs() -> None:
    for name, command, text in all_pages():
        for param in command.params:
            if getattr(param, "hidden", False):
                continue  # an option that only says why it is not offered
            if param.param_type_name == "option":
                long = next(o for o in param.opts if o.startswith("--"))
                line = next(line for line in text.splitlines() if re.match(rf" +(-\w, )?{long}( |$)", line))
                shown = f"{long} {metavar(param)}".rstrip()
                assert line.strip() == shown or f"{shown}  " in line or line.endswith(shown), (name, line)
                assert param.is_flag or param.metavar or choices(param), f"{name} {long} needs a metavar"
            assert param.help, f"{name} {param.name} needs a help text"


def test_choices_defaults_ranges_and_variables_are_listed(vision: Vision) -> None:
    text = vision("classify", "--help").out.decode()
    for words in (
        "Usage: vision classify [OPTIONS] INPUT...\n",
        "--annotated [jpg|png|none]",
        "[default: the CPUs; 1 to 256]",
        "[env: VISION_OFFLINE=1]",
        "  -q, --quiet  ",
        "[default: vision-out]",
    ):
        assert words in text


@pytest.mark.parametrize("task", sorted(FORMATS))
def test_a_page_lists_the_formats_of_its_command(task: str, vision: Vision) -> None:
    assert f"Also write {', '.join(FORMATS[task])};" in " ".join(vision(task, "--help").out.decode().split())


def test_brackets_are_not_broken_across_lines() -> None:
    for _, _, text in all_pages(80):
        for line in text.splitlines():
            assert line.count("[default:") == len(re.findall(r"\[default: [^\]]*\]", line))


def test_a_page_in_a_pipe_holds_no_control_sequences(vision: Vision) -> None:
    assert b"\x1b" not in vision("--help").out


def test_commands_are_grouped_by_what_they_are_for(vision: Vision) -> None:
    text = vision("--help").out.decode()
    assert text.index("Pictures:") < text.index("classify") < text.index("Networks:") < text.index("bench")
