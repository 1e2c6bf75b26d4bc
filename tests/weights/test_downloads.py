"""Downloads from a server on this machine that can be slow, break off, lie, and ignore ranges."""

import errno
import hashlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from odd_servers import Script, answer, saying, serving, trickling
from visioncli.errors import ModelUnavailable, OutputError, UsageError
from visioncli.models.row import Download
from visioncli.weights import downloads
from visioncli.weights.downloads import Access, Source, fetch, files_of, remove_file, verified
from visioncli.weights.places import stored_file

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


def remove(source: Source) -> int:
    return sum(map(remove_file, files_of(source)))


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield running
    running.shutdown()
    running.server_close()


pytestmark = pytest.mark.usefixtures("own_cache")


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
    with pytest.raises(ModelUnavailable, match=r"did not answer within 0\.2 s") as caught:
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


def test_a_server_that_trickles_is_given_up_and_what_came_is_kept(
    own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "PACE_SECONDS", 0.1)
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
    for said in (head + b"A", b"HTTP/1.1 200 OK\r\nX: "):
        with (
            serving(trickling(said, b"A", 0.01)) as port,
            pytest.raises(ModelUnavailable, match=r"less than 64 KiB came in 0\.1 s"),
        ):
            fetch("net", Download(f"http://127.0.0.1:{port}/{NAME}"), Access())
    assert files(own_cache) == {NAME + ".part"}


def test_a_server_that_sends_little_each_time_is_given_up(server: Server) -> None:
    server.cut_after = [1] * 1000
    with pytest.raises(ModelUnavailable, match="connection ended after"):
        fetch("net", server.source, Access())
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    "script",
    [
        trickling(b"HTTP/1.1 200 OK\r\n\r\n", b"A" * (1 << 20), 0.0),
        saying(b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n"),
    ],
    ids=["unannounced", "announced"],
)
def test_more_than_was_published_is_not_taken(script: Script, own_cache: Path) -> None:
    with serving(script) as port, pytest.raises(ModelUnavailable, match=r"larger than 3 MiB\. Nothing was kept"):
        fetch("net", Download(f"http://127.0.0.1:{port}/{NAME}"), Access(), 2.0)
    assert files(own_cache) == set()


def test_a_mirrors_password_is_sent_and_never_said(
    server: Server, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    official = Download(f"https://weights.invalid/a/b/{NAME}")
    heads: list[bytes] = []

    def refuse(sock: socket.socket, head: bytes) -> None:
        heads.append(head)
        sock.sendall(answer(b"", f"{len(heads) + 400} No"))

    def said(mirror: str) -> str:
        with pytest.raises((ModelUnavailable, UsageError)) as caught:
            fetch("net", official, Access.of(mirror=mirror))
        return f"{caught.value} {caught.value!r}"

    with serving(refuse) as port:
        words = [said(f"http://me:s3cret@127.0.0.1:{port}/models") for _ in range(4)]
    assert f"http://***@127.0.0.1:{port}/models/{NAME}" in words[0]
    assert "does not accept the user and password" in words[0]
    assert all(b"Authorization: Basic bWU6czNjcmV0" in head for head in heads)
    server.data = b"another file"
    words.append(said(f"http://me:s3cret@127.0.0.1:{server.server_port}/models"))
    words += map(
        said, ("http://me:s3cret@127.0.0.1:9", "ftp://me:s3cret@host", "me:s3cret@host", "http://me:s3cret@[")
    )
    monkeypatch.setenv("VISION_OFFLINE", "1")
    words.append(said("http://me:s3cret@host"))
    words.append(repr(Access.of(mirror="http://me:s3cret@host")))
    assert not [text for text in words if "s3cret" in text]


def test_a_full_disk_is_told_and_what_fits_is_kept(
    server: Server, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: Any, chunk: bytes) -> None:
        file.write(chunk[:100])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(downloads, "_write", full)
        with pytest.raises(ModelUnavailable, match=r"No space left on device\. Free some space"):
            fetch("net", server.source, Access())
    assert files(own_cache) == {NAME + ".part"}
    assert fetch("net", server.source, Access())[1] == SHA256
    assert server.asked == [None, "bytes=100-"]


def test_a_cache_that_is_no_folder_is_told(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("VISION_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(ModelUnavailable, match=r"cannot be written: Not a directory.*VISION_CACHE_DIR"):
        fetch("net", server.source, Access())


def test_a_folder_in_the_place_of_a_file_is_told(server: Server) -> None:
    stored_file(server.source).mkdir(parents=True)
    with pytest.raises(ModelUnavailable, match="cannot be read: Is a directory"):
        fetch("net", server.source, Access())
    with pytest.raises(OutputError, match="cannot be removed"):
        remove(server.source)


def test_a_cache_that_may_only_be_read_serves(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    path, _ = fetch("net", server.source, Access())
    downloads._note_path(path).unlink()

    def refuse(*_: Any) -> None:
        raise OutputError("Cannot write.")

    monkeypatch.setattr(downloads, "write_whole", refuse)
    assert fetch("net", server.source, Access(offline=True)) == (path, SHA256)


def test_an_interrupt_keeps_what_was_fetched(server: Server, own_cache: Path) -> None:
    server.pause = 0.01

    def interrupt(name: str, done: int, total: int | None) -> None:
        if done >= 300_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch("net", server.source, Access(progress=interrupt))
    assert files(own_cache) == {NAME + ".part"}
    assert fetch("net", server.source, Access())[1] == SHA256
    assert server.asked[1] is not None


def test_a_killed_run_leaves_only_what_the_next_one_goes_on_from(server: Server, own_cache: Path) -> None:
    there: list[set[str]] = []
    fetch("net", server.source, Access(progress=lambda name, done, total: there.append(files(own_cache))))
    assert there[0] == {NAME + ".part"}
