"""Options of every task for commands that take some of them: `with_options("device", "threads")`."""

import dataclasses
import functools
import inspect
import typing
from collections.abc import Callable
from typing import Any

from visioncli.cli.options import FrameOptions


def with_options(*names: str, **defaults: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Gives a command those of the frame options that are named, behind its own; `defaults` are other ones for them.

    The command receives FrameOptions as its first argument, which hold the usual defaults of all others and no input.
    """
    hints = typing.get_type_hints(FrameOptions, include_extras=True)
    usual = FrameOptions(inputs=[])
    shared = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            annotation=hints[name],
            default=defaults.get(name, getattr(usual, name)),
        )
        for name in names
    ]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
        merged = [*(p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own), *shared]

        @functools.wraps(command)
        def wrapper(**values: Any) -> None:
            frame = dataclasses.replace(usual, given=dict(values), **{name: values.pop(name) for name in names})
            command(frame, **values)

        wrapper.__signature__ = inspect.Signature(merged)  # type: ignore[attr-defined]
        wrapper.__annotations__ = {p.name: p.annotation for p in merged}
        return wrapper

    return decorate
