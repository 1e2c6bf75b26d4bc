import builtins
import errno
from pathlib import Path
from typing import Any

import pytest

from visioncli.errors import ModelUnavailable
from visioncli.inputs.changes import Notified, Polled, changes_in, check_poll


def test_the_system_tells_of_a_new_file_and_then_of_nothing(tmp_path: Path) -> None:
    changes = Notified([str(tmp_path)])
    (tmp_path / "a.jpg").write_bytes(b"picture")
    assert str(tmp_path / "a.jpg") in (changes.wait(10.0) or ())
    assert changes.wait(0.3) == set()


def test_polling_asks_for_a_look_everywhere_once_in_its_time(tmp_path: Path) -> None:
    changes = Polled(0.2)
    assert changes.wait(0.0) == set()
    assert changes.wait(10.0) is None
    assert changes.wait(0.0) == set()


def test_looks_that_take_long_are_further_apart() -> None:
    changes = Polled(0.01)
    changes.looked(30.0)
    assert changes.wait(0.05) == set()


def test_where_the_system_cannot_watch_more_folders_they_are_looked_through_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any, **__: Any) -> Any:
        raise OSError(errno.ENOSPC, "OS file watch limit reached")
        yield

    monkeypatch.setattr("watchfiles.watch", refused)
    said: list[str] = []
    assert isinstance(changes_in([str(tmp_path)], None, said.append), Polled)
    assert len(said) == 1
    assert "limit reached" in said[0]
    assert "max_user_watches" in said[0]


def test_without_watchfiles_a_sentence_names_the_extra_and_polling_needs_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "watchfiles":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ModelUnavailable, match=r"visioncli\[watch\]"):
        check_poll(None)
    check_poll(2.0)
