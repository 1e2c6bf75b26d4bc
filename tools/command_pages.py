"""Writes docs/commands.md: the help page of every command, as the program prints it. `--check` only compares.

python tools/command_pages.py [--check]
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parents[1] / "docs" / "commands.md"
COLUMNS = "100"
INTRODUCTION = """# Commands

The help page of every command. This file is made by `make docs`; change the program instead.
"""


def text() -> str:
    """What the file should hold."""
    os.environ["COLUMNS"] = COLUMNS
    pages = (f"## {name}\n\n```text\n{page}```\n" for name, page in help_pages())
    return "\n".join([INTRODUCTION, *pages])


def help_pages() -> Iterator[tuple[str, str]]:
    """Each command's name and help page, in the order in which the program lists them."""
    import typer

    from visioncli.cli.app import app
    from visioncli.cli.help_pages import page

    def below(command: Any, name: str, parent: Any) -> Iterator[tuple[str, str]]:
        settings = app.info.context_settings if parent is None else {}
        context = typer.Context(command, info_name=name, parent=parent, **settings)
        yield context.command_path, page(command, context)
        if name == "watch":  # the tasks again, with two options more, which its own page names
            return
        for sub, one in getattr(command, "commands", {}).items():
            yield from below(one, sub, context)

    return below(typer.main.get_command(app), "vision", None)


def main() -> int:
    """Writes the file, or says whether it is current."""
    wanted = text()
    if "--check" not in sys.argv[1:]:
        TARGET.write_text(wanted, encoding="utf-8")
        return 0
    if TARGET.is_file() and TARGET.read_text(encoding="utf-8") == wanted:
        return 0
    sys.stderr.write(f"{TARGET} is not what the program prints. Run: make docs\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
