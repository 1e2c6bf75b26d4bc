"""The JSON Schema of records, derived from their dataclasses, so that it cannot say anything else than they do."""

import dataclasses
import types
import typing
from typing import Any

from visioncli.errors import ErrorKind
from visioncli.predictions import PREDICTIONS, Window
from visioncli.results import SCHEMA, Failure, ModelInfo


def json_schema() -> dict[str, Any]:
    """The published JSON Schema (draft 2020-12) of a record, derived from the dataclasses."""
    tasks = {task: _schema_of(kind) for task, kind in PREDICTIONS.items()}
    base = {
        "schema": {"const": SCHEMA},
        "task": {"enum": sorted(tasks)},
        "input": {"type": "string", "description": "the input as it was given"},
        "frame": {"type": "integer", "minimum": 0, "description": "number of the frame in its video, from 0"},
        "time_s": {
            "type": "number",
            "description": "when the frame is shown, in seconds since the video's beginning",
        },
    }
    success = {
        "type": "object",
        "required": [
            "schema",
            "task",
            "input",
            "model",
            "predictions",
            "files",
            "ms",
            "error",
        ],
        "properties": base
        | {
            "width": {"type": "integer", "minimum": 1, "description": "of the upright picture, in pixels"},
            "height": {"type": "integer", "minimum": 1},
            "seconds": {"type": "number", "minimum": 0, "description": "how long the recording is"},
            "rate": {"type": "integer", "minimum": 1, "description": "of the recording, in samples a second"},
            "model": _schema_of(ModelInfo),
            "predictions": {"type": "array"},
            "windows": {
                "type": "array",
                "items": _schema_of(Window),
                "description": "what was heard when, with --windows",
            },
            "extra": {"type": "object", "description": "facts about the whole picture that a task adds"},
            "output": {"type": "string", "description": "name of this input below the output folder"},
            "files": {"type": "object", "additionalProperties": {"type": "string"}},
            "sizes": {
                "type": "object",
                "additionalProperties": {"type": "integer", "minimum": 0},
                "description": "bytes of each of files; --resume compares them",
            },
            "ms": {"type": "object", "additionalProperties": {"type": "number", "minimum": 0}},
            "key": {"type": "string", "description": "what --resume compares"},
            "error": {"type": "null"},
        },
        "additionalProperties": False,
        # Of a picture the one, of a recording the other.
        "oneOf": [
            {"required": ["width", "height"], "not": {"required": ["rate"]}},
            {"required": ["seconds", "rate"], "not": {"required": ["width"]}},
        ],
        "allOf": [
            {
                "if": {"properties": {"task": {"const": task}}},
                "then": {"properties": {"predictions": {"type": "array", "items": schema}}},
            }
            for task, schema in tasks.items()
        ],
    }
    error = _schema_of(Failure)
    error["properties"]["kind"] = {"enum": [kind.value for kind in ErrorKind]}
    failure = {
        "type": "object",
        "required": ["schema", "task", "input", "predictions", "error"],
        "properties": base | {"predictions": {"type": "null"}, "error": error},
        "additionalProperties": False,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{SCHEMA} record",
        "description": "One line of predictions.jsonl: what became of one input.",
        "oneOf": [success, failure],
    }


_JSON_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean"}


def _schema_of(kind: Any) -> dict[str, Any]:
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return {}
    if origin in (typing.Union, types.UnionType):
        return {"anyOf": [_schema_of(k) for k in args]}
    if kind is type(None):
        return {"type": "null"}
    if origin is tuple:
        counted = {} if args[-1] is Ellipsis else {"minItems": len(args), "maxItems": len(args)}
        return {"type": "array", "items": _schema_of(args[0])} | counted
    if origin is dict:
        return {"type": "object", "additionalProperties": _schema_of(args[1])}
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        fields = dataclasses.fields(kind)
        return {
            "type": "object",
            "required": [f.name for f in fields if f.default is not None],
            "properties": {f.name: _schema_of(hints[f.name]) for f in fields},
            "additionalProperties": False,
        }
    return {"type": _JSON_TYPES[kind]}
