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
    assert [line.split("\t")[:3] for line in lines[1:]] == [["efficientnet_lite0", "onnx", "1"]]
    assert json.loads(lines[1].split("\t")[3]) > 0
