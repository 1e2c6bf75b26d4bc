"""`python -m visioncli` is `vision`."""

from visioncli.cli.app import main

main()
