"""Options whose value is one of a few words."""

from enum import StrEnum
from typing import TypeVar

from visioncli.errors import UsageError
from visioncli.names import did_you_mean

Choice = TypeVar("Choice", bound=StrEnum)

MOST_SEED = 10**15
"""Of every `--seed`: whatever reads records takes whole numbers up to here exactly, for JSON's readers may have but
doubles."""


def member(kind: type[Choice], text: str, option: str) -> Choice:
    """The member that `text` names, in any case. Raises UsageError with near matches."""
    try:
        return kind(text.casefold())
    except ValueError:
        known = [str(choice) for choice in kind]
        near = did_you_mean(text, known)
        raise UsageError(f"{option} is one of {', '.join(known)}, not {text}.{near}") from None
