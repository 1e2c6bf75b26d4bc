"""The program `vision`, also as `python -m visioncli`: signals first, then everything that takes time to load."""

from typing import NoReturn


def main() -> NoReturn:
    """Entry point of the `vision` command."""
    from visioncli.cli.interrupts import program

    program.install()
    from visioncli.cli import app

    app.main()


if __name__ == "__main__":
    main()
