import threading
from pathlib import Path
from typing import Any

import pytest

from visioncli.errors import ModelUnavailable
from visioncli.families import hub
from visioncli.resolve import resolve
from visioncli.weights.downloads import Access

huggingface_hub = pytest.importorskip("huggingface_hub")


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


def answer(monkeypatch: pytest.MonkeyPatch, reply: Any) -> None:
    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", reply)


@pytest.mark.parametrize("name", ["./absent", "/no/such/folder", "~/absent-folder", "a/b/c", "models/vit"])
def test_what_is_a_path_is_not_asked_for_at_the_hub(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "models").mkdir()
    monkeypatch.chdir(tmp_path)
    answer(monkeypatch, lambda *args, **settings: pytest.fail("the hub was asked"))
    with pytest.raises(ModelUnavailable, match=r"There is no folder .*(absent|folder|c|vit)\."):
        resolve(f"hf:{name}", "classify")


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "a.bin").touch()
    with pytest.raises(ModelUnavailable, match="is a file"):
        hub.check_folder(str(tmp_path / "a.bin"))


def test_a_hub_that_cannot_be_reached_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def refuse(*args: Any, **settings: Any) -> None:
        asked.append(args)
        raise ConnectionError("Name or service not known")

    answer(monkeypatch, refuse)
    for spec in ("hf:some/model", "timm:test_resnet.r160_in1k"):
        with pytest.raises(ModelUnavailable, match=r"hub cannot be reached for .* \(Name or service not known\)"):
            resolve(spec, "classify") if spec.startswith("hf") else _load(spec)
    assert len(asked) == 2


def _load(spec: str) -> None:
    from visioncli.weights.load import load_network

    load_network(resolve(spec, "classify", access=Access()))


def test_a_hub_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    never = threading.Event()
    answer(monkeypatch, lambda *args, **settings: never.wait())
    monkeypatch.setattr(hub, "PATIENCE_SECONDS", 0.05)
    with pytest.raises(ModelUnavailable, match=r"no answer within 0\.05 s"):
        hub.check_reachable("some/model")
    never.set()


def test_what_a_hub_answers_is_left_to_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub.errors import HFValidationError

    def refuse(*args: Any, **settings: Any) -> None:
        raise HFValidationError("an odd name")

    answer(monkeypatch, refuse)
    hub.check_reachable("some/model")
