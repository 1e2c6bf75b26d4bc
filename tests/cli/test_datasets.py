"""`vision datasets`."""

import dataclasses
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from odd_servers import answer, serving
from small_sets import digits
from visioncli.labelled import standard
from visioncli.labelled.standard import SETS
from visioncli.weights.downloads import SetFile

Vision = Callable[..., Any]


pytestmark = pytest.mark.usefixtures("own_cache")


def test_sets_are_listed_with_what_they_cost_and_their_terms(vision: Vision) -> None:
    for command in (["datasets"], ["datasets", "list"]):
        ended = vision(*command)
        assert ended.status == 0
        rows = [line.split("\t") for line in ended.out.decode().splitlines()]
        assert [row[0] for row in rows[1:]] == list(SETS)
        mnist = dict(zip(rows[0], rows[1], strict=True))
        assert (mnist["pictures"], mnist["download"], mnist["files"], mnist["terms"]) == (
            "60,000",
            "11.1 MiB",
            "download",
            "CC BY-SA 3.0",
        )


def test_the_list_is_json_lines_where_that_is_asked_for(vision: Vision) -> None:
    records = vision("datasets", "list", "--json").records
    assert [r["name"] for r in records] == list(SETS)
    assert records[0]["files"][0]["md5"] == SETS["mnist"].files[0].md5
    assert records == vision("datasets", "--json").records


def test_info_tells_terms_classes_hashes_and_the_place(vision: Vision, own_cache: Path) -> None:
    said = vision("datasets", "info", "svhn").out.decode()
    assert "non-commercial use only" in said
    assert "visioncli[datasets]" in said
    assert str(own_cache / "datasets" / "svhn") in said
    assert SETS["svhn"].files[1].md5 in said
    assert vision("datasets", "info", "mnist", "--json").records[0]["classes"] == list("0123456789")


def test_path_says_where_files_belong(vision: Vision, own_cache: Path) -> None:
    assert vision("datasets", "path", "cifar10").out.decode() == f"{own_cache}/datasets/cifar10\n"
    assert vision("datasets", "path").out.decode() == f"{own_cache}/datasets\n"


def test_pull_fetches_and_says_where(vision: Vision, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = digits(tmp_path / "www")

    def script(sock: Any, head: bytes) -> None:
        sock.sendall(answer((folder / head.split()[1].decode().rpartition("/")[2]).read_bytes()))

    with serving(script) as port:
        files = tuple(
            SetFile(f"http://127.0.0.1:{port}/{f.file}", f.folder, hashlib.md5(data).hexdigest(), len(data))
            for f in SETS["mnist"].files
            for data in [(folder / f.file).read_bytes()]
        )
        monkeypatch.setitem(standard.SETS, "mnist", dataclasses.replace(SETS["mnist"], files=files))
        ended = vision("datasets", "pull", "mnist")
        assert ended.status == 0
        assert ended.err.startswith(f"vision: mnist is here: {tmp_path}/cache/datasets/mnist")
        assert vision("datasets", "pull", "-q", "mnist", "--offline").err == ""
        labels = tmp_path / "cache" / "datasets" / "mnist" / files[1].file
        whole = labels.read_bytes()
        labels.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        assert "vision: warning: " in vision("datasets", "pull", "mnist").err
        assert labels.read_bytes() == whole
    assert json.loads(vision("datasets", "list", "--json").out.splitlines()[0])["state"] == "here"


@pytest.mark.parametrize("how", ["option", "environment"])
def test_pull_offline_says_what_belongs_where(vision: Vision, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    if how == "environment":
        monkeypatch.setenv("VISION_OFFLINE", "1")
    ended = vision("datasets", "pull", "mnist", *(["--offline"] if how == "option" else []))
    assert ended.status == 4
    assert ended.err.startswith(
        "vision: The data set mnist is not here, and this is offline mode.\n  file:     train-"
    )


def test_a_server_that_is_not_there_is_a_sentence(vision: Vision) -> None:
    ended = vision("datasets", "pull", "mnist", "--mirror", "http://127.0.0.1:9")
    assert ended.status == 4
    assert "http://127.0.0.1:9/mnist/train-images-idx3-ubyte.gz cannot be fetched" in ended.err


@pytest.mark.parametrize("command", ["info", "pull", "path"])
def test_an_unknown_set_is_wrong_usage_with_near_names(vision: Vision, command: str) -> None:
    ended = vision("datasets", command, "mnits")
    assert ended.status == 2
    assert "Did you mean mnist?" in ended.err


def test_listing_imports_neither_torch_nor_numpy() -> None:
    probe = (
        "import sys, visioncli.cli.datasets as d; d.list_sets();"
        "print([m for m in ('torch', 'numpy', 'PIL') if m in sys.modules], file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert ended.stderr.strip() == "[]"
