import gzip
import io
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from PIL import Image

from odd_servers import answer, saying, serving
from visioncli.errors import InputError
from visioncli.inputs.fetch import fetch
from visioncli.pictures import read


def png() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (5, 4), "red").save(stream, "PNG")
    return stream.getvalue()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        getattr(self, "answer_" + self.path.strip("/").split("?")[0].split("%")[0].split(".")[0])()

    def send(self, data: bytes, length: int | None = None) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(data) if length is None else length))
        self.end_headers()
        self.wfile.write(data)

    def answer_good(self) -> None:
        self.send(png())

    def answer_blank(self) -> None:
        self.send(self.path.encode())

    def answer_text(self) -> None:
        self.send(b"<html>hello</html>")

    def answer_missing(self) -> None:
        self.send_error(404)

    def answer_large(self) -> None:
        self.send(b"x" * 2000)

    def answer_unannounced(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"x" * 2000)

    def answer_cut(self) -> None:
        self.send(png()[:20], length=1000)

    def answer_silent(self) -> None:
        time.sleep(1)

    def answer_trickle(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        for _ in range(10):
            self.wfile.write(b"x")
            time.sleep(0.05)

    def answer_nonsense(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "many")
        self.end_headers()

    def answer_file(self) -> None:
        self.redirect("file:///etc/hostname")

    def answer_ftp(self) -> None:
        self.redirect("ftp://127.0.0.1/x.png")

    def answer_round(self) -> None:
        self.redirect("/round")

    def answer_moved(self) -> None:
        self.redirect("/good")

    def redirect(self, where: str) -> None:
        self.send_response(302)
        self.send_header("Location", where)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.daemon_threads = True
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def problem(url: str, **limits: float) -> InputError:
    with pytest.raises(InputError) as caught:
        fetch(url, **limits)  # type: ignore[arg-type]
    assert str(caught.value).endswith(".")
    return caught.value


def test_a_picture_comes_from_an_address(server: str) -> None:
    assert read(f"{server}/good").rgb.shape == (4, 5, 3)
    assert fetch(f"{server}/moved") == png()


def test_blanks_and_other_letters_are_quoted(server: str) -> None:
    assert fetch(f"{server}/blank é.png") == b"/blank%20%C3%A9.png"


def test_what_is_no_picture_is_unreadable(server: str) -> None:
    with pytest.raises(InputError) as caught:
        read(f"{server}/text")
    assert caught.value.kind == "unreadable_picture"


def test_a_missing_page_names_the_servers_answer(server: str) -> None:
    found = problem(f"{server}/missing")
    assert found.kind == "url_failed"
    assert "404" in str(found)


@pytest.mark.parametrize("page", ["large", "unannounced"])
def test_a_file_over_the_size_limit_is_refused(server: str, page: str) -> None:
    assert problem(f"{server}/{page}", limit=1000).kind == "too_large"


def test_a_cut_off_answer_is_a_failure(server: str) -> None:
    assert "of 1,000 bytes" in str(problem(f"{server}/cut"))


def test_a_silent_server_is_given_up_after_the_time_out(server: str) -> None:
    start = time.monotonic()
    assert "did not answer" in str(problem(f"{server}/silent", timeout=0.1))
    assert time.monotonic() - start < 0.8


def test_a_trickle_is_given_up_after_the_total_time(server: str) -> None:
    assert "longer than" in str(problem(f"{server}/trickle", total=0.12))


@pytest.mark.parametrize("page", ["file", "ftp", "round", "nonsense"])
def test_odd_answers_and_redirects_elsewhere_are_failures(server: str, page: str) -> None:
    assert problem(f"{server}/{page}").kind == "url_failed"


@pytest.mark.parametrize(
    "url",
    ["http://", "http:///x", "http://[::1", "http://127.0.0.1:99999/", "http://a b/", "http://127.0.0.1/\udcff"],
)
def test_an_address_that_makes_no_sense_is_a_failure(url: str) -> None:
    assert problem(url, timeout=1).kind == "url_failed"


def test_a_refused_connection_is_a_failure() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert problem(f"http://127.0.0.1:{port}/x.png").kind == "url_failed"


@pytest.mark.parametrize(
    ("coding", "pack"), [("gzip", gzip.compress), ("X-GZIP", gzip.compress), ("deflate", zlib.compress)]
)
def test_what_a_server_packs_unasked_is_unpacked(coding: str, pack: Callable[[bytes], bytes]) -> None:
    with serving(saying(answer(pack(png()), "200 OK", f"Content-Encoding: {coding}"))) as port:
        assert fetch(f"http://127.0.0.1:{port}/") == png()


def test_the_size_limit_holds_for_what_is_unpacked() -> None:
    bomb = gzip.compress(b"\0" * 10_000_000, mtime=0)
    with serving(saying(answer(bomb, "200 OK", "Content-Encoding: gzip"))) as port:
        assert problem(f"http://127.0.0.1:{port}/", limit=1 << 20).kind == "too_large"


@pytest.mark.parametrize(
    ("body", "coding", "words"),
    [
        (b"x" * 100, "gzip", "packed, and damaged"),
        (gzip.compress(b"x" * 100, mtime=0)[:-12], "gzip", "before the whole file was there"),
        (b"x", "br", "packed in a way"),
    ],
)
def test_what_cannot_be_unpacked_is_a_failure(body: bytes, coding: str, words: str) -> None:
    with serving(saying(answer(body, "200 OK", f"Content-Encoding: {coding}"))) as port:
        assert words in str(problem(f"http://127.0.0.1:{port}/"))


@pytest.mark.parametrize("body", [b"<!DOCTYPE html><p>Hello", b"\n <HTML>", b"<head>"])
def test_a_web_page_is_called_a_web_page(body: bytes) -> None:
    with serving(saying(answer(body, "200 OK", "Content-Type: text/html; charset=utf-8"))) as port:
        found = problem(f"http://127.0.0.1:{port}/")
    assert found.kind == "unreadable_picture"
    assert "a web page, not a picture" in str(found)


def test_a_picture_may_be_called_a_web_page_by_its_server() -> None:
    with serving(saying(answer(png(), "200 OK", "Content-Type: text/html"))) as port:
        assert fetch(f"http://127.0.0.1:{port}/") == png()


def test_a_length_of_thousands_of_digits_is_too_large() -> None:
    with serving(saying(b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n")) as port:
        assert problem(f"http://127.0.0.1:{port}/").kind == "too_large"


def test_an_empty_answer_is_an_empty_file() -> None:
    with serving(saying(answer())) as port, pytest.raises(InputError) as caught:
        read(f"http://127.0.0.1:{port}/")
    assert caught.value.kind == "empty_file"


def test_only_a_part_that_nobody_asked_for_is_a_failure() -> None:
    with serving(saying(answer(png(), "206 Partial Content"))) as port:
        assert "answered 206" in str(problem(f"http://127.0.0.1:{port}/"))


def test_sentences_hold_nothing_that_a_server_worded() -> None:
    with serving(saying(answer(b"", "500 \x1b[31mRED\x07"))) as port:
        assert str(problem(f"http://127.0.0.1:{port}/")) == (
            "The server is in trouble (it answered 500); try again later."
        )
