"""A package index on this machine (PEP 503) with wheels made for a test, and what it may do wrong."""

import hashlib
import http.server
import os
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from visioncli.models.row import Packaged


def write_wheel(path: Path, distribution: str, version: str, files: Mapping[str, bytes]) -> Path:
    """A wheel for every Python, with these files in it."""
    info = f"{distribution.replace('-', '_')}-{version}.dist-info"
    texts = {
        # No Python of today, for nothing is installed.
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\nRequires-Python: <3\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in (files | {name: text.encode() for name, text in texts.items()}).items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return path


class Index(http.server.ThreadingHTTPServer):
    """Serves the files of a folder; what it does wrong is set by the test."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder = folder
        folder.mkdir()
        self.asked: list[str] = []
        self.status = 0
        self.pause = 0.0
        self.cut_after: int | None = None

    def put(self, distribution: str, version: str, files: Mapping[str, bytes], member: str) -> Packaged:
        """Offers a wheel with these files; the source of `member` in it."""
        name = f"{distribution.replace('-', '_')}-{version}-py3-none-any.whl"
        data = write_wheel(self.folder / name, distribution, version, files).read_bytes()
        return Packaged(
            distribution=distribution,
            version=version,
            wheel=name,
            wheel_sha256=hashlib.sha256(data).hexdigest(),
            member=member,
            sha256=hashlib.sha256(files[member]).hexdigest(),
            wheel_mib=len(data) / 2**20,
        )

    @property
    def url(self) -> str:
        """What pip takes as its index."""
        return f"http://127.0.0.1:{self.server_port}/simple"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Index

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if self.server.status:
            self.send_error(self.server.status)
            return
        kind, _, name = self.path.strip("/").partition("/")
        if kind == "simple":
            stem = name.strip("/").replace("-", "_")
            files = sorted(path.name for path in self.server.folder.glob(f"{stem}-*"))
            if not files:
                self.send_error(404)
                return
            body = "".join(f'<a href="/files/{file}">{file}</a>\n' for file in files).encode()
            self._send(body, "text/html", 1 << 20)
            return
        with suppress(OSError):  # pip was ended meanwhile
            self._send((self.server.folder / name).read_bytes(), "application/octet-stream", 1 << 16)

    def _send(self, body: bytes, kind: str, step: int) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        end = len(body) if kind == "text/html" or self.server.cut_after is None else self.server.cut_after
        for at in range(0, min(end, len(body)), step):
            self.wfile.write(body[at : min(at + step, end)])
            self.wfile.flush()
            if kind != "text/html":
                time.sleep(self.server.pause)

    def log_message(self, *args: Any) -> None:
        """Nothing to standard error."""


@contextmanager
def serving_index(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    """An empty index, and an environment in which pip knows no other one."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with Index(folder) as index:
        settings = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": index.url, "PIP_RETRIES": "0", "PIP_TIMEOUT": "5"}
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        thread = threading.Thread(target=index.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield index
        index.shutdown()
