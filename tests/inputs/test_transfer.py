"""Servers that keep a client waiting in every way that http knows, and what is said about each."""

import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from odd_servers import Script, answer, saying, serving, trickling
from visioncli.inputs import transfer
from visioncli.inputs.transfer import Deadline, TransferFailed, explain_status, get

SELF_SIGNED = Path(__file__).with_name("self_signed.pem")
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def whole(url: str, total: float = 5.0, idle: float = 5.0) -> bytes:
    with get(url, Deadline(total, idle), {}) as found:
        data = b""
        while chunk := found.read(1 << 16):
            data += chunk
        return data


def problem(url: str, total: float = 5.0, idle: float = 5.0) -> str:
    with pytest.raises(TransferFailed) as caught:
        whole(url, total, idle)
    words = str(caught.value)
    assert words.isprintable()
    assert len(words) < 300
    return words


@pytest.mark.parametrize(
    "script",
    [
        trickling(OK + b"X-Long: ", b"a"),
        trickling(OK, b"X: a\r\n"),
        trickling(CHUNKED, b"0"),
        trickling(CHUNKED + b"1\r\nA\r\n0\r\n", b"X: a\r\n"),
        trickling(CHUNKED, b"1\r\nA\r\n"),
        trickling(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        trickling(b"HTTP/1.1 302 Found\r\nLocation: ", b"/"),
        trickling(OK + b"Content-Length: 100000\r\n\r\n", b"A"),
        trickling(OK + b"\r\n", b"A"),
    ],
    ids=["header", "headers", "chunk size", "trailers", "chunks", "continue", "redirect", "body", "unannounced body"],
)
def test_a_server_that_trickles_is_given_up_at_the_deadline(script: Script) -> None:
    with serving(script) as port:
        assert "took longer than 0.15 s" in problem(f"http://127.0.0.1:{port}/", total=0.15)


def test_redirects_share_one_deadline() -> None:
    def slowly_elsewhere(sock: socket.socket, head: bytes) -> None:
        time.sleep(0.05)
        sock.sendall(answer(b"", "302 Found", "Location: /again"))

    with serving(slowly_elsewhere) as port:
        assert "took longer than 0.12 s" in problem(f"http://127.0.0.1:{port}/", total=0.12)


def test_a_handshake_that_trickles_is_given_up_at_the_deadline() -> None:
    # A record of 16 KiB begins, and comes byte by byte.
    with serving(trickling(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc", b"\x03"), read_head=False) as port:
        assert "took longer than 0.15 s" in problem(f"https://127.0.0.1:{port}/", total=0.15)


def test_a_silent_server_is_given_up_after_its_patience() -> None:
    with serving(lambda sock, head: time.sleep(2)) as port:
        assert "the server did not answer within 0.1 s" in problem(f"http://127.0.0.1:{port}/", idle=0.1)
        assert "the server did not answer within 0.1 s" in problem(f"https://127.0.0.1:{port}/", idle=0.1)


def test_a_slow_look_up_of_the_name_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = threading.Event()

    def slow(*_: Any, **__: Any) -> Any:
        asked.set()
        time.sleep(2)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    start = time.monotonic()
    assert "took longer than 0.1 s" in problem("http://host.invalid/", total=0.1)
    assert time.monotonic() - start < 1
    assert asked.is_set()


def test_many_addresses_that_do_not_answer_share_one_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as full, socket.socket() as one, socket.socket() as two:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        place = full.getsockname()
        for sock in (one, two):  # fills its queue: who comes now is not answered
            sock.setblocking(False)
            sock.connect_ex(place)
        entry = (socket.AF_INET, socket.SOCK_STREAM, 0, "", place)
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [entry] * 1000)
        assert "took longer than 0.2 s" in problem("http://host.invalid/", total=0.2, idle=0.03)


def test_the_second_address_serves_where_the_first_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(saying(answer(b"here"))) as port:
        places = [("127.0.0.1", unused_port()), ("127.0.0.1", port)]
        found = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", place) for place in places]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        assert whole("http://host.invalid/") == b"here"


def unused_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def test_heads_without_end_are_given_up_after_a_mebibyte() -> None:
    for said in (b"HTTP/1.1 100 Continue\r\n\r\n" * 100_000, OK + b"X: " + b"a" * 100_000, OK + b"X: a\r\n" * 200):
        with serving(saying(said)) as port:
            assert "is not http" in problem(f"http://127.0.0.1:{port}/")


def test_the_body_of_a_redirect_is_not_read() -> None:
    def script(sock: socket.socket, head: bytes) -> None:
        if b" /end " in head:
            return sock.sendall(answer(b"end"))
        sock.sendall(b"HTTP/1.1 302 Found\r\nLocation: /end\r\n\r\n")
        while True:
            sock.sendall(b"A" * 65536)

    with serving(script) as port:
        assert whole(f"http://127.0.0.1:{port}/") == b"end"


@pytest.mark.parametrize("location", ["/x", "http://127.0.0.1:{port}/y"])
def test_a_redirect_that_never_ends_is_left(location: str) -> None:
    def script(sock: socket.socket, head: bytes) -> None:
        sock.sendall(answer(b"", "302 Found", f"Location: {location.format(port=port)}"))

    with serving(script) as port:
        assert "redirects more than 10 times" in problem(f"http://127.0.0.1:{port}/x")


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("file:///etc/passwd", "redirects to file: which is neither http nor https"),
        ("ftp://me:secret@127.0.0.1/x", "redirects to ftp: which"),
        ("data:\x1b[31m", "redirects to data: which"),
        ("http://me:secret@[/", "makes no sense"),
        ("", "without saying where to"),
    ],
)
def test_redirects_elsewhere_are_refused_in_words_without_passwords(location: str, words: str) -> None:
    with serving(saying(answer(b"", "302 Found", f"Location: {location}"))) as port:
        said = problem(f"http://127.0.0.1:{port}/")
    assert words in said
    assert "secret" not in said


def test_a_redirect_may_be_written_in_utf8() -> None:
    def script(sock: socket.socket, head: bytes) -> None:
        path = head.split(b" ")[1]
        sock.sendall(
            answer(path) if path != b"/" else answer(b"", "302 Found", "Location: /é".encode().decode("latin-1"))
        )

    with serving(script) as port:
        assert whole(f"http://127.0.0.1:{port}/") == b"/%C3%A9"


def authorization(head: bytes) -> bytes:
    return next((line for line in head.split(b"\r\n") if line.lower().startswith(b"authorization:")), b"none")


def test_credentials_go_to_their_own_server_only() -> None:
    heads: list[bytes] = []

    def elsewhere(sock: socket.socket, head: bytes) -> None:
        heads.append(head)
        where = f"http://127.0.0.1:{second}/" if b" /b " in head else "/b"
        sock.sendall(answer(b"", "302 Found", f"Location: {where}"))

    with (
        serving(lambda sock, head: sock.sendall(answer(authorization(head)))) as second,
        serving(elsewhere) as first,
    ):
        assert whole(f"http://us%40er:secret@127.0.0.1:{first}/a") == b"none"
    assert [authorization(head) for head in heads] == [b"Authorization: Basic dXNAZXI6c2VjcmV0"] * 2
    assert not any(b"secret" in head for head in heads)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (saying(b"\xff\xfe\x00junk\r\n\r\n"), "what the server answers is not http"),
        (saying(b"HTTP/1.1 abc\r\n\r\n"), "what the server answers is not http"),
        (saying(b""), "the server closed the connection too early"),
        (saying(CHUNKED + b"5\r\nAB"), "the server closed the connection too early"),
        (saying(CHUNKED + b"zz\r\nAB"), "the server closed the connection too early"),
    ],
)
def test_nonsense_is_told_in_a_sentence(script: Script, words: str) -> None:
    with serving(script) as port:
        assert words in problem(f"http://127.0.0.1:{port}/")


def test_a_reset_is_told_in_a_sentence() -> None:
    def reset(sock: socket.socket, head: bytes) -> None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    with serving(reset) as port:
        assert "the server closed the connection too early" in problem(f"http://127.0.0.1:{port}/")


def test_a_refused_connection_and_an_unknown_name_are_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "the server refused the connection" in problem(f"http://127.0.0.1:{unused_port()}/")

    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert "the name host.invalid cannot be looked up" in problem("http://me:secret@host.invalid/")


def secure(script: Callable[[ssl.SSLSocket], None]) -> Script:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(SELF_SIGNED)

    def handle(sock: socket.socket, head: bytes) -> None:
        with context.wrap_socket(sock, server_side=True) as safe:
            safe.recv(65536)
            script(safe)

    return handle


def test_a_certificate_that_nobody_signed_is_told_in_a_sentence() -> None:
    with serving(secure(lambda sock: None), read_head=False) as port:
        words = problem(f"https://127.0.0.1:{port}/")
    assert "the server's certificate is not trusted (self-signed certificate)" in words
    assert "_ssl" not in words


def test_https_to_a_server_of_http_is_told_in_a_sentence() -> None:
    with serving(saying(answer(b"", "400 Bad Request")), read_head=False) as port:
        assert "does not speak https" in problem(f"https://127.0.0.1:{port}/")


def test_certificates_of_the_environment_are_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(SELF_SIGNED))
    with serving(secure(lambda sock: sock.sendall(answer(b"safe"))), read_head=False) as port:
        assert whole(f"https://127.0.0.1:{port}/") == b"safe"
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "nowhere.pem")
    assert "REQUESTS_CA_BUNDLE" in problem("https://127.0.0.1:9/")


def test_trickled_headers_are_given_up_behind_tls_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(SELF_SIGNED))

    def script(sock: ssl.SSLSocket) -> None:
        trickling(OK + b"X: ", b"a")(sock, b"")

    with serving(secure(script), read_head=False) as port:
        assert "took longer than 0.3 s" in problem(f"https://127.0.0.1:{port}/", total=0.3)


def test_the_proxies_of_the_environment_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(lambda sock, head: sock.sendall(answer(head.split(b"\r\n")[0]))) as port:
        monkeypatch.setenv("http_proxy", f"http://me:secret@127.0.0.1:{port}")
        assert whole("http://host.invalid/x") == b"GET http://host.invalid/x HTTP/1.1"
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert whole(f"http://127.0.0.1:{port}/x") == b"GET /x HTTP/1.1"


def test_trouble_with_a_proxy_names_the_proxy_and_not_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://me:secret@127.0.0.1:{unused_port()}")
    assert "the proxy refused the connection" in problem("http://host.invalid/")
    for odd in ("http://me:secret@", "http://me:secret@127.0.0.1:x", "ftp://me:secret@127.0.0.1"):
        monkeypatch.setenv("http_proxy", odd)
        assert "secret" not in problem("http://host.invalid/")
    with serving(saying(b"HTTP/1.1 407 \x1b[31mRED\r\n\r\n")) as port:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
        assert "the proxy did not connect to the server" in problem("https://host.invalid/")
    with serving(trickling(b"HTTP/1.1 200 OK\r\n", b"X: a\r\n")) as port:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
        assert "took longer than 0.1 s" in problem("https://host.invalid/", total=0.1)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (401, "wants a user and password"),
        (403, "does not give this file"),
        (404, "nothing at this address"),
        (407, "the proxy wants"),
        (410, "has been removed"),
        (429, "too often"),
        (500, "in trouble"),
        (503, "in trouble"),
        (204, "answered 204 and no file"),
        (418, "answered 418 and no file"),
    ],
)
def test_each_status_says_what_to_do(code: int, words: str) -> None:
    with serving(saying(answer(b"", f"{code} \x1b[31mRED"))) as port:
        with get(f"http://127.0.0.1:{port}/", Deadline(5, 5), {}) as found:
            said = explain_status(found)
        with get(f"http://me:secret@127.0.0.1:{port}/", Deadline(5, 5), {}) as found:
            assert code != 401 or "does not accept the user and password" in explain_status(found)
    assert words in said
    assert str(code) in said
    assert "RED" not in said


@pytest.mark.parametrize("text", ["-5", "abc", "1_0", "1, 1", "0x10"])
def test_a_length_that_is_no_number_is_refused(text: str) -> None:
    with (
        serving(saying(OK, f"Content-Length: {text}\r\n\r\n".encode())) as port,
        get(f"http://127.0.0.1:{port}/", Deadline(5, 5), {}) as found,
        pytest.raises(TransferFailed, match="not a number"),
    ):
        assert found.length


def test_a_length_of_thousands_of_digits_is_a_large_number() -> None:
    for digits, length in (("9" * 5000, 10**19), ("0" * 5000 + "7", 7), ("12", 12)):
        with (
            serving(saying(OK, f"Content-Length: {digits}\r\n\r\n".encode())) as port,
            get(f"http://127.0.0.1:{port}/", Deadline(5, 5), {}) as found,
        ):
            assert found.length == length


def test_certificates_are_read_once() -> None:
    assert transfer._trust(None) is transfer._trust(None)
