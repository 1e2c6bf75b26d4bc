"""`vision models compile`."""

import sys
from typing import Annotated

import typer

from visioncli.cli import completion
from visioncli.cli.shared_options import OfflineOption, QuietOption


def compile_models(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME...]",
            help="Networks of `vision models`, or RUN folders.",
            show_default=False,
            autocompletion=completion.network_names,
        ),
    ] = None,
    all_models: Annotated[
        bool, typer.Option("--all", help="All that can be compiled and whose weights are on this machine.")
    ] = False,
    offline: OfflineOption = False,
    quiet: QuietOption = False,
) -> None:
    """Prepare networks for --engine onnx beforehand, so that even the first picture comes fast."""
    from visioncli import resolve
    from visioncli.cli.models.listing import state_of
    from visioncli.engines.compile import (
        can_compile,
        can_quantise,
        check_compilable,
        compile_model,
        compiled_file,
        is_whole,
    )
    from visioncli.errors import UsageError
    from visioncli.models import registry
    from visioncli.processor import has_int8_units
    from visioncli.weights.downloads import Access

    if bool(names) == all_models:
        raise UsageError("Name networks, or say --all.")
    rows = [resolve.named(name) for name in names or []]
    if all_models:
        rows = [row for row in registry.all_rows() if state_of(row) in ("cached", "installed") and can_compile(row)]
    for row in rows:
        check_compilable(row)
    access = Access.of(offline)
    for row in [resolve.ready(row, access) for row in rows]:
        # Also in fp32, which stays one option away, and of which int8 is made.
        for precision in ["fp32", "int8"] if can_quantise(row) and has_int8_units() else ["fp32"]:
            path = compiled_file(row, precision)
            if is_whole(path):
                words = "was compiled before"
            else:
                words = "is compiled"
                compile_model(row, precision=precision)
            if not quiet:
                sys.stderr.write(f"vision: {row.name} {words}: {path}\n")
