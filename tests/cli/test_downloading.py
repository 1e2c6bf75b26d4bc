import sys

import pytest

from visioncli.cli.downloading import download_progress


def test_a_bar_shows_on_a_terminal_once_bytes_come(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    with download_progress(quiet=False):
        pass
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with download_progress(quiet=False) as progress:
        assert progress is not None
        progress("net.pth", 10, 100)
        progress("net.pth", 100, 100)
    said = capsys.readouterr()
    assert "net.pth" in said.err
    assert said.out == ""


def test_nothing_shows_in_a_pipe_or_when_asked_to_be_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    with download_progress(quiet=False) as progress:
        assert progress is None
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with download_progress(quiet=True) as progress:
        assert progress is None
