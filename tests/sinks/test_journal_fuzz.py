"""Whatever an earlier run's records have become: they are read or passed over, and what is read can be written."""

import copy
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sinks.samples import CAT, LABELS, person, record, ring, segment
from visioncli.cli.tally import Tally
from visioncli.cli.terminal import Console, TableSink
from visioncli.earlier_results import PREDICTIONS
from visioncli.inputs.sources import Item
from visioncli.predictions import Caption, CaptionWord, Classification, Explanation
from visioncli.results import Record, dump_line
from visioncli.runner import Outcome
from visioncli.sinks.folder import OutputFolder
from visioncli.sinks.formats import FORMATS, SinkOptions, document_sinks
from visioncli.sinks.journal import Finished

EXAMPLES = int(os.environ.get("VISION_FUZZ_EXAMPLES", "60"))

RECORDS = (
    record("classify", "a.png", Classification("cat", 1, 0.5), compare={"other": [Classification("dog", 2, 0.5)]}),
    record("detect", "a.png", CAT),
    record("segment", "a.png", segment(ring(), score=0.5, box=(1.0, 2.0, 3.0, 4.0)), left_out={"dog": 2}),
    record("pose", "a.png", person()),
    record("gradcam", "a.png", Explanation("cat", 1, 0.5, "m", "gradcam", "l", (1, 2), (1, 2, 3, 4), 0.5)),
    record("caption", "a.png", Caption("A cat.", -1.0, (0,), (CaptionWord("a", 0.5, (0.5,)),)), objects=[CAT]),
)

ODD_TEXTS = ("", "x", "\ud800", "../../x", "/etc/passwd", "\x00", "\x1b[31m", "a" * 5000)
ODD_NUMBERS = (True, -1, 0, 1.5, 10**30, 1e308, float("nan"), float("inf"))
ODD_GROUPS = ([], {}, [[]], ["a"], {"a": 1}, [1, 2, 3, 4], {"annotated": "/etc/passwd"})
ODD: st.SearchStrategy[Any] = st.sampled_from([None, *ODD_TEXTS, *ODD_NUMBERS, *ODD_GROUPS]).map(copy.deepcopy)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where a JSON value can be changed."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] * bool(path) + [place for key, item in inner for place in places(item, (*path, key))]


@st.composite
def damaged_lines(draw: st.DrawFn) -> bytes:
    """A record with values replaced, removed or added, or with bytes flipped, cut out or doubled."""
    body = json.loads(dump_line(draw(st.sampled_from(RECORDS)).to_json() | {"key": "k"}))
    for _ in range(draw(st.integers(0, 3))):
        *way, last = draw(st.sampled_from(places(body)))
        holder = body
        for key in way:
            holder = holder[key]
        match draw(st.sampled_from(["replace", "replace", "remove", "add"])):
            case "replace":
                holder[last] = draw(ODD)
            case "remove":
                del holder[last]
            case "add" if isinstance(holder, dict):
                holder[draw(st.sampled_from(["x", "error", "extra", "sizes", "box", "angles", "polygons"]))] = draw(
                    ODD
                )
            case "add":
                holder.append(draw(ODD))
        if not places(body):
            break
    line = bytearray(json.dumps(body).encode() + b"\n")
    for _ in range(draw(st.integers(0, 3)) if draw(st.booleans()) else 0):
        at = draw(st.integers(0, len(line) - 1))
        match draw(st.sampled_from(["flip", "cut", "double", "zero"])):
            case "flip":
                line[at] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del line[at : at + draw(st.integers(1, 50))]
            case "double":
                line[at:at] = line[at : at + draw(st.integers(1, 50))]
            case "zero":
                line[at : at + 20] = bytes(20)
        if not line:
            break
    return bytes(line)


def write_everywhere(found: Record, folder: Path) -> None:
    """Hands a record that was taken over to all that sees such records."""
    out = OutputFolder(folder)
    console = Console(quiet=True)
    sinks = document_sinks(list(FORMATS[found.task]), found.task, out, LABELS, SinkOptions())
    for sink in (*sinks, TableSink(console), TableSink(console, ["other"])):
        sink.write(found)
        sink.close()
    Tally().add(Outcome(Item(found.input, "a"), found, resumed=True), found)
    dump_line(found.to_json())
    out.close()


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=EXAMPLES == 60)
@given(st.lists(damaged_lines(), min_size=1, max_size=3))
def test_damaged_records_are_passed_over_or_can_be_written_again(lines: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "out"
        out = OutputFolder(folder)
        path = folder / PREDICTIONS
        path.write_bytes(b"".join(lines))
        finished = Finished([path], out)
        keys = list(finished._places)
        assert list(finished.lines(set()))[len(keys) :] == []
        found = [finished.get(key) for key in keys]
        out.abandon()
        for one in found:
            if one is not None:
                assert all(Path(p).resolve().is_relative_to(folder) for p in one.files.values())
                write_everywhere(one, folder)


@pytest.mark.parametrize("whole", RECORDS, ids=lambda r: r.task)
def test_a_record_that_is_whole_is_taken_over(whole: Record, tmp_path: Path) -> None:
    out = OutputFolder(tmp_path)
    (tmp_path / PREDICTIONS).write_bytes(dump_line(whole.to_json() | {"key": "k"}))
    found = Finished([tmp_path / PREDICTIONS], out).get("k")
    assert found is not None
    assert found.to_json()["predictions"] == whole.to_json()["predictions"]
    out.close()
