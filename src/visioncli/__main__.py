"""The program `vision`, also as `python -m visioncli`: signals first, then everything that takes time to load."""

from __future__ import annotations

import os

TYPE_CHECKING = False  # as in `visioncli`
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> NoReturn:
    """Entry point of the `vision` command."""
    _open_closed_streams()
    from visioncli.cli.interrupts import program

    program.install()
    from visioncli.cli import app
    from visioncli.cli.streams import worded_warnings

    worded_warnings()
    app.main()


def _open_closed_streams() -> None:
    """Started with `>&-` or by a daemon, the next files that are opened would take the numbers of the streams."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


if __name__ == "__main__":
    main()
