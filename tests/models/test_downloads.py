"""Downloads from a server on this machine that can be slow, break off, lie, and ignore ranges."""

import hashlib
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from visioncli.errors import ModelUnavailable, UsageError
from visioncli.models import downloads
from visioncli.models.downloads import Access, fetch, remove, verified
from visioncli.models.row import Download
from visioncli.models.weights import stored_file

DATA = bytes(range(256)) * 4096  # 1 MiB
SHA256 = hashlib.sha256(DATA).hexdigest()
NAME = f"net-{SHA256[:8]}.pth"


class Server(ThreadingHTTPServer):
    """Serves DATA; what it does wrong is set by the test."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.data = DATA
        self.ranges = True
        self.cut_after: list[int] = []  # bytes to send before closing, one for each request
        self.statuses: list[int] = []
        self.pause = 0.0
        self.asked: list[str | None] = []

    @property
    def source(self) -> Download:
        """What is to be fetched."""
        return Download(f"http://127.0.0.1:{self.server_port}/models/{NAME}")


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.asked.append(asked)
        if self.server.statuses:
            self.send_error(self.server.statuses.pop(0))
            return
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.server.ranges else 0
        if start >= len(self.server.data):
            self.send_error(416)
            return
        body = self.server.data[start:]
        self.send_response(206 if start else 200)
        if start:
            total = len(self.server.data)
            self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        cut = self.server.cut_after.pop(0) if self.server.cut_after else len(body)
        for at in range(0, min(cut, len(body)), 1 << 17):
            self.wfile.write(body[at : min(at + (1 << 17), cut)])
            self.wfile.flush()
            time.sleep(self.server.pause)

    def log_message(self, *args: Any) -> None:
        """Nothing to standard error."""


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield running
    running.shutdown()
    running.server_close()


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("VISION_OFFLINE", "VISION_WEIGHTS_MIRROR", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("VISION_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def files(folder: Path) -> set[str]:
    return {p.name for p in folder.rglob("*") if p.is_file() and not p.name.endswith(".lock")}


def test_a_file_is_fetched_once_and_verified(server: Server, own_cache: Path) -> None:
    path, sha256 = fetch("net", server.source, Access())
    assert (path, sha256) == (own_cache / "downloads" / NAME, SHA256)
    assert path.read_bytes() == DATA
    assert fetch("net", server.source, Access(offline=True)) == (path, SHA256)
    assert len(server.asked) == 1
    assert files(own_cache) == {NAME, NAME + ".json"}


def test_a_slow_server_is_waited_for_and_progress_is_told(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.pause = 0.03
    told: list[tuple[str, int, int | None]] = []
    fetch("net", server.source, Access(progress=lambda *facts: told.append(facts)))
    assert told[-1] == (NAME, len(DATA), len(DATA))
    assert [done for _, done, _ in told] == sorted({done for _, done, _ in told})


def test_a_server_that_falls_silent_is_given_up(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.pause = 1.5
    monkeypatch.setattr(downloads, "READ_SECONDS", 0.2)
    server.ranges = False
    with pytest.raises(ModelUnavailable, match="did not answer within 0.2 s") as caught:
        fetch("net", server.source, Access())
    assert "are kept" in str(caught.value)


def test_a_connection_that_breaks_off_is_resumed_where_it_stopped(server: Server) -> None:
    server.cut_after = [300_000, 400_000]
    path, _ = fetch("net", server.source, Access())
    assert path.read_bytes() == DATA
    assert server.asked[0] is None
    assert server.asked[1] == "bytes=300000-"
    assert server.asked[2] == "bytes=700000-"


def test_what_was_fetched_is_kept_for_the_next_run(server: Server, own_cache: Path) -> None:
    server.cut_after = [500_000, 0, 0, 0]
    with pytest.raises(ModelUnavailable, match=r"500,000 bytes are kept") as caught:
        fetch("net", server.source, Access(), 1.0)
    assert f"{NAME} (1.0 MiB)" in str(caught.value)
    assert files(own_cache) == {NAME + ".part"}
    server.cut_after = []
    path, _ = fetch("net", server.source, Access())
    assert path.read_bytes() == DATA
    assert server.asked[-1] == "bytes=500000-"


def test_a_server_that_ignores_ranges_is_asked_for_everything_again(server: Server) -> None:
    server.ranges, server.cut_after = False, [300_000]
    path, _ = fetch("net", server.source, Access())
    assert path.read_bytes() == DATA
    assert len(server.asked) == 2


def test_wrong_content_is_refused_and_leaves_nothing(server: Server, own_cache: Path) -> None:
    server.data = b"another file"
    with pytest.raises(ModelUnavailable, match=f"not the file that was published.*not with {SHA256[:8]}"):
        fetch("net", server.source, Access())
    assert files(own_cache) == set()


def test_a_beginning_of_another_file_is_thrown_away(server: Server, own_cache: Path) -> None:
    part = own_cache / "downloads" / ".partial" / f"{NAME}.part"
    part.parent.mkdir(parents=True)
    for beginning in (b"something else", b"too long" * len(DATA)):
        part.write_bytes(beginning)
        assert fetch("net", server.source, Access())[0].read_bytes() == DATA
        remove(server.source)


def test_a_whole_hash_is_compared_whole(server: Server) -> None:
    almost = Download(server.source.url, SHA256[:-1] + ("0" if SHA256[-1] != "0" else "1"))
    with pytest.raises(ModelUnavailable, match="not the file that was published"):
        fetch("net", almost, Access())
    assert fetch("net", Download(server.source.url, SHA256), Access())[1] == SHA256


def test_a_missing_file_is_not_asked_for_twice(server: Server, own_cache: Path) -> None:
    server.statuses = [404, 404]
    with pytest.raises(ModelUnavailable, match=r"nothing at this address \(404\).*Check the mirror"):
        fetch("net", server.source, Access())
    assert len(server.asked) == 1
    assert files(own_cache) == set()


def test_a_server_that_stumbles_once_is_asked_again(server: Server) -> None:
    server.statuses = [503]
    assert fetch("net", server.source, Access())[1] == SHA256


def test_a_mirror_takes_the_place_of_the_official_server(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    official = Download(f"https://weights.invalid/a/b/{NAME}")
    mirror = f"http://127.0.0.1:{server.server_port}/models/"
    assert fetch("net", official, Access.of(mirror=mirror))[1] == SHA256
    remove(official)
    monkeypatch.setenv("VISION_WEIGHTS_MIRROR", mirror)
    assert fetch("net", official, Access.of())[1] == SHA256
    with pytest.raises(UsageError, match="http or https"):
        Access.of(mirror="/mnt/weights")


def test_offline_opens_no_connection_and_says_what_to_do(
    server: Server, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISION_OFFLINE", "1")
    with pytest.raises(ModelUnavailable) as caught:
        fetch("net", server.source, Access.of(), 12.3)
    said = str(caught.value)
    assert f"{NAME} (12.3 MiB)" in said
    assert str(own_cache / "downloads" / NAME) in said
    assert "vision models pull net" in said
    assert server.asked == []


def test_without_a_server_the_same_is_said(own_cache: Path) -> None:
    nobody = Download(f"http://127.0.0.1:9/{NAME}")
    with pytest.raises(ModelUnavailable, match=r"refused the connection") as caught:
        fetch("net", nobody, Access())
    assert str(own_cache / "downloads" / NAME) in str(caught.value)


def test_a_file_copied_by_hand_is_taken_once_it_was_verified(own_cache: Path, server: Server) -> None:
    path = stored_file(server.source)
    path.parent.mkdir(parents=True)
    path.write_bytes(DATA)
    assert fetch("net", server.source, Access(offline=True)) == (path, SHA256)


def test_a_file_of_another_size_is_read_again_and_replaced(server: Server) -> None:
    path, _ = fetch("net", server.source, Access())
    path.write_bytes(DATA[:-1])
    assert verified(server.source) is None
    with pytest.raises(ModelUnavailable, match="is damaged"):
        fetch("net", server.source, Access(offline=True))
    with pytest.warns(UserWarning, match="was damaged, so it is fetched again"):
        fetch("net", server.source, Access())
    assert path.read_bytes() == DATA


def test_damage_that_keeps_the_size_is_found_on_demand(server: Server) -> None:
    path, _ = fetch("net", server.source, Access())
    path.write_bytes(DATA[:-1] + b"?")
    assert verified(server.source) == SHA256
    assert verified(server.source, thoroughly=True) is None


def test_several_at_once_fetch_it_once(server: Server) -> None:
    server.pause = 0.01
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(fetch("net", server.source, Access())[1])) for _ in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [SHA256] * 3
    assert len(server.asked) == 1


def test_removing_frees_what_was_there(server: Server, own_cache: Path) -> None:
    fetch("net", server.source, Access())
    assert remove(server.source) >= len(DATA)
    assert files(own_cache) == set()
    assert remove(server.source) == 0
