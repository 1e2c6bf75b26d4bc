"""Sets in a zip, read in place."""

import io
import os
import pickle
import threading
import zipfile
from pathlib import Path

import pytest

from small_sets import digits, place, png, zipped
from visioncli.errors import InputError
from visioncli.inputs import zips
from visioncli.labelled import content
from visioncli.labelled.archives import Zip
from visioncli.labelled.interface import PictureSet, SetError
from visioncli.labelled.recognise import read_set


def made(target: Path, members: dict[str, bytes]) -> str:
    """A zip with these members."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return str(target)


def same(one: PictureSet, other: PictureSet) -> bool:
    """Whether two sets hold the same pictures of the same classes."""
    facts = [[(e.relative, e.labels, e.split, content.sha256(e)) for e in found.examples] for found in (one, other)]
    return facts[0] == facts[1] and one.classes == other.classes and one.format == other.format


def test_a_zip_is_read_as_the_folder_that_it_is_of(tmp_path: Path) -> None:
    folder = place(tmp_path / "set", ["train/cat/1.png", "train/dog/1.png", "val/dog/2.png"])
    zipped(folder, tmp_path / "set.zip", "around/")
    found = read_set(str(tmp_path / "set.zip"))
    assert same(found, read_set(str(folder)))
    assert found.examples[0].path == f"{tmp_path}/set.zip!/around/train/cat/1.png"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["set", "set.zip"]


def test_tables_metadata_and_idx_are_read_in_a_zip(tmp_path: Path) -> None:
    place(tmp_path / "t", ["a.jpg"])
    (tmp_path / "t" / "labels.csv").write_text("path,label\na.jpg,cat\n")
    place(tmp_path / "m", ["a.jpg"])
    (tmp_path / "m" / "metadata.jsonl").write_text('{"file_name": "a.jpg", "label": "cat"}\n')
    digits(tmp_path / "d" / "MNIST" / "raw")
    for name in "tmd":
        zipped(tmp_path / name, tmp_path / f"{name}.zip")
        assert len(read_set(str(tmp_path / f"{name}.zip"))) == len(read_set(str(tmp_path / name))) > 0


def test_a_missing_member_is_that_pictures_failure(tmp_path: Path) -> None:
    name = made(tmp_path / "s.zip", {"l.csv": b"path,label\na.png,cat\nb.png,dog\n", "a.png": png()})
    found = read_set(name)
    assert "1 of 2 pictures are not there" in found.warnings[-1]
    with pytest.raises(InputError, match="no such file in this archive") as caught:
        content.load(found.examples[1])
    assert caught.value.kind == "not_found"


def test_names_that_lead_out_are_only_names(tmp_path: Path) -> None:
    name = made(tmp_path / "s.zip", {"../cat/1.png": png(), "../dog/1.png": png(), "/eel/1.png": png()})
    found = read_set(name)
    assert {e.relative.split("/")[-2] for e in found.examples} <= {"cat", "dog", "eel"}
    assert all(".." not in e.relative and not e.relative.startswith("/") for e in found.examples)
    assert [p.name for p in tmp_path.iterdir()] == ["s.zip"]


def test_threads_may_read_at_the_same_time(tmp_path: Path) -> None:
    colours = [f"#{n:02x}0000" for n in range(60)]
    name = made(tmp_path / "s.zip", {f"c/{n:02}.png": png(colour) for n, colour in enumerate(colours)})
    examples = read_set(name).examples
    wrong: list[int] = []

    def read(first: int) -> None:
        wrong.extend(n for n in range(first, 60, 2) if content.load(examples[n]).rgb[0, 0, 0] != n)

    threads = [threading.Thread(target=read, args=(first,)) for first in (0, 1, 0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_forked_process_reads_as_well(tmp_path: Path) -> None:
    examples = read_set(made(tmp_path / "s.zip", {"a/1.png": png("red"), "b/1.png": png("blue")})).examples
    child = os.fork()
    if child == 0:
        os._exit(0 if content.load(examples[1]).rgb[0, 0, 2] == 255 else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert content.load(examples[0]).rgb[0, 0, 0] == 255


def test_an_example_of_a_zip_can_be_sent_to_another_process(tmp_path: Path) -> None:
    example = read_set(made(tmp_path / "s.zip", {"a/1.png": png(), "b/1.png": png()})).examples[0]
    assert content.sha256(pickle.loads(pickle.dumps(example))) == content.sha256(example)


@pytest.mark.parametrize("damage", [lambda d: b"", lambda d: d[:-30], lambda d: b"PK\3\4" + os.urandom(40)])
def test_a_damaged_zip_is_a_sentence(tmp_path: Path, damage: object) -> None:
    name = made(tmp_path / "s.zip", {"a/1.png": png(), "b/1.png": png()})
    Path(name).write_bytes(damage(Path(name).read_bytes()))  # type: ignore[operator]
    with pytest.raises(SetError, match="this zip is damaged"):
        read_set(name)


def test_a_damaged_member_is_that_pictures_failure(tmp_path: Path) -> None:
    name = made(tmp_path / "s.zip", {"a/1.png": png(size=(90, 80)), "b/1.png": png()})
    data = bytearray(Path(name).read_bytes())
    data[45:60] = b"\xff" * 15
    Path(name).write_bytes(data)
    found = read_set(name)
    with pytest.raises(InputError, match="damaged inside the archive"):
        content.load(found.examples[0])
    content.load(found.examples[1])


def test_a_member_larger_than_the_limit_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = Zip(made(tmp_path / "s.zip", {"a/1.png": bytes(4000)}))
    with pytest.raises(InputError, match="the limit is") as caught:
        archive.member("a/1.png", 3999)
    assert caught.value.kind == "too_large"


def test_an_archive_that_would_unpack_into_far_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zips, "MOST_TOTAL", 1 << 20)
    name = made(tmp_path / "s.zip", {f"a/{n}.png": bytes(200_000) for n in range(10)})
    with pytest.raises(SetError, match="times its own size") as caught:
        read_set(name)
    assert caught.value.kind == "too_large"


def test_encrypted_members_are_a_sentence(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a/1.png", png())
        archive.writestr("b/1.png", png())
    data = bytearray(stream.getvalue())
    for at in (data.find(b"PK\1\2") + 8, 6):
        data[at] |= 1
    (tmp_path / "s.zip").write_bytes(data)
    with pytest.raises(InputError, match="encrypted"):
        content.load(read_set(str(tmp_path / "s.zip")).examples[0])


def test_what_macos_and_hidden_folders_add_is_left_out(tmp_path: Path) -> None:
    members = {"a/1.png": png(), "b/1.png": png(), "__MACOSX/a/._1.png": b"x", "a/.hidden.png": b"x"}
    assert len(read_set(made(tmp_path / "s.zip", members))) == 2


def test_the_folder_of_a_trained_network_is_left_out(tmp_path: Path) -> None:
    run = {f"run/{name}": png() for name in ("model.json", "model.safetensors", "curves.png")}
    found = read_set(made(tmp_path / "s.zip", {"a/1.png": png(), "b/1.png": png(), **run}))
    assert found.classes == ("a", "b")
    assert found.warnings == ("Results of earlier runs are left out: run",)
