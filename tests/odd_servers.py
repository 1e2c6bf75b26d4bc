"""Servers on this machine that say exactly what a test wants, byte for byte, and when."""

import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from PIL import Image

Script = Callable[[socket.socket, bytes], None]
"""What a server does with a connection, given the head of the request."""


@contextmanager
def serving(script: Script, *, read_head: bool = True) -> Iterator[int]:
    """Accepts connections on a free port of 127.0.0.1 and runs `script` on each; yields the port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def handle(sock: socket.socket) -> None:
            with sock, suppress(OSError):
                head = b""
                while read_head and b"\r\n\r\n" not in head and (more := sock.recv(65536)):
                    head += more
                script(sock, head)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    sock = listening.accept()[0]
                    threading.Thread(target=handle, args=(sock,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield listening.getsockname()[1]
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)


def saying(*parts: bytes) -> Script:
    """Says all parts at once and closes the connection."""
    return lambda sock, head: sock.sendall(b"".join(parts))


def trickling(start: bytes, drop: bytes, seconds: float = 0.02) -> Script:
    """Says `start`, and then `drop` again and again until the other side has gone."""

    def script(sock: socket.socket, head: bytes) -> None:
        sock.sendall(start)
        while True:
            sock.sendall(drop)
            time.sleep(seconds)

    return script


def answer(body: bytes = b"", status: str = "200 OK", *headers: str) -> bytes:
    """A whole answer; `headers` come after its length."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def png(colour: str = "red") -> bytes:
    """A small picture."""
    stream = io.BytesIO()
    Image.new("RGB", (40, 32), colour).save(stream, "PNG")
    return stream.getvalue()
