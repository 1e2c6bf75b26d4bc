"""Where features of pictures are kept, and which belong to a network."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from run_folders import make_run
from visioncli.features.files import store_file, stored_files
from visioncli.models import registry
from visioncli.models.row import ModelRow


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISION_CACHE_DIR", str(tmp_path / "cache"))


def keep(row: ModelRow, ending: str = "") -> Path:
    path = store_file(row)
    path = path.with_name(path.name + ending)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def at(row: ModelRow, size: int) -> ModelRow:
    return dataclasses.replace(row, input=dataclasses.replace(row.input, size=size))


def test_features_for_every_size_belong_to_the_network_and_to_no_other() -> None:
    row = registry.find("resnet18")
    own = [keep(row), keep(at(row, 128)), keep(at(row, 128), "-wal")]
    other = keep(registry.find("resnet34"))
    named_alike = keep(dataclasses.replace(row, name="resnet18-and-more"))
    assert stored_files(row) == sorted(own)
    assert stored_files() == sorted([*own, other, named_alike])


def test_networks_of_the_users_training_are_told_apart_by_their_weights(tmp_path: Path) -> None:
    first = make_run(tmp_path / "a" / "run")
    second = make_run(tmp_path / "b" / "run", labels=("on", "off"))
    assert first.name == second.name
    kept = keep(first)
    keep(second)
    assert stored_files(first) == [kept]


def test_what_else_lies_there_is_none(tmp_path: Path) -> None:
    keep(registry.find("resnet18"))
    (tmp_path / "cache" / "features" / "mine.sqlite").touch()
    assert len(stored_files()) == 1


def test_looking_for_them_takes_no_torch() -> None:
    code = "import sys; from visioncli.features.files import stored_files; stored_files(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert not {"torch", "numpy", "PIL"} & set(done.stdout.split())
