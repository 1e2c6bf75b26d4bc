"""One request over http(s), every wait of which is held to a deadline, and words for whatever goes wrong.

The standard library's time-out is one for each read, so a server that sends a byte now and then holds its client as
long as it likes: in headers, chunk sizes, trailers, and `100 Continue` after `100 Continue`. Here the socket's
time-out is set from the deadline before each single read.
"""

import errno
import functools
import http.client
import io
import os
import queue
import socket
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from visioncli.inputs.addresses import Address, OddAddress, parse

HEAD_BYTES = 1 << 20
"""What a server may send before the file itself."""
MAX_REDIRECTS = 10
_REDIRECTS = (301, 302, 303, 307, 308)


class TransferFailed(Exception):
    """What went wrong and what to do, as a clause on one line; no password, and nothing that a server worded."""


class Deadline:
    """How long all of something may take, and how long the other side may stay silent meanwhile, in seconds."""

    def __init__(self, total: float, idle: float) -> None:
        self.total, self.idle = total, idle
        self.renew()

    def renew(self) -> None:
        """Gives the whole time again."""
        self._end = time.monotonic() + self.total

    @property
    def left(self) -> float:
        """Seconds. Raises TimeoutError where there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    @property
    def patience(self) -> float:
        """Seconds that the next wait may take. Raises TimeoutError where there are none."""
        return min(self.idle, self.left)

    @property
    def over(self) -> bool:
        """Whether all the time is used up."""
        return time.monotonic() >= self._end


class Answer:
    """A server's answer: `status`, and the bytes that follow it. Close it."""

    def __init__(self, response: http.client.HTTPResponse, address: Address, deadline: Deadline, who: str) -> None:
        self._response, self._deadline, self._who = response, deadline, who
        self.status, self.address = response.status, address

    def header(self, name: str) -> str:
        """A header's text, empty where it is missing."""
        return (self._response.headers.get(name) or "").strip()

    @property
    def length(self) -> int | None:
        """How many bytes the server announces. Raises TransferFailed where that is no number."""
        text = self.header("Content-Length")
        if not text or getattr(self._response, "chunked", False):
            return None
        if not (text.isascii() and text.isdecimal()):
            raise TransferFailed("the server announces a length that is not a number; try again later")
        digits = text.lstrip("0") or "0"
        return int(digits[:19]) if len(digits) < 20 else 10**19

    def read(self, size: int) -> bytes:
        """Up to `size` of the next bytes; none at the end. Raises TransferFailed."""
        try:
            return self._response.read1(size)
        except (OSError, http.client.HTTPException, ValueError) as problem:
            raise _explained(problem, self._deadline, self.address, self._who) from None

    def close(self) -> None:
        """Ends the connection, whatever may still come."""
        self._response.close()

    def __enter__(self) -> "Answer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def get(url: str, deadline: Deadline, headers: Mapping[str, str]) -> Answer:
    """The answer at an address, after redirects to http and https and nowhere else. Raises TransferFailed.

    Credentials in the address go to its own server only. The proxies of the environment are used.
    """
    try:
        address = parse(url)
        for _ in range(MAX_REDIRECTS + 1):
            answer = _ask(address, deadline, headers)
            if answer.status not in _REDIRECTS:
                return answer
            answer.close()
            location = answer.header("Location")
            if not location:
                raise TransferFailed("the server redirects without saying where to; check the address")
            # Headers are read as Latin-1, whatever they were written in.
            address = address.redirected(location.encode("latin-1", "replace").decode("utf-8", "surrogateescape"))
    except OddAddress as problem:
        raise TransferFailed(f"{problem}; check the address") from None
    raise TransferFailed(f"the server redirects more than {MAX_REDIRECTS} times; check the address")


def explain_status(answer: Answer) -> str:
    """A status that brings no file, as a clause that says what to do."""
    code = answer.status
    known = {
        401: "the server does not accept the user and password in the address (401); check them"
        if answer.address.credentials is not None
        else "the server wants a user and password (401); write them into the address, as in http://user:password@host/x.jpg",
        403: "the server does not give this file to you (403); check the address, it may have expired",
        404: "there is nothing at this address (404); check it",
        407: "the proxy wants a user and password (407); write them into http_proxy or https_proxy",
        410: "what was at this address has been removed (410)",
        429: "the server was asked too often (429); try again later, with fewer at a time",
    }
    if code in known:
        return known[code]
    if code >= 500:
        return f"the server is in trouble (it answered {code}); try again later"
    return f"the server answered {code} and no file; check the address"


def _ask(address: Address, deadline: Deadline, headers: Mapping[str, str]) -> Answer:
    """The answer to one request, a redirect as it is. Raises TransferFailed."""
    who = "the server"
    try:
        request = urllib.request.Request(address.url, headers={"User-Agent": "visioncli", **headers})
        if address.authorization:
            request.add_unredirected_header("Authorization", address.authorization)
        # Not `build_opener`: its redirects read whatever is sent with them, and would take credentials along.
        opener = urllib.request.OpenerDirector()
        for handler in (urllib.request.ProxyHandler(), _Http(deadline), _Https(deadline)):
            opener.add_handler(handler)
        try:
            response = opener.open(request, timeout=deadline.idle)
        finally:
            who = "the proxy" if request.has_proxy() or getattr(request, "_tunnel_host", None) else who
    except (OSError, http.client.HTTPException, ValueError) as problem:
        raise _explained(problem, deadline, address, who) from None
    if response is None:
        raise TransferFailed("the proxy that the environment names cannot be used; check http_proxy and https_proxy")
    return Answer(response, address, deadline, who)


def _explained(problem: BaseException, deadline: Deadline, address: Address, who: str) -> TransferFailed:
    while isinstance(problem, urllib.error.URLError) and isinstance(problem.reason, BaseException):
        problem = problem.reason
    return TransferFailed(_words(problem, deadline, address, who))


def _words(problem: BaseException, deadline: Deadline, address: Address, who: str) -> str:
    if isinstance(problem, TimeoutError):
        if deadline.over:
            return f"the transfer took longer than {deadline.total:g} s; try again later"
        return f"{who} did not answer within {deadline.idle:g} s; try again later"
    if isinstance(problem, socket.gaierror):
        name = address.host[:80] if who == "the server" else "of the proxy"
        return f"the name {name} cannot be looked up; check the address and the network"
    if isinstance(problem, ssl.SSLCertVerificationError):
        why = "".join(c for c in str(problem.verify_message) if c.isprintable())[:120].rstrip(". ")
        return f"{who}'s certificate is not trusted ({why}); check the address, the clock, and SSL_CERT_FILE"
    if isinstance(problem, ConnectionRefusedError):
        return f"{who} refused the connection; check the address, and that something listens there"
    if isinstance(problem, ConnectionError | ssl.SSLEOFError | http.client.IncompleteRead):
        return f"{who} closed the connection too early; try again later"
    if isinstance(problem, ssl.SSLError) and problem.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST"):
        return f"{who} does not speak https; perhaps the address begins with http://"
    if isinstance(problem, ssl.SSLError):
        return f"{who} offers no encryption that this machine accepts; check the address"
    if isinstance(problem, http.client.HTTPException):
        return f"what {who} answers is not http; check the address"
    if isinstance(problem, OSError) and problem.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL):
        return "there is no way to the server; check the network"
    if isinstance(problem, OSError) and problem.errno is not None:
        return f"the connection failed ({os.strerror(problem.errno)}); check the address and the network"
    if who == "the proxy":
        return "the proxy did not connect to the server; check http_proxy, https_proxy and no_proxy"
    return "the address cannot be used; check it, and http_proxy and https_proxy"


class _Wire(io.RawIOBase):
    """What comes from a socket: each read waits no longer than the deadline allows."""

    def __init__(self, sock: socket.socket, raw: io.RawIOBase, deadline: Deadline) -> None:
        self._sock, self._raw, self._deadline = sock, raw, deadline
        self.head_left: float = HEAD_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._deadline.patience)
        count = self._raw.readinto(buffer)
        self.head_left -= count or 0
        if self.head_left < 0:
            raise http.client.HTTPException("the head of the answer has no end")
        # What follows may be a handshake through a proxy.
        self._sock.settimeout(self._deadline.patience)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, deadline: Deadline, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self._wire = _Wire(sock, self.fp.detach(), deadline)
        self.fp = io.BufferedReader(self._wire)

    def begin(self) -> None:
        super().begin()
        self._wire.head_left = float("inf")


class _Connection(http.client.HTTPConnection):
    def __init__(self, *args: Any, deadline: Deadline, **options: Any) -> None:
        super().__init__(*args, **options)
        self._deadline = deadline
        self._create_connection = self._dial
        self.response_class = functools.partial(_Response, deadline=deadline)  # type: ignore[assignment]

    def _dial(self, place: tuple[str, int], *_: object) -> socket.socket:
        """A connection to the first address of a host that accepts one."""
        failed: OSError | None = None
        for family, kind, protocol, _name, where in _look_up(*place, self._deadline.left):
            patience = self._deadline.patience
            sock = socket.socket(family, kind, protocol)
            try:
                sock.settimeout(patience)
                sock.connect(where)
                sock.settimeout(self._deadline.patience)
            except OSError as problem:
                sock.close()
                failed = failed or problem
            except BaseException:
                sock.close()
                raise
            else:
                return sock
        raise failed or OSError(errno.EHOSTUNREACH, "no address")


class _SecureConnection(_Connection, http.client.HTTPSConnection):
    pass


class _Http(urllib.request.HTTPHandler):
    def __init__(self, deadline: Deadline) -> None:
        super().__init__()
        self._deadline = deadline

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(functools.partial(_Connection, deadline=self._deadline), req)


# Not an HTTPSHandler: that one reads the system's certificates anew each time.
class _Https(urllib.request.AbstractHTTPHandler):
    def __init__(self, deadline: Deadline) -> None:
        super().__init__()
        self._deadline = deadline

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
        connect = functools.partial(_SecureConnection, deadline=self._deadline, context=_trust(bundle))
        return self.do_open(connect, req)

    https_request = urllib.request.AbstractHTTPHandler.do_request_


def _look_up(host: str, port: int, seconds: float) -> list[Any]:
    """The addresses of a host. Raises OSError, TimeoutError after `seconds`."""
    # In a thread, which is left behind when time is up: nothing can interrupt the system's resolver.
    found: queue.SimpleQueue[list[Any] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found.put(list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
        except Exception as problem:  # noqa: BLE001 - raised by the thread that waits
            found.put(problem)

    threading.Thread(target=ask, name="look-up", daemon=True).start()
    try:
        answer = found.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(answer, Exception):
        raise answer
    return answer


@functools.cache
def _trust(bundle: str | None) -> ssl.SSLContext:
    """Whose certificates are trusted: those in `bundle`, else the system's, else (it has none) certifi's."""
    if bundle:
        is_folder = os.path.isdir(bundle)
        try:
            return ssl.create_default_context(
                cafile=None if is_folder else bundle, capath=bundle if is_folder else None
            )
        except OSError:
            raise TransferFailed(
                "the certificates that REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE names cannot be read; check it"
            ) from None
    context = ssl.create_default_context()
    paths = ssl.get_default_verify_paths()
    if not paths.cafile and not (paths.capath and os.listdir(paths.capath)):
        try:
            import certifi
        except ImportError:
            return context
        context.load_verify_locations(certifi.where())
    return context
