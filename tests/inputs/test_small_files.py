import os
import threading
from pathlib import Path

import pytest

from visioncli.errors import UsageError
from visioncli.inputs import small_files
from visioncli.inputs.small_files import read_small


def test_files_and_pipes_are_read_to_their_end(tmp_path: Path) -> None:
    (tmp_path / "names").write_bytes(b"cat\ndog\n")
    assert read_small(tmp_path / "names", "names") == b"cat\ndog\n"
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(b"owl\n",))
    writer.start()
    assert read_small(tmp_path / "pipe", "names") == b"owl\n"
    writer.join()


def test_what_never_ends_or_never_begins_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small_files, "PIPE_SECONDS", 0.05)
    with pytest.raises(UsageError, match="larger than 16 MiB, so it does not hold names"):
        read_small(Path("/dev/zero"), "names")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="Nothing came from"):
        read_small(tmp_path / "pipe", "names")
    with pytest.raises(UsageError, match="is a folder"):
        read_small(tmp_path, "names")
