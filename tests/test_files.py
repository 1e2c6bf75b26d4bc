import errno
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from PIL import Image

from visioncli.errors import OutputError, UsageError
from visioncli.files import (
    check_not_input,
    explain,
    is_stream,
    name_part,
    new_file,
    refuse_irregular,
    shortened,
    whole_file,
    write_picture,
    write_whole,
)


def test_a_file_appears_whole_with_its_folders(tmp_path: Path) -> None:
    write_whole(tmp_path / "a" / "b" / "c.txt", b"hello")
    assert (tmp_path / "a" / "b" / "c.txt").read_bytes() == b"hello"
    assert os.listdir(tmp_path / "a" / "b") == ["c.txt"]


def test_nothing_appears_where_writing_fails_and_an_older_file_stays(tmp_path: Path) -> None:
    target = tmp_path / "c.txt"
    target.write_bytes(b"older")
    with pytest.raises(KeyError), whole_file(target) as temporary:
        temporary.write_bytes(b"half")
        assert target.read_bytes() == b"older"
        raise KeyError
    assert target.read_bytes() == b"older"
    assert os.listdir(tmp_path) == ["c.txt"]


def test_the_temporary_file_lies_where_it_is_told_to(tmp_path: Path) -> None:
    (tmp_path / "partial").mkdir()
    with whole_file(tmp_path / "out" / "c.txt", tmp_path / "partial") as temporary:
        assert temporary.parent == tmp_path / "partial"
    assert os.listdir(tmp_path / "partial") == []


def test_data_goes_through_the_folder_for_what_is_unfinished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "partial").mkdir()
    moves: list[Path] = []
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: (moves.append(Path(a)), replace(a, b)))
    write_whole(tmp_path / "out" / "deep" / "c.txt", b"hello", tmp_path / "partial")
    assert (tmp_path / "out" / "deep" / "c.txt").read_bytes() == b"hello"
    assert {move.parent for move in moves} == {tmp_path / "partial"}
    assert os.listdir(tmp_path / "partial") == []


def test_files_get_the_permissions_that_the_umask_allows(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    write_whole(tmp_path / "ours", b"")
    with whole_file(tmp_path / "yielded"):
        pass
    assert len({stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("usual", "ours", "yielded")}) == 1


def test_a_file_where_a_folder_is_needed_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(OutputError, match="a file stands where a folder is needed"):
        write_whole(tmp_path / "a" / "b.txt", b"")
    with pytest.raises(OutputError, match="a file stands where a folder is needed"):
        write_whole(tmp_path / "a" / "c" / "b.txt", b"")


def test_a_folder_where_the_file_belongs_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(OutputError, match="a folder stands"):
        write_whole(tmp_path / "a", b"")
    assert os.listdir(tmp_path) == ["a"]


def test_a_name_that_is_too_long_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="too long"):
        write_whole(tmp_path / ("x" * 300), b"")
    assert os.listdir(tmp_path) == []


def test_a_picture_that_the_disk_takes_only_a_part_of_does_not_appear(tmp_path: Path) -> None:
    script = (
        "import pathlib, resource; from PIL import Image; from visioncli.files import write_picture;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000));"
        "write_picture(pathlib.Path('a.jpg'), Image.effect_noise((200, 200), 90), 'JPEG')"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "OutputError: Cannot write a.jpg" in done.stderr
    assert os.listdir(tmp_path) == []


def test_systems_without_files_in_memory_write_the_same_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = Image.effect_noise((300, 200), 90)
    write_picture(tmp_path / "a.jpg", image, "JPEG", quality=90)
    monkeypatch.delattr(os, "memfd_create", raising=False)
    write_picture(tmp_path / "b.jpg", image, "JPEG", quality=90)
    assert (tmp_path / "a.jpg").read_bytes() == (tmp_path / "b.jpg").read_bytes()


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_picture_is_written_with_its_options(tmp_path: Path, kind: str) -> None:
    write_picture(tmp_path / "a", Image.new("RGB", (5, 4), "red"), kind, quality=30)
    with Image.open(tmp_path / "a") as image:
        assert (image.format, image.size) == (kind, (5, 4))


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    with whole_file(pipe) as temporary, temporary.open("wb") as file:
        file.write(b"????o")
        file.seek(0)  # as writers of archives do
        file.write(b"hell")
    reader.join(5)
    assert read == [b"hello"]
    assert pipe.is_fifo()
    assert os.listdir(tmp_path) == ["pipe"]


def test_nothing_goes_to_a_pipe_where_writing_fails(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(KeyError), whole_file(tmp_path / "pipe") as temporary:
        temporary.write_bytes(b"half")
        raise KeyError
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize(("minor", "full"), [(3, False), (7, True)])
def test_a_device_is_written_to_and_stays_a_device(minor: int, full: bool, tmp_path: Path) -> None:
    node = tmp_path / "node"
    try:
        os.mknod(node, stat.S_IFCHR | 0o600, os.makedev(1, minor))
        node.open("wb").close()
    except OSError:
        pytest.skip("only root may make devices, and not on every disk")
    if full:
        with pytest.raises(OutputError, match="the disk is full"):
            write_whole(node, b"hello")
    else:
        write_whole(node, b"hello")
    assert node.is_char_device()
    assert os.listdir(tmp_path) == ["node"]


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "link"])
def test_standard_output_by_a_name_goes_on_where_it_stands(name: str, tmp_path: Path) -> None:
    if not os.path.exists("/proc/self/fd/1"):
        pytest.skip("this system has no such names")
    (tmp_path / "link").symlink_to("/dev/stdout")
    script = (
        "import pathlib, sys; from visioncli.files import write_whole; sys.stdout.write('before ');"
        f"write_whole(pathlib.Path({name!r}), b'hello'); sys.stdout.write(' after')"
    )
    with (tmp_path / "out").open("wb") as out:
        subprocess.run([sys.executable, "-c", script], cwd=tmp_path, stdout=out, check=True)
    assert (tmp_path / "out").read_bytes() == b"before hello after"
    assert sorted(os.listdir(tmp_path)) == ["link", "out"]
    assert os.path.islink("/dev/stdout")


def test_a_pipe_by_the_number_of_its_descriptor_is_written_to() -> None:
    read, write = os.pipe()
    write_whole(Path(f"/dev/fd/{write}"), b"hello")
    os.close(write)
    assert os.read(read, 9) == b"hello"
    os.close(read)


def test_a_reader_that_has_gone_is_no_output_error(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    with pytest.raises(BrokenPipeError):
        write_whole(Path(f"/dev/fd/{write}"), b"hello")
    os.close(write)


def test_the_file_behind_a_link_is_replaced_whole_and_the_link_stays(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "file").write_bytes(b"older")
    (tmp_path / "link").symlink_to("far/file")
    (tmp_path / "second").symlink_to("link")
    with pytest.raises(KeyError), whole_file(tmp_path / "second") as temporary:
        temporary.write_bytes(b"half")
        raise KeyError
    assert (tmp_path / "far" / "file").read_bytes() == b"older"
    write_whole(tmp_path / "second", b"newer")
    assert (tmp_path / "far" / "file").read_bytes() == b"newer"
    assert os.readlink(tmp_path / "link") == "far/file"
    assert os.listdir(tmp_path / "far") == ["file"]


def test_a_link_to_nothing_yet_makes_its_file(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("later")
    write_whole(tmp_path / "link", b"hello")
    assert (tmp_path / "later").read_bytes() == b"hello"
    assert (tmp_path / "link").is_symlink()


def test_a_link_to_itself_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("link")
    with pytest.raises(OutputError):
        write_whole(tmp_path / "link" / "file", b"hello")
    assert os.listdir(tmp_path) == ["link"]


def test_files_and_folders_are_no_streams(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert [is_stream(tmp_path / name) for name in ("file", ".", "missing")] == [False] * 3


def test_a_new_file_is_never_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"precious")
    (tmp_path / "link").symlink_to("precious")
    (tmp_path / "hard").hardlink_to(tmp_path / "precious")
    for name in ("link", "hard"):
        with new_file(tmp_path / name) as file:
            file.write(b"ours")
    assert (tmp_path / "precious").read_bytes() == b"precious"


def test_what_is_no_file_is_called_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("missing")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    for name, words in (("link", "a link"), ("folder", "a folder"), ("pipe", "a pipe")):
        with pytest.raises(OutputError, match=f"{name}: {words}.* stands there"):
            refuse_irregular(tmp_path / name)
    refuse_irregular(tmp_path / "file")
    refuse_irregular(tmp_path / "missing")


def test_an_output_may_not_be_an_input(tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    for name in ("truth.json", "labels/a.txt", "labels/notes.jsonl"):
        (tmp_path / name).touch()
    (tmp_path / "link.json").symlink_to("truth.json")
    inputs = (tmp_path / "truth.json", str(tmp_path / "labels"), "0,0,5,5", None)
    for name in ("truth.json", "link.json", "labels/a.txt"):
        with pytest.raises(UsageError, match="is an input"):
            check_not_input(tmp_path / name, inputs)
    for name in ("other.json", "labels/new.txt", "labels/notes.jsonl"):
        check_not_input(tmp_path / name, inputs)


def test_labels_become_parts_of_names_that_every_disk_takes() -> None:
    assert name_part("../hot\ndog\x1b[31m") == "_hot_dog_31m"
    assert len(("00-" + name_part("\U00020000" * 300) + ".jpg").encode()) < 255


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "you may not write there"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_errors_of_the_disk_become_sentences(number: int, words: str) -> None:
    message = str(explain(OSError(number, os.strerror(number)), Path("out/x.jpg")))
    assert words in message
    assert "out/x.jpg" in message
    assert message.endswith(".")


def test_a_short_name_stays_as_it_is_and_a_long_one_ends_in_a_hash() -> None:
    assert shortened("a/b.jpg") == "a/b.jpg"
    assert shortened("n" * 236 + ".jpg") == "n" * 236 + ".jpg"
    odd = os.fsdecode(b"\xff") * 300
    for part in ("n" * 251 + ".jpg", "猫" * 82 + ".png", odd, "." + "x" * 254, "a." + "x" * 253):
        folder, _, last = shortened(f"{part}{part}/{part}").partition("/")
        assert len(os.fsencode(folder)) <= 255
        assert len(os.fsencode(last)) <= 240
        assert "~" in last
    assert shortened("a" * 300 + "1.jpg") != shortened("a" * 300 + "2.jpg")
