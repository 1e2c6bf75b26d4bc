"""Help pages: an option a line, flags without a type, choices listed, commands grouped by what they are for.

`Command` and `Group` take the place of typer's own classes, which print a type for everything (`--quiet <bool>`).
"""

import inspect
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import Any

from typer.core import TyperCommand, TyperGroup

from visioncli.cli import wrong_usage
from visioncli.cli.parameters import metavar

WIDEST = 110
"""Columns: longer lines are hard to read, however wide the terminal."""
_MOST_OF_NAMES = 30
_UNBROKEN = "\N{NO-BREAK SPACE}"
Row = tuple[str, str]


class Command(TyperCommand):
    """A command with our help page, and with our sentences for values that it does not take."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Keep what was typed: the sentence about a wrong value names it."""
        with wrong_usage.noted(ctx, args):
            return super().parse_args(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the whole page."""
        formatter.write(page(self, ctx))


class Group(TyperGroup):
    """A command with commands below it; inputs that are typed in their place are told from misspelt names."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As `Command.parse_args`."""
        with wrong_usage.noted(ctx, args):
            return super().parse_args(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the whole page."""
        formatter.write(page(self, ctx))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is named. Raises UsageError, which names likely ones."""
        name = args[0]
        if self.get_command(ctx, name) is None and not ctx.resilient_parsing and not name.startswith("--"):
            raise wrong_usage.no_command(ctx.command_path, name, self.list_commands(ctx))
        return super().resolve_command(ctx, args)


def page(command: Any, ctx: Any) -> str:
    """The help page, in as many columns as the terminal has."""
    width = max(40, min(shutil.get_terminal_size().columns, WIDEST))
    arguments = [p for p in command.params if p.param_type_name == "argument" and not p.hidden]
    options = [p for p in command.get_params(ctx) if p.param_type_name == "option" and not p.hidden]
    usage = ["[OPTIONS]", *map(_argument, arguments)]
    panels: dict[str, list[Row]] = {}
    if isinstance(command, TyperGroup):
        usage.append("COMMAND [ARGS]..." if not command.invoke_without_command else "[COMMAND [ARGS]...]")
        for name in command.list_commands(ctx):
            below: Any = command.get_command(ctx, name)
            if below is not None and not below.hidden:
                panels.setdefault(below.rich_help_panel or "Commands", []).append((name, _first_paragraph(below)))
    for param in arguments:
        panels.setdefault("Arguments", []).append((_argument(param, plain=True), _words(param)))
    for param in options:
        panels.setdefault(param.rich_help_panel or "Options", []).append((_option(param), _words(param)))
    blocks = [_wrapped(f"Usage: {ctx.command_path} {' '.join(usage)}", width, indent=" " * 7)]
    blocks += [_wrapped(text, width) for text in _paragraphs(command.help or "")]
    for title, rows in panels.items():
        blocks.append("\n".join([_heading(f"{title}:"), *_table(rows, width)]))
    blocks += [_wrapped(text, width) for text in _paragraphs(command.epilog or "")]
    return "\n\n".join(blocks) + "\n"


def _argument(param: Any, *, plain: bool = False) -> str:
    name = metavar(param)
    return name.strip("[]") if plain else name


def _option(param: Any) -> str:
    short = [name for name in param.opts if not name.startswith("--")]
    long = [name for name in param.opts if name.startswith("--")]
    names = ", ".join([*short, *long])
    return f"{'' if short else '    '}{names} {metavar(param)}".rstrip()


def _words(param: Any) -> str:
    """What it is for, what it is by default, and between which numbers it lies."""
    facts = []
    default = _default(param)
    if default:
        facts.append(f"default: {default}")
    low, high = param.min, param.max
    if low is not None and high is not None:
        facts.append(f"{low:g} to {high:g}")
    bracket = f"[{'; '.join(facts)}]".replace(" ", _UNBROKEN) if facts else ""
    return f"{param.help or ''} {bracket}".strip()


def _default(param: Any) -> str:
    if isinstance(param.show_default, str):
        return param.show_default
    value = param.default
    if not param.show_default or value is None or isinstance(value, bool) or callable(value) or value in ("", []):
        return ""
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    if isinstance(value, Enum):
        return str(value.value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _first_paragraph(command: Any) -> str:
    return next(iter(_paragraphs(command.short_help or command.help or "")), "")


def _paragraphs(text: str) -> list[str]:
    return [" ".join(part.split()) for part in inspect.cleandoc(text).split("\n\n") if part.strip()]


def _table(rows: Sequence[Row], width: int) -> Iterator[str]:
    most = max(12, min(_MOST_OF_NAMES, width // 3))
    names = min(most, max(len(name) for name, _ in rows))
    for name, words in rows:
        lines = _lines(words, width - names - 4)
        if len(name) > names:
            yield f"  {name}"
        else:
            yield f"  {name:<{names}}  {next(lines, '')}".rstrip()
        yield from (f"{' ' * (names + 4)}{line}" for line in lines)


def _wrapped(text: str, width: int, indent: str = "") -> str:
    lines = _lines(text, width, indent)
    return "\n".join(lines)


def _lines(text: str, width: int, indent: str = "") -> Iterator[str]:
    import textwrap

    wrapped: Iterable[str] = textwrap.wrap(
        text, max(width, 20), subsequent_indent=indent, break_on_hyphens=False, break_long_words=False
    )
    return (line.replace(_UNBROKEN, " ") for line in wrapped)


def _heading(text: str) -> str:
    coloured = sys.stdout is not None and sys.stdout.isatty() and os.name == "posix"
    if not coloured or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return f"\033[1m{text}\033[0m"
