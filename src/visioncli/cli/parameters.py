"""What an option or argument of the command line takes, in a word."""

from typing import Any


def choices(param: Any) -> list[str]:
    """The words that an option takes, where it takes only a few."""
    known = getattr(param.type_descriptor, "choices", None)
    return [str(getattr(choice, "value", choice)) for choice in known or ()]


def metavar(param: Any) -> str:
    """What stands for an option's value: its name, or `[a|b]` where it is one of a few words; empty for a flag."""
    if getattr(param, "is_flag", False):
        return ""
    known = choices(param)
    return str(param.metavar or (f"[{'|'.join(known)}]" if known else param.name.upper()))
