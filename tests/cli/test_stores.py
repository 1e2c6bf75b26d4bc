"""Whole commands on an object store."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from conftest import Ended

Vision = Callable[..., Ended]
Make = Callable[..., list[Path]]


@pytest.fixture
def stored(pictures: Make) -> Iterator[None]:
    """Four pictures in a folder and in a store."""
    system = MemoryFileSystem(skip_instance_cache=True)
    for path in pictures(4):
        system.pipe(f"/bucket/photos/{path.name}", path.read_bytes())
    yield
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]


@pytest.mark.parametrize("task", ["classify", "detect", "embed", "dedupe"])
def test_a_prefix_answers_as_the_folder(task: str, vision: Vision, stored: None) -> None:
    folder = vision(task, "photos", "-o", "-").records
    found = vision(task, "memory://bucket/photos/", "-o", "-").records
    assert [r["input"] for r in found] == [f"memory://bucket/photos/{n:03d}.png" for n in range(4)]
    assert [r["predictions"] for r in found] == [r["predictions"] for r in folder]


def test_results_shards_and_resume_are_as_for_a_folder(vision: Vision, stored: None, tmp_path: Path) -> None:
    assert vision("classify", "memory://bucket/photos/", "-o", "out", "-f", "csv", "--report").status == 0
    assert (tmp_path / "out" / "003.png.classify.jpg").is_file()
    assert "4 taken from an earlier run" in vision("classify", "memory://bucket/photos/", "-o", "out", "--resume").err
    parts = [vision("classify", "memory://bucket/photos/", "-o", "-", "--shard", f"{n}/2").records for n in (1, 2)]
    assert sorted(r["input"] for part in parts for r in part) == [
        f"memory://bucket/photos/{n:03d}.png" for n in range(4)
    ]


def test_a_missing_object_does_not_stop_the_others(vision: Vision, stored: None) -> None:
    lines = b"memory://bucket/photos/gone.png\nmemory://bucket/photos/001.png\n"
    ended = vision("classify", "-", "-o", "-", stdin=lines)
    assert ended.status == 1
    assert [(r["error"] or {}).get("kind") for r in ended.records] == ["not_found", None]
