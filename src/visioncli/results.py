"""The record of one input, as it goes to JSON: predictions or a failure, and what they come from."""

import json
from dataclasses import dataclass, field
from typing import Any, ClassVar

from visioncli.json_values import build, build_fields, plain
from visioncli.predictions import PREDICTIONS, Detection, Window

SCHEMA = "vision/1"


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Which network answered, from which weights, and in which numbers it computed.

    `precision` is `fp32`, `int8`, `fp16` or `bf16`; records of earlier versions have none, which means `fp32`.
    """

    name: str
    weights_sha256: str | None
    precision: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an input has no predictions. `kind` is for programs, `message` for people."""

    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class Record:
    """What became of one input: predictions, or an error; never both, never neither.

    `key` identifies the input's content and everything that shaped the result (`--resume` compares it);
    `output` is the input's name below the output folder, `sizes` how many bytes each of `files` has (of a folder: the
    files in it); `ms` holds milliseconds spent, by stage. Of a picture `width` and `height` are known, of a recording
    its length in `seconds`, its samples a second (`rate`), and on demand `windows`, what was heard when. Of a video's
    frame `frame` is its number, from 0 in the order in which they are shown, and `time_s` when that is, in seconds
    since the beginning.
    """

    task: str
    input: str
    width: int | None = None
    height: int | None = None
    model: ModelInfo | None = None
    predictions: tuple[Any, ...] | None = None
    files: dict[str, str] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    ms: dict[str, float] = field(default_factory=dict)
    error: Failure | None = None
    output: str | None = None
    key: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    seconds: float | None = None
    rate: int | None = None
    windows: tuple[Window, ...] | None = None
    frame: int | None = None
    time_s: float | None = None
    schema: ClassVar[str] = SCHEMA

    @property
    def ok(self) -> bool:
        """Whether the input succeeded."""
        return self.error is None

    def to_json(self) -> dict[str, Any]:
        """The record as plain JSON values, in the order of the published schema."""
        if self.error is not None:
            return {
                "schema": SCHEMA,
                "task": self.task,
                "input": self.input,
                **self._in_video(),
                "predictions": None,
                "error": {"kind": self.error.kind, "message": self.error.message},
            }
        body: dict[str, Any] = {
            "schema": SCHEMA,
            "task": self.task,
            "input": self.input,
            **self._in_video(),
            **({"width": self.width, "height": self.height} if self.rate is None else {}),
            **({"seconds": plain(self.seconds), "rate": self.rate} if self.rate is not None else {}),
            "model": plain(self.model),
            "predictions": plain(self.predictions),
        }
        for name in ("windows", "extra", "output", "files", "sizes", "ms", "key"):
            value = getattr(self, name)
            if value or name in ("files", "ms"):
                body[name] = plain(value)
        body["error"] = None
        return body

    def _in_video(self) -> dict[str, Any]:
        return {} if self.frame is None else {"frame": self.frame, "time_s": plain(self.time_s)}

    @classmethod
    def from_json(cls, body: Any) -> "Record":
        """The record that `to_json` wrote.

        Raises ValueError where `body` is not a record of this schema: every field is there, of its type, and finite.
        """
        if not isinstance(body, dict) or body.get("schema") != SCHEMA:
            raise ValueError(f"not a {SCHEMA} record")
        try:
            if body["error"] is not None:
                task, name = (build(str, body[key]) for key in ("task", "input"))
                frame, time_s = build(int | None, body.get("frame")), build(float | None, body.get("time_s"))
                return cls(task, name, error=build(Failure, body["error"]), frame=frame, time_s=time_s)
            kind = PREDICTIONS[build(str, body["task"])]
            values = {key: value for key, value in body.items() if key not in ("schema", "error")}
            size = {"seconds": float, "rate": int} if "rate" in values else {"width": int, "height": int}
            sure = size | {"model": ModelInfo, "predictions": tuple[kind, ...]}  # type: ignore[valid-type]
            if missing := sure.keys() - values.keys():
                raise ValueError(f"no {min(missing)}")
            record: Record = build_fields(cls, values, sure)
            if record.rate is None and not (record.width or 0) > 0 < (record.height or 0):
                raise ValueError("a picture without pixels")
            if record.rate is not None and not ((record.seconds or 0) > 0 < record.rate and record.width is None):
                raise ValueError("a recording without samples")
            for name, what in _EXTRA.items():
                if name in record.extra:
                    build(what, record.extra[name])
            for compared in build(dict[str, list[Any]], record.extra.get("compare", {})).values():
                build(tuple[kind, ...], compared)  # type: ignore[valid-type]
        except (KeyError, TypeError, ValueError, OverflowError) as problem:
            raise ValueError(f"not a complete {SCHEMA} record: {problem}") from None
        return record


def dump_line(body: dict[str, Any]) -> bytes:
    """One line of JSON Lines as UTF-8, with its line end. File names that are not UTF-8 come out as escapes."""
    text = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(", ", ": "))
    return text.encode("utf-8", errors="backslashreplace") + b"\n"


_EXTRA: dict[str, Any] = {"left_out": dict[str, int], "objects": tuple[Detection, ...], "approximate": bool}
"""What is read again of `extra`, beside the predictions in `compare`."""
