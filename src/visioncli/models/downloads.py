"""Weight files from a server: resumed, verified, and whole or not there at all.

Pooch decides where a file goes and moves it there when it is complete; what it lacks, going on after a broken
connection and hashes that are known only in part, is here.
"""

import json
import logging
import os
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from visioncli.errors import ModelUnavailable, UsageError
from visioncli.files import write_whole
from visioncli.models.row import Download
from visioncli.models.weights import cache_folder, sha256_of, stored_file

Progress = Callable[[str, int, int | None], None]
"""Called with the file's name, the bytes that are there, and how many there will be (None: not known)."""

CONNECT_SECONDS = 10.0
READ_SECONDS = 30.0
"""How long a server may stay silent."""
# So often in a row may a connection end without having brought a byte.
_FRUITLESS = 2
_CHUNK = 1 << 18


@dataclass(frozen=True, slots=True)
class Access:
    """What may be asked of the network: nothing at all (`offline`), or a `mirror` instead of the official server."""

    offline: bool = False
    mirror: str | None = None
    progress: Progress | None = None

    @classmethod
    def of(cls, offline: bool = False, mirror: str | None = None, progress: Progress | None = None) -> "Access":
        """The options, else `VISION_OFFLINE` and `VISION_WEIGHTS_MIRROR`. Raises UsageError for an odd mirror."""
        offline = offline or os.environ.get("VISION_OFFLINE", "").casefold() in ("1", "true", "yes", "on")
        mirror = mirror or os.environ.get("VISION_WEIGHTS_MIRROR") or None
        if mirror and not mirror.startswith(("http://", "https://")):
            raise UsageError(f"The mirror is an http or https address, not {mirror!r}.")
        return cls(offline, mirror, progress)

    def address(self, source: Download) -> str:
        """Where the file is fetched from."""
        return f"{self.mirror.rstrip('/')}/{source.file}" if self.mirror else source.url


class _CutOff(Exception):
    """The connection ended, or never came about, before the file was complete."""


def fetch(name: str, source: Download, access: Access, size_mib: float = 0.0) -> tuple[Path, str]:
    """The verified file of the network `name`, fetched where it is not in the cache, and its SHA-256.

    Raises ModelUnavailable, which says what to do by hand, where the file is neither here nor within reach.
    """
    path = stored_file(source)
    known = verified(source)
    if known is not None:
        return path, known
    if path.exists():
        if access.offline:
            raise ModelUnavailable(
                f"{path} is damaged: its SHA-256 does not begin with {source.hash_prefix}. "
                f"Copy the file again, or run `vision models pull {name}` with a network."
            )
        warnings.warn(f"{path} was damaged, so it is fetched again.", stacklevel=2)
    if access.offline:
        raise ModelUnavailable(_by_hand(name, source, access, size_mib, "this is offline mode"))
    from filelock import FileLock

    # Two processes that want the same file: the second waits and finds it there.
    partial = cache_folder() / "downloads" / ".partial"
    try:
        partial.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise ModelUnavailable(
            f"{path} cannot be written: {problem.strerror}. Set VISION_CACHE_DIR to a folder that can."
        ) from problem
    with FileLock(partial / f"{source.file}.lock"):
        known = verified(source)
        if known is None:
            with suppress(FileNotFoundError):
                path.unlink()
            _retrieve(name, source, access, size_mib, partial / f"{source.file}.part")
            known = verified(source)
    if known is None:
        raise ModelUnavailable(f"{path} vanished right after it was fetched. Run the command again.")
    return path, known


def verified(source: Download, *, thoroughly: bool = False) -> str | None:
    """The SHA-256 of the cached file; None where it is missing or not what it should be.

    The file is read only where its size is not the one noted when it was last read, or where `thoroughly` is set.
    """
    path = stored_file(source)
    try:
        size = path.stat().st_size
    except OSError:
        return None
    noted = _note(path)
    if not thoroughly and noted.get("size") == size and _agrees(str(noted.get("sha256")), source):
        return str(noted["sha256"])
    found = sha256_of(path)
    if not _agrees(found, source) or (noted.get("sha256") and noted["sha256"] != found):
        return None
    write_whole(_note_path(path), json.dumps({"size": size, "sha256": found}).encode())
    return found


def remove(source: Download) -> int:
    """Removes the cached file and what was fetched of it; how many bytes that freed."""
    path = stored_file(source)
    freed = 0
    partial = path.parent / ".partial"
    for part in (path, _note_path(path), partial / f"{path.name}.part", partial / f"{path.name}.lock"):
        with suppress(FileNotFoundError):
            freed += part.stat().st_size
            part.unlink()
    return freed


def _note_path(path: Path) -> Path:
    return path.with_name(path.name + ".json")


def _note(path: Path) -> dict[str, Any]:
    try:
        noted = json.loads(_note_path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return noted if isinstance(noted, dict) else {}


def _agrees(sha256: str, source: Download) -> bool:
    return len(sha256) == 64 and sha256.startswith(source.hash_prefix)


def _by_hand(name: str, source: Download, access: Access, size_mib: float, why: str) -> str:
    size = f" ({size_mib:.1f} MiB)" if size_mib else ""
    path = stored_file(source)
    return (
        f"The weights of {name} are not here, and {why}.\n"
        f"  file:     {source.file}{size}, from {access.address(source)}\n"
        f"  belongs:  {path}\n"
        f"  get it:   run `vision models pull {name}` on a connected machine; `vision models path {name}` there says "
        "where the file lies. Copy it to the place above."
    )


def _retrieve(name: str, source: Download, access: Access, size_mib: float, part: Path) -> None:
    import pooch

    pooch.get_logger().setLevel(logging.ERROR)  # it would report hashes to people on standard error
    path = stored_file(source)

    def download(url: str, output_file: str, manager: object) -> None:
        try:
            _resume(url, part, source, access)
        except _CutOff as problem:
            had = part.stat().st_size if part.exists() else 0
            kept = f"; {had:,} bytes are kept, and the next try goes on from there" if had else ""
            why = f"{url} cannot be fetched ({problem}{kept})"
            raise ModelUnavailable(_by_hand(name, source, access, size_mib, why)) from problem
        os.replace(part, output_file)

    known_hash = f"sha256:{source.sha256}" if source.sha256 else None
    try:
        pooch.retrieve(access.address(source), known_hash, fname=path.name, path=path.parent, downloader=download)
    except OSError as problem:
        raise ModelUnavailable(f"{path} cannot be written: {problem.strerror or problem}.") from problem


def _resume(url: str, part: Path, source: Download, access: Access) -> None:
    """Brings `part` to completion. Raises _CutOff, or ModelUnavailable where trying on is pointless."""
    resumed = part.exists() and part.stat().st_size > 0
    fruitless = 0
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            _stream(url, part, access)
        except _CutOff:
            if part.exists() and part.stat().st_size > before:
                fruitless = 0
                continue
            fruitless += 1
            if fruitless >= _FRUITLESS:
                raise
            continue
        found = sha256_of(part)
        if _agrees(found, source):
            return
        part.unlink()
        if not resumed:
            raise ModelUnavailable(
                f"What {url} sent is not the file that was published: its SHA-256 begins with {found[:8]}, "
                f"not with {source.hash_prefix[:8]}. Nothing was kept. Check the address or the mirror."
            )
        resumed = False  # its beginning may have come from another file: once more from the start


def _stream(url: str, part: Path, access: Access) -> None:
    """One request for what `part` still lacks, appended to it."""
    import requests
    import urllib3

    have = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": "visioncli", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    try:
        with requests.get(url, headers=headers, stream=True, timeout=(CONNECT_SECONDS, READ_SECONDS)) as answer:
            if answer.status_code == 416:
                part.unlink()  # longer than the whole file, so it is not a part of it
                raise _CutOff("the server has no such part")
            if answer.status_code >= 500:
                raise _CutOff(f"the server answered {answer.status_code}")
            if answer.status_code not in (200, 206):
                raise ModelUnavailable(
                    f"The server answered {answer.status_code} {answer.reason} for {url}. "
                    "Check the mirror, or try again later."
                )
            continues = answer.status_code == 206 and answer.headers.get("Content-Range", "").startswith(
                f"bytes {have}-"
            )
            if answer.status_code == 206 and not continues:
                part.unlink()
                raise _CutOff("the server sent another part than was asked for")
            start = have if continues else 0
            length = answer.headers.get("Content-Length")
            total = start + int(length) if length and length.isdecimal() else None
            done = start
            with part.open("ab" if continues else "wb") as file:
                # What has arrived is written at once: a buffer that fills first would be lost with the connection.
                while chunk := answer.raw.read1(_CHUNK, decode_content=False):
                    file.write(chunk)
                    done += len(chunk)
                    if access.progress:
                        access.progress(part.stem, done, total)
            if total is not None and done < total:
                raise _CutOff(f"the connection ended after {done:,} of {total:,} bytes")
    except (requests.ConnectionError, requests.Timeout, urllib3.exceptions.HTTPError) as problem:
        raise _CutOff(_reason(problem)) from problem
    except requests.RequestException as problem:
        raise ModelUnavailable(f"{url} cannot be fetched: {problem}.") from problem


def _reason(problem: BaseException) -> str:
    """The few words at the bottom of a chain of exceptions."""
    words = str(problem)
    for known, said in (
        ("Name or service not known", "the server's name is not known; is there a network?"),
        ("Temporary failure in name resolution", "the server's name cannot be looked up; is there a network?"),
        ("getaddrinfo failed", "the server's name cannot be looked up; is there a network?"),
        ("Connection refused", "the connection was refused"),
        ("Network is unreachable", "there is no network"),
        ("timed out", "the server did not answer in time"),
        ("IncompleteRead", "the connection ended too early"),
    ):
        if known in words:
            return said
    return type(problem).__name__
