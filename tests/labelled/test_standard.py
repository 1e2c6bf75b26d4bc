"""The catalogue of standard sets, and fetching them from a server on this machine."""

import dataclasses
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from torchvision import datasets

from odd_servers import Script, answer, serving
from small_sets import digits
from visioncli.errors import ModelUnavailable, UsageError
from visioncli.labelled import standard
from visioncli.labelled.recognise import read_set
from visioncli.labelled.standard import SETS, StandardSet, check, fetch_set, find, is_here
from visioncli.weights.downloads import Access, SetFile

pytestmark = pytest.mark.usefixtures("own_cache")


def served(folder: Path, asked: list[str] | None = None) -> Script:
    """A server of the files below a folder, which goes on where it is asked to."""

    def script(sock, head: bytes) -> None:  # type: ignore[no-untyped-def]
        path = head.split()[1].decode()
        if asked is not None:
            asked.append(path)
        file = folder / path.lstrip("/")
        if not file.is_file():
            sock.sendall(answer(b"", "404 Not Found"))
            return
        data = file.read_bytes()
        start = int(head.lower().split(b"range: bytes=")[1].split(b"-")[0]) if b"ange: bytes=" in head else 0
        if start:
            place = f"Content-Range: bytes {start}-{len(data) - 1}/{len(data)}"
            sock.sendall(answer(data[start:], "206 Partial Content", place))
        else:
            sock.sendall(answer(data))

    return script


def small(row: StandardSet, folder: Path, url: str) -> StandardSet:
    """A standard set whose published files are those of a folder."""
    files = []
    for file in row.files:
        data = (folder / file.file).read_bytes()
        md5 = hashlib.md5(data).hexdigest()
        files.append(SetFile(f"{url}/{file.file}", file.folder, md5, len(data)))
    return dataclasses.replace(row, files=tuple(files))


def test_hashes_and_addresses_are_those_that_torchvision_knows() -> None:
    for name, kind in (("mnist", datasets.MNIST), ("fashion_mnist", datasets.FashionMNIST)):
        assert {(f.file, f.md5) for f in SETS[name].files} == set(kind.resources)
        assert all(f.url == f"{kind.mirrors[0]}{f.file}" for f in SETS[name].files)
    for name, cifar in (("cifar10", datasets.CIFAR10), ("cifar100", datasets.CIFAR100)):
        assert [(f.url, f.md5) for f in SETS[name].files] == [(cifar.url, cifar.tgz_md5)]
    svhn = datasets.SVHN.split_list
    assert [(f.url, f.file, f.md5) for f in SETS["svhn"].files] == [tuple(svhn[s]) for s in ("train", "test")]


def test_no_two_files_of_sets_share_a_place() -> None:
    places = [f"{file.folder}/{file.file}" for row in SETS.values() for file in row.files]
    assert len(set(places)) == len(places)


def test_a_set_is_fetched_once_verified_and_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    digits(tmp_path / "www")
    with serving(served(tmp_path / "www", asked)) as port:
        row = small(SETS["mnist"], tmp_path / "www", f"http://127.0.0.1:{port}")
        monkeypatch.setitem(standard.SETS, "mnist", row)
        monkeypatch.chdir(tmp_path)
        assert not is_here(row)
        found = read_set("mnist", access=Access())
        assert len(found) == 10 and found.format == "idx"
        assert is_here(row) and check(row) == tmp_path / "cache" / "datasets" / "mnist"
        assert len(read_set("MNIST", access=Access(offline=True))) == 10
    assert len(asked) == 4


def test_a_mirror_has_a_folder_for_each_set(tmp_path: Path) -> None:
    asked: list[str] = []
    digits(tmp_path / "www" / "mnist")
    row = small(SETS["mnist"], tmp_path / "www" / "mnist", "http://127.0.0.1:9")
    with serving(served(tmp_path / "www", asked)) as port:
        fetch_set(row, Access(mirror=f"http://127.0.0.1:{port}/"))
    assert asked[0] == "/mnist/train-images-idx3-ubyte.gz"
    assert is_here(row)


def test_a_broken_transfer_goes_on_where_it_ended(tmp_path: Path, own_cache: Path) -> None:
    digits(tmp_path / "www")
    with serving(served(tmp_path / "www")) as port:
        row = small(SETS["mnist"], tmp_path / "www", f"http://127.0.0.1:{port}")
        data = (tmp_path / "www" / row.files[0].file).read_bytes()
        part = own_cache / "datasets" / "mnist" / ".partial" / f"{row.files[0].file}.part"
        part.parent.mkdir(parents=True)
        part.write_bytes(data[:20])
        told: list[tuple[str, int, int | None]] = []
        fetch_set(row, Access(progress=lambda *facts: told.append(facts)))
    assert told[0] == (row.files[0].file, len(data), len(data))
    assert check(row)


def test_what_is_not_as_published_is_not_kept(tmp_path: Path, own_cache: Path) -> None:
    digits(tmp_path / "www")
    row = small(SETS["mnist"], tmp_path / "www", "http://127.0.0.1:9")
    (tmp_path / "www" / row.files[1].file).write_bytes(b"something else")
    with serving(served(tmp_path / "www")) as port:
        row = dataclasses.replace(
            row, files=tuple(dataclasses.replace(f, url=f"http://127.0.0.1:{port}/{f.file}") for f in row.files)
        )
        with pytest.raises(ModelUnavailable, match=r"its MD5 is [0-9a-f]{32}, not .* Nothing was kept"):
            fetch_set(row, Access())
    assert not (own_cache / "datasets" / "mnist" / row.files[1].file).exists()
    assert (own_cache / "datasets" / "mnist" / row.files[0].file).exists()


def test_offline_says_which_file_belongs_where(tmp_path: Path, own_cache: Path) -> None:
    with pytest.raises(ModelUnavailable) as caught:
        fetch_set(SETS["mnist"], Access(offline=True))
    lines = str(caught.value).split("\n")
    assert lines[0] == "The data set mnist is not here, and this is offline mode."
    assert [line.split()[1] for line in lines if line.startswith("  file:")] == [f.file for f in SETS["mnist"].files]
    assert [line.split()[1] for line in lines if line.startswith("  belongs:")] == [
        str(own_cache / "datasets" / "mnist" / f.file) for f in SETS["mnist"].files
    ]
    assert "run `vision datasets pull mnist` on a connected machine" in lines[-1]


def test_files_that_were_put_there_by_hand_are_read_without_a_network(tmp_path: Path, own_cache: Path) -> None:
    digits(own_cache / "datasets" / "mnist")
    row = small(SETS["mnist"], own_cache / "datasets" / "mnist", "http://127.0.0.1:9")
    assert fetch_set(row, Access(offline=True)) == own_cache / "datasets" / "mnist"


def damage(path: Path) -> None:
    path.write_bytes(path.read_bytes()[::-1])


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("harm", [damage, cut])
def test_a_damaged_file_is_found_and_said(own_cache: Path, harm: Callable[[Path], None]) -> None:
    folder = digits(own_cache / "datasets" / "mnist")
    row = small(SETS["mnist"], folder, "http://127.0.0.1:9")
    harm(folder / row.files[2].file)
    with pytest.raises(ModelUnavailable, match="is damaged: its MD5 is not"):
        fetch_set(row, Access(offline=True))
    with pytest.raises(ModelUnavailable, match="is not the file that was published: vision datasets pull mnist"):
        check(row)


def test_names_are_known_in_their_usual_spellings() -> None:
    assert find("CIFAR-10").name == find("cifar_10").name == "cifar10"
    assert find("Fashion-MNIST").name == find("FashionMNIST").name == "fashion_mnist"
    with pytest.raises(UsageError, match="Did you mean cifar100 or cifar10"):
        find("cifar1000")
