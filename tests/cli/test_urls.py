"""Pictures from addresses, from the command line to the files that a run leaves."""

import json
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Ended
from odd_servers import answer, png, saying, serving

Vision = Callable[..., Ended]
FORMATS = "csv,json,coco,yolo,voc"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)


def by_user(sock: socket.socket, head: bytes) -> None:
    """A red picture for one user, a blue one for another, nothing for everybody else."""
    colours = {b"Basic b25lOnMzY3JldA==": "red", b"Basic dHdvOnMzY3JldA==": "blue"}
    given = head.partition(b"Authorization: ")[2].partition(b"\r\n")[0]
    sock.sendall(answer(png(colours[given])) if given in colours else answer(b"", "401 Unauthorized"))


def test_a_password_is_in_nothing_that_a_run_writes(vision: Vision, tmp_path: Path) -> None:
    with serving(by_user) as port:
        ended = vision(
            "detect",
            f"http://one:s3cret@127.0.0.1:{port}/a.png",
            f"http://one:s3%63ret@127.0.0.1:{port}/b.png?signature=abc",
            f"http://one:s3cretish@127.0.0.1:{port}/c.png",
            f"http://one:s3cret/@127.0.0.1:{port}/d.png",
            f"http:/one:s3cret@127.0.0.1:{port}/e.png",
            "-f",
            FORMATS,
        )
    assert ended.status == 1
    assert [r["input"] for r in ended.records] == [
        f"http://***@127.0.0.1:{port}/a.png",
        f"http://***@127.0.0.1:{port}/b.png?signature=abc",
        f"http://***@127.0.0.1:{port}/c.png",
        f"http://***@127.0.0.1:{port}/d.png",
        f"http:/***@127.0.0.1:{port}/e.png",
    ]
    assert [bool(r["error"]) for r in ended.records] == [False, False, True, True, True]
    written = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert len(written) > 8
    for said in (ended.out, ended.err.encode(), *(str(p).encode() + p.read_bytes() for p in written)):
        for secret in (b"s3cret", b"s3%63ret", b"czNjcmV0"):
            assert secret not in said


def test_inputs_that_differ_in_their_user_share_neither_outputs_nor_records(vision: Vision) -> None:
    with serving(by_user) as port:
        urls = [f"http://{user}:s3cret@127.0.0.1:{port}/a.png" for user in ("one", "two")]
        first = vision("classify", *urls)
        again = vision("classify", *reversed(urls), "--resume")
    assert first.status == again.status == 0
    one, two = first.records
    assert one["input"] == two["input"]
    assert one["key"] != two["key"]
    assert one["files"]["annotated"] != two["files"]["annotated"]
    assert one["predictions"] != two["predictions"]
    assert "2 taken from an earlier run" in again.err
    assert again.records == [two, one]


def test_each_address_has_one_record_with_one_line(vision: Vision) -> None:
    odd = ["http://", "http:///x", "http://[::1", "http://127.0.0.1:99999/", "http://a b/", "http://a\nb\x1b[31m/"]
    with serving(saying(answer(png()))) as port:
        ended = vision("classify", *odd, f"HTTP://127.0.0.1:{port}/a.png#top", "-o", "-")
    assert ended.status == 1
    assert [r["input"] for r in ended.records[:-1]] == odd
    assert ended.records[-1]["error"] is None
    for record in ended.records[:-1]:
        assert record["error"]["kind"] == "url_failed"
        assert record["error"]["message"].isprintable()
    assert len(ended.err.splitlines()) == len(odd) + 1
    assert "\x1b" not in ended.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_does_not_wait_for_a_server(
    number: int, start_vision: Callable[..., subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    with serving(lambda sock, head: sock.sendall(answer(png())) if b"/a" in head else time.sleep(20)) as port:
        process = start_vision("classify", *(f"http://127.0.0.1:{port}/{name}.png" for name in "abcd"), "-o", "out")
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["error"] is None
        process.send_signal(number)
        start = time.monotonic()
        _, err = process.communicate(timeout=30)
        assert time.monotonic() - start < 2
    assert process.returncode == 130
    assert b"Traceback" not in err
    assert len((tmp_path / "out" / "predictions.jsonl").read_bytes().splitlines()) == 1
