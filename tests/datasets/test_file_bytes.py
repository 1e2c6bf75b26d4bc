import os
import socket
import threading
import time

import pytest

from visioncli.datasets import file_bytes
from visioncli.datasets.file_bytes import read_bytes
from visioncli.datasets.interface import DatasetError


def refused(path, **options):
    with pytest.raises(DatasetError) as caught:
        read_bytes(path, **options)
    return str(caught.value)


@pytest.fixture
def pipe(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


def test_a_pipe_is_read_whole_however_slowly_its_writer_writes(pipe):
    def write():
        with pipe.open("wb", buffering=0) as file:
            for part in (b"one ", b"two ", b"three"):
                file.write(part)
                time.sleep(0.02)

    writer = threading.Thread(target=write)
    writer.start()
    assert read_bytes(pipe) == b"one two three"
    writer.join()


def test_a_silent_writer_is_waited_for_longer_than_one_that_never_comes(pipe, monkeypatch):
    monkeypatch.setattr(file_bytes, "PIPE_SECONDS", 0.1)
    descriptor = os.open(pipe, os.O_RDWR)
    writer = threading.Timer(0.3, lambda: (os.write(descriptor, b"late"), os.close(descriptor)))
    writer.start()
    assert read_bytes(pipe) == b"late"
    writer.join()


def test_a_pipe_that_nobody_opens_ends_with_a_sentence(pipe, monkeypatch):
    monkeypatch.setattr(file_bytes, "PIPE_SECONDS", 0.05)
    assert refused(pipe) == f"{pipe}: nobody wrote to this pipe for 0.05 s."


def test_what_is_no_file_is_called_by_its_kind(tmp_path):
    assert "this is a folder" in refused(tmp_path)
    assert "this is a device" in refused(file_bytes.Path("/dev/zero"))
    with socket.socket(socket.AF_UNIX) as end:
        end.bind(str(tmp_path / "s"))
        assert "this is a socket" in refused(tmp_path / "s")
    assert "there is no such file" in refused(tmp_path / "nothing")
    assert "cannot be read (File name too long)" in refused(tmp_path / ("x" * 300))


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="needs /proc")
def test_files_of_the_system_without_an_end_are_refused():
    assert "cannot be read" in refused(file_bytes.Path("/proc/self/mem"))
    assert "no text" in refused(file_bytes.Path("/proc/self/pagemap"))


def test_what_is_no_text_says_what_it_seems_to_be(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes("[]".encode("utf-16"))
    assert "UTF-16 text; save it as UTF-8" in refused(path)
    path.write_bytes(b"[1,\n\0]")
    assert "line 2 holds zero bytes" in refused(path)
    with path.open("wb") as file:
        file.truncate(1 << 40)
    assert "zero bytes" in refused(path)


def test_a_file_longer_than_the_limit_is_refused(tmp_path):
    (tmp_path / "a").write_bytes(b"x" * (3 << 20))
    assert "longer than 2 MiB" in refused(tmp_path / "a", most=2 << 20)
