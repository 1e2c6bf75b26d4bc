"""What is wrong with a command line, as one sentence: the option, what was typed, what is taken, and what is near."""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from typer.exceptions import TyperException

from visioncli.cli.parameters import choices, metavar
from visioncli.errors import UsageError

_ARGS = "visioncli.args"
_NUMBERS = {int: "a whole number", float: "a number"}
_ANNOTATIONS = (".json", ".jsonl", ".csv", ".xml")
_NETWORKS = {
    ".onnx": "classify PICTURES --model onnx:{}",
    ".pt": "classify PICTURES --model NAME --weights {}",
    ".pth": "classify PICTURES --model NAME --weights {}",
    ".safetensors": "classify PICTURES --model NAME --weights {}",
}
_LOOKS_LIKE_AN_INPUT = re.compile(
    r"[/\\*?]|\.(jpe?g|png|gif|webp|tiff?|bmp|heic|avif|json|jsonl|csv)$", re.IGNORECASE
)


@contextmanager
def noted(ctx: Any, args: Sequence[str]) -> Iterator[None]:
    """Keeps what was typed for one command, and for which, for `sentence`."""
    ctx.meta[_ARGS, ctx.command_path] = list(args)
    try:
        yield
    except TyperException as problem:
        if getattr(problem, "ctx", None) is None:
            problem.ctx = ctx  # type: ignore[attr-defined]
        raise


def sentence(problem: Any) -> str:
    """What the command line's parser found, in our words; where to read on is left to the caller."""
    kind = type(problem).__name__
    if kind == "MissingParameter":
        return _missing(problem.param)
    if kind == "NoSuchOption":
        return _no_option(problem)
    if kind == "BadOptionUsage":
        return _no_value(problem)
    if kind == "BadParameter" and getattr(problem, "param", None) is not None:
        return _wrong_value(problem)
    message = " ".join(str(problem.format_message()).split())
    extra = re.match(r"Got unexpected extra arguments?(?:\(s\))? \((.*)\)", message)
    return f"This is too much: {extra[1]!r}" if extra else message


def no_command(program: str, name: str, known: Iterable[str]) -> UsageError:
    """The error for a word that is no command: perhaps an input, whose commands are named then."""
    from visioncli.inputs.addresses import is_url, without_credentials
    from visioncli.names import did_you_mean

    shown = without_credentials(name)
    if program == "vision":
        kind = _kind_of_input(name)
        if kind or is_url(name) or _LOOKS_LIKE_AN_INPUT.search(name):
            word = _quoted(shown)
            likely = _likely(name, word)
            what = f"{shown} is {kind or 'an input'}, not a command"
            return UsageError(f"{what}. Say what to do with it: {likely}. See {program} --help.")
    near = did_you_mean(name, known)
    return UsageError(f"There is no command {shown!r}.{near} See {program} --help.")


def _kind_of_input(name: str) -> str:
    if name == "-":
        return "standard input"
    if os.path.isdir(name):
        return "a folder"
    return "a file" if os.path.lexists(name) else ""


def _likely(name: str, word: str) -> str:
    suffix = os.path.splitext(name)[1].lower()
    if suffix in _NETWORKS:
        return f"vision {_NETWORKS[suffix].format(word)}"
    if suffix in _ANNOTATIONS:
        return f"vision iou {word} PREDICTIONS"
    return ", ".join(f"vision {command} {word}" for command in ("classify", "detect")) + f" or vision segment {word}"


def _quoted(text: str) -> str:
    import shlex

    return shlex.quote(text)


def _name(param: Any) -> str:
    if param.param_type_name == "argument":
        return str(param.metavar or param.name.upper()).strip("[]")
    return next((name for name in param.opts if name.startswith("--")), str(param.opts[0]))


def _missing(param: Any) -> str:
    value = "" if param.param_type_name == "argument" else f" {metavar(param)}"
    return f"{_name(param)}{value} is missing: {param.help or 'it has no default.'}"


def _no_option(problem: Any) -> str:
    from visioncli.names import did_you_mean

    known = [name for param in problem.ctx.command.get_params(problem.ctx) for name in param.opts if name[:2] == "--"]
    near = did_you_mean(problem.option_name, known) if problem.option_name.startswith("--") else ""
    return f"There is no option {problem.option_name}.{near}"


def _no_value(problem: Any) -> str:
    for param in problem.ctx.command.get_params(problem.ctx):
        if problem.option_name in param.opts:
            value = metavar(param)
            if not value:
                return f"{problem.option_name} takes no value."
            return f"{problem.option_name} needs a value, {value}: {param.help or ''}".rstrip()
    return " ".join(str(problem.format_message()).split())


def _wrong_value(problem: Any) -> str:
    param, typed = problem.param, _typed(problem)
    if typed is None:
        return " ".join(str(problem.format_message()).split())
    near, known = "", choices(param)
    if known:
        from visioncli.names import did_you_mean

        taken, near = f"one of {', '.join(known)}", did_you_mean(typed, known)
    else:
        number = _NUMBERS.get(param.type_descriptor.annotation)
        if number is None:
            return " ".join(str(problem.format_message()).split())
        taken = f"{number}{_between(param.min, param.max)}"
    return f"{_name(param)} takes {taken}, not {typed!r}.{near}"


def _between(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f" from {low:g} to {high:g}"
    return f" of {low:g} or more" if low is not None else f" up to {high:g}" if high is not None else ""


def _typed(problem: Any) -> str | None:
    """What was typed for the option that is wrong."""
    ctx = problem.ctx
    args = ctx.meta.get((_ARGS, ctx.command_path))
    if args is None:
        return None
    # It read these before it looked at their values, so that it reads them again.
    options, _, _ = ctx.command.make_parser(ctx).parse_args(args=list(args))
    value = options.get(problem.param.name)
    return value if isinstance(value, str) else None
