import json
from collections.abc import Callable
from typing import Any

import pytest


def test_bench_gives_speed_latency_and_memory_for_each_engine_and_batch(vision: Callable[..., Any]) -> None:
    ended = vision("bench", "efficientnet_lite0", "-b", "1,2", "--seconds", "0.05", "--json")
    assert ended.status == 0
    found = ended.records
    assert {(m["engine"], m["batch_size"]) for m in found} == {(e, n) for e in ("onnx", "torch") for n in (1, 2)}
    for m in found:
        assert m["pictures_per_second"] > 0
        assert 0 < m["p50_ms"] <= m["p95_ms"] <= m["p99_ms"]
        assert m["memory_mib"] > 20


@pytest.mark.parametrize("text", ["", "0", "1,x", "-3", "1,,2"])
def test_an_impossible_batch_size_is_wrong_usage(vision: Callable[..., Any], text: str) -> None:
    ended = vision("bench", "efficientnet_lite0", "--batch-size", text)
    assert (ended.status, ended.out) == (2, b"")
    assert "--batch-size" in ended.err


def test_what_it_measures_is_the_asked_for_engine(vision: Callable[..., Any]) -> None:
    ended = vision("bench", "efficientnet_lite0", "-b", "1", "--engine", "onnx", "--seconds", "0.05")
    lines = ended.out.decode().splitlines()
    assert [line.split("\t")[:4] for line in lines[1:]] == [["efficientnet_lite0", "onnx", "fp32", "1"]]
    assert json.loads(lines[1].split("\t")[4]) > 0


def test_both_precisions_are_measured_on_a_processor_made_for_int8(
    vision: Callable[..., Any], int8_units: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from visioncli import measure

    # In this process: another one would ask its own processor.
    monkeypatch.setattr(measure, "measure", measure.measure_here)
    ended = vision("bench", "efficientnet_lite0", "-b", "1", "--engine", "onnx", "--seconds", "0.05", "--json")
    assert [(m["engine"], m["precision"]) for m in ended.records] == [("onnx", "int8"), ("onnx", "fp32")]
    ended = vision("bench", "lenet5", "-b", "1", "--seconds", "0.05", "--precision", "int8")
    assert ended.status == 2
    assert "activation ranges" in ended.err
