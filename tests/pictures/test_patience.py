import io

import pytest

from visioncli.errors import InputError
from visioncli.pictures.patience import Patience, WatchedFile


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, to be set."""
    now = [100.0]
    monkeypatch.setattr("visioncli.pictures.patience.time.monotonic", lambda: now[0])
    return now


def test_patience_counts_from_its_start_and_not_while_it_is_paused(clock: list[float]) -> None:
    patience = Patience(10)
    clock[0] += 50
    assert patience.left == 10
    patience.start()
    clock[0] += 4
    with patience.paused():
        clock[0] += 1000
        assert patience.left == 6
    clock[0] += 5
    patience.check()
    clock[0] += 2
    with pytest.raises(InputError, match=r"longer than 10 s.*--timeout") as caught:
        patience.check()
    assert caught.value.kind == "timed_out"


def test_a_file_can_be_read_as_long_as_there_is_patience(clock: list[float]) -> None:
    patience = Patience(10)
    patience.start()
    file = WatchedFile(io.BytesIO(b"abc\ndef"), patience)
    assert (file.readline(), file.read(1), file.tell(), file.seek(0)) == (b"abc\n", b"d", 5, 0)
    assert file.getvalue() == b"abc\ndef"
    clock[0] += 11
    for use in (file.read, file.readline, lambda: file.seek(0)):
        with pytest.raises(InputError, match="longer"):
            use()
