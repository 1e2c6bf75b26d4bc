"""Dataclasses as JSON values, and back."""

import dataclasses
import functools
import math
import types
import typing
from typing import Any


def plain(value: Any) -> Any:
    """Dataclasses, tuples and numbers as JSON values; absent optional fields are left out."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        out = {}
        for f in dataclasses.fields(value):
            item = getattr(value, f.name)
            if item is None and f.default is None:
                continue
            out[f.name] = plain(item)
        return out
    if isinstance(value, tuple | list):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("a result holds a number that is not finite")
        return round(value, 6)
    return value


_DEEPEST = 16
"""How far values nest in what a task adds to a record at most."""

_TOO_LARGE = 1 << 63


def build(kind: Any, value: Any, depth: int = 0) -> Any:
    """The reverse of `_plain` for a value of the annotated type `kind`. Raises ValueError for any other value."""
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return _checked(value, depth)
    if origin in (typing.Union, types.UnionType):
        kinds = [k for k in args if k is not type(None)]
        return None if value is None else build(kinds[0], value)
    if dataclasses.is_dataclass(kind):
        return build_fields(kind, value, {})
    if origin in (tuple, list) and isinstance(value, list):
        if origin is tuple and args[-1] is not Ellipsis and len(value) != len(args):
            raise ValueError(f"{len(value)} values where {len(args)} belong")
        return origin(build(args[0], v, depth + 1) for v in value)
    if origin is dict and isinstance(value, dict):
        return {key: build(args[1], v, depth + 1) for key, v in value.items()}
    if kind is float and type(value) in (int, float) and math.isfinite(value):
        return float(value)
    if type(value) is not kind or (kind is int and abs(value) >= _TOO_LARGE):
        raise ValueError(f"a {type(value).__name__} where a {getattr(kind, '__name__', kind)} belongs")
    return value


def build_fields(kind: Any, value: Any, more: dict[str, Any]) -> Any:
    """A dataclass of a JSON object; `more` are types of fields that are stricter than their annotations."""
    if not isinstance(value, dict):
        raise ValueError(f"a {type(value).__name__} where a {kind.__name__} belongs")
    hints = _hints(kind) | more
    return kind(**{name: build(hints[name], item) for name, item in value.items()})


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _checked(value: Any, depth: int) -> Any:
    """A plain JSON value. Raises ValueError where it nests too deep or holds a number that is not finite."""
    if depth > _DEEPEST:
        raise ValueError("values that nest too deep")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a number that is not finite")
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            _checked(item, depth + 1)
    return value
