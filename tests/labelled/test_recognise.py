"""What users name, and what is said where it is no set."""

import os
from pathlib import Path

import pytest

from small_sets import place, png
from visioncli.errors import ModelUnavailable, UsageError
from visioncli.labelled.interface import SetError
from visioncli.labelled.recognise import read_set
from visioncli.weights.downloads import Access


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.png", png(), "this is one picture; give a folder with a folder for each class"),
        ("set.tar.gz", b"\x1f\x8b", "of archives, zip is read in place"),
        ("notes", b"hello", "this is no set of pictures with classes"),
        ("empty", b"", "this is no set of pictures with classes"),
        ("set.zip", b"hello", "this zip is damaged"),
        ("model.json", b"{}", "model.json"),
    ],
)
def test_a_file_that_is_no_set_is_a_sentence(tmp_path: Path, name: str, data: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(SetError, match=words):
        read_set(str(tmp_path / name))


@pytest.mark.parametrize("crops", [False, True])
@pytest.mark.parametrize("name", ["nothing", "no\0thing", "x" * 300, "/dev/null", "pipe", "loop", ""])
def test_a_path_without_a_file_is_a_sentence(tmp_path: Path, name: str, crops: bool) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(SetError):
        read_set(os.path.join(tmp_path, name) if name else "", crops=crops)


def test_a_mistyped_standard_set_is_guessed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SetError, match="Did you mean mnist"):
        read_set("mnits")
    with pytest.raises(SetError, match=r"no such file or folder\. A standard set is one of mnist"):
        read_set("photos")


def test_a_standard_set_is_known_by_its_name_and_a_folder_of_that_name_goes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VISION_CACHE_DIR", str(tmp_path / "cache"))
    for name in ("mnist", "Fashion-MNIST", "cifar-10", "SVHN"):
        with pytest.raises(ModelUnavailable, match="is not here, and this is offline mode"):
            read_set(name, access=Access(offline=True))
    place(tmp_path / "mnist", ["cat/1.jpg", "dog/1.jpg"])
    assert read_set("mnist", access=Access(offline=True)).classes == ("cat", "dog")


def test_a_folder_for_pictures_that_is_none_is_a_sentence(tmp_path: Path) -> None:
    place(tmp_path, ["cat/1.jpg", "dog/1.jpg"])
    with pytest.raises(UsageError, match="is no folder of pictures"):
        read_set(str(tmp_path), images=str(tmp_path / "none"))


def test_listing_decodes_nothing(tmp_path: Path) -> None:
    place(tmp_path, ["cat/1.jpg", "dog/1.jpg"], b"no picture at all")
    assert len(read_set(str(tmp_path))) == 2


def test_an_address_is_a_sentence_without_its_password() -> None:
    with pytest.raises(SetError, match=r"https://\*\*\*@h\.test/set\.zip: a set is read from this machine"):
        read_set("https://user:secret@h.test/set.zip")


def test_a_file_address_of_this_machine_is_its_path(tmp_path: Path) -> None:
    place(tmp_path, ["cat/1.jpg", "dog/1.jpg"])
    assert len(read_set(f"file://{tmp_path}")) == 2
