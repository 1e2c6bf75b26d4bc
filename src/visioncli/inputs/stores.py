"""Objects in stores such as `s3://bucket/photos/` as inputs, through fsspec (extra `cloud`) and the store's driver.

Prefixes are listed one after the other while their objects are read; what a listing tells is asked for only once, and
an object that is named like a picture is fetched without a question before. Nothing else is looked up.
"""

import fnmatch
import glob
import os
import re
import threading
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, TypeVar

from visioncli.errors import InputError
from visioncli.inputs.addresses import split_credentials
from visioncli.inputs.item import Held, Item, failed, mirrored
from visioncli.inputs.limits import MAX_BYTES, TOTAL_SECONDS

T = TypeVar("T")

DRIVERS = {
    **dict.fromkeys(("s3", "s3a"), "s3fs"),
    **dict.fromkeys(("gs", "gcs"), "gcsfs"),
    **dict.fromkeys(("az", "abfs", "abfss"), "adlfs"),
    **dict.fromkeys(("sftp", "ssh"), "paramiko"),
    **{"hf": "huggingface_hub", "oss": "ossfs", "smb": "smbprotocol", "hdfs": "pyarrow", "webhdfs": "requests"},
    **{"ftp": "", "memory": ""},
}
"""Addresses that are read, and the package of each driver; of some, fsspec has it itself. No others: many of what
fsspec knows are no stores, but the files of this machine, or programs."""
_ADDRESS = re.compile(r"([a-z0-9]+)://", re.IGNORECASE)
_SECRET = re.compile(r"([?&;\s\"'](?:[\w.-]*(?:sig|token|key|secret|credential|password)[\w.-]*)=)[^&;\s\"']+", re.I)
MOST = 200
"""Letters of a store's own words in a sentence."""
_ENDING = re.compile(r"\.[A-Za-z0-9]{2,5}\Z")


def is_address(text: str) -> bool:
    """Whether `text` names something in a store."""
    found = _ADDRESS.match(text)
    return found is not None and found[1].lower() in DRIVERS


def objects(item: Item, excluded: Callable[[str], bool]) -> Iterator[Held]:
    """The objects that an address names, in the order of their names: itself, or those below a prefix or of a
    pattern that are not `excluded`. Hidden ones do not count. What cannot be listed is an input that fails."""
    text = item.path
    bare = split_credentials(text)[1]
    if (
        not glob.has_magic(bare)
        and not text.endswith("/")
        and _ENDING.search(bare.partition("://")[2].partition("/")[2])
    ):
        yield _object(text, item.relative, item.root, None)
        return
    found = False
    try:
        store = _store(text)
        start, pattern = _split_pattern(text)
        root = bare.partition("://")[2].rstrip("/").rpartition("/")[2] if not pattern else ""
        for name, facts in _walk(store, store.path(start), pattern):
            relative = mirrored(name)
            if not excluded(relative):
                found = True
                yield _object(f"{start.rstrip('/')}/{name}", relative, root, facts)
    except InputError as problem:
        yield failed(item, problem.kind, str(problem))
        return
    if not found:
        if not pattern and not text.endswith("/"):  # an object without an ending
            yield _object(text, item.relative, item.root, None)
        else:
            yield failed(item, "not_found", "There is no object that this address names. Check it.")


def fetch(address: str, size: int | None = None) -> bytes:
    """The bytes of an object, within the time and the size that downloads have. Raises InputError."""
    if size is not None and size > MAX_BYTES:
        raise _too_large()
    if size == 0:
        return b""
    store = _store(address)
    path = store.path(address)
    try:
        data = store.ask(lambda: store.system.cat_file(path, start=0, end=MAX_BYTES + 1))
    except InputError as problem:
        if problem.kind != "url_failed" or size is not None or store.size_of(path) != 0:
            raise
        data = b""  # of which no part can be asked for
    if len(data) > MAX_BYTES:
        raise _too_large()
    return bytes(data)


def _too_large() -> InputError:
    return InputError("too_large", f"The object is larger than {MAX_BYTES >> 20} MiB, the limit for downloads.")


class _Object:
    """Fetched once for all who want it, until it is let go."""

    def __init__(self, address: str, size: int | None) -> None:
        self._address, self._size = address, size
        self._data: bytes | None = None
        self._lock = threading.Lock()

    def content(self) -> bytes:
        """The bytes. Raises InputError."""
        with self._lock:
            if self._data is None:
                self._data = fetch(self._address, self._size)
            return self._data

    def done(self) -> None:
        """Lets them go."""
        self._data = None


def _object(address: str, relative: str, root: str, facts: dict[str, Any] | None) -> Held:
    size = facts.get("size") if facts else None
    stamp = "address"
    if facts:
        changed = next(
            (facts[k] for k in ("ETag", "etag", "LastModified", "mtime", "updated", "created") if k in facts), ""
        )
        stamp = f"{size}|{changed}"
    held = _Object(address, size if isinstance(size, int) else None)
    return Held(address, relative, root, held.content, stamp, "", True, done=held.done)


def _split_pattern(text: str) -> tuple[str, list[str]]:
    """The part of an address before its first wildcard, up to a slash, and the names behind it."""
    scheme, _, rest = text.partition("://")
    names = rest.split("/")
    first = next((n for n, name in enumerate(names) if glob.has_magic(name)), len(names))
    return f"{scheme}://{'/'.join(names[:first])}", names[first:]


def _walk(store: "_Store", base: str, pattern: list[str], above: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Names below `base` and what the listing tells of each, where they fit the pattern, if there is one."""
    below: dict[str, dict[str, Any]] = {}
    for facts in store.listed(f"{base.rstrip('/')}/{above}".rstrip("/") if above else base):
        name = str(facts["name"]).rstrip("/").rpartition("/")[2]
        if name and not name.startswith(".") and str(facts["name"]).rstrip("/") != f"{base}/{above}".rstrip("/"):
            below[name] = facts
    for name in sorted(below):
        path, facts = f"{above}{name}", below[name]
        if facts.get("type") == "directory":
            if not pattern or _may_lead(path.split("/"), pattern):
                yield from _walk(store, base, pattern, f"{path}/")
        elif not pattern or _fits(path.split("/"), pattern):
            yield path, facts


def _may_lead(names: list[str], pattern: list[str]) -> bool:
    """Whether something below such a folder may fit."""
    if "**" in pattern:
        first = pattern.index("**")
        names = names[:first]
    elif len(names) >= len(pattern):
        return False
    return all(map(fnmatch.fnmatchcase, names, pattern))


def _fits(names: list[str], pattern: list[str]) -> bool:
    if not pattern:
        return not names
    if pattern[0] == "**":
        return any(_fits(names[n:], pattern[1:] or ["*"]) for n in range(len(names)))
    return bool(names) and fnmatch.fnmatchcase(names[0], pattern[0]) and _fits(names[1:], pattern[1:])


class _Store:
    """A store and its driver; each question has to be answered in time. Raises InputError."""

    def __init__(self, scheme: str, system: Any, secret: str) -> None:
        self.system, self._scheme, self._secret = system, scheme, secret

    def path(self, address: str) -> str:
        """What the driver calls an address."""
        return str(self.system._strip_protocol(address))

    def listed(self, path: str) -> list[dict[str, Any]]:
        """What lies directly below a prefix."""
        try:
            return list(self.ask(lambda: self.system.ls(path, detail=True)))
        except InputError as problem:
            if problem.kind == "not_found":  # a prefix is nothing of its own in many stores
                return []
            raise

    def size_of(self, path: str) -> int | None:
        """The bytes of an object; None where that cannot be known."""
        try:
            size = self.ask(lambda: self.system.info(path)).get("size")
        except InputError:
            return None
        return size if isinstance(size, int) else None

    def ask(self, question: Callable[[], T]) -> T:
        """The driver's answer."""
        found: list[T] = []
        trouble: list[BaseException] = []

        def work() -> None:
            try:
                found.append(question())
            except BaseException as problem:  # noqa: BLE001 - told by whoever waits
                trouble.append(problem)

        # A driver that hangs cannot be ended, only left behind.
        thread = threading.Thread(target=work, name="store", daemon=True)
        thread.start()
        thread.join(TOTAL_SECONDS)
        if found:
            return found[0]
        if not trouble:
            raise InputError("url_failed", f"The store did not answer within {TOTAL_SECONDS:.0f} s; try again later.")
        raise self._explained(trouble[0])

    def _explained(self, problem: BaseException) -> InputError:
        if isinstance(problem, FileNotFoundError):
            return InputError("not_found", "There is no such object in the store. Check the address.")
        if isinstance(problem, PermissionError):
            return InputError(
                "permission_denied", "The store refuses access. Check the address, and the credentials of its driver."
            )
        words = in_words(problem, self._secret).removesuffix(".")
        return InputError("url_failed", f"The store could not be read ({words}); try again.")


def in_words(problem: BaseException, secret: str = "") -> str:
    """What a driver says, on one line, without what signs an address or logs in, nor the user's `secret`, a password
    or a name with one."""
    words = next((line.strip() for line in str(problem).splitlines() if line.strip()), "")
    for part in filter(None, (secret, *secret.split(":"))):
        words = words.replace(part, "***")
    words = re.sub(r"\?[^\s'\"]+", "?…", words)
    words = _SECRET.sub(r"\1***", re.sub(r"//[^/\s@]+@", "//***@", words))
    shown = words if len(words) <= MOST else words[: MOST - 1] + "…"
    return f"{type(problem).__name__}: {shown}".removesuffix(": ").removesuffix(".") + "."


def _store(address: str) -> _Store:
    scheme = address.partition("://")[0].lower()
    return _opened(scheme, address if split_credentials(address)[0] else _authority(address))


def _authority(address: str) -> str:
    """The address up to its bucket or host: one driver serves all of it."""
    scheme, _, rest = address.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}/"


@lru_cache(maxsize=64)
def _opened(scheme: str, address: str) -> _Store:
    driver = DRIVERS[scheme]
    missing = (
        f"Addresses that begin with {scheme}:// are read with %s, which is not installed. Install it: pip install "
    )
    try:
        import fsspec
    except ImportError:
        extra = f"'visioncli[cloud]' {driver}".rstrip()
        raise InputError("url_failed", missing % "fsspec" + extra) from None
    secret = split_credentials(address)[0]
    try:
        kind = fsspec.get_filesystem_class(scheme)
        system = kind(use_listings_cache=False, skip_instance_cache=True, **kind._get_kwargs_from_urls(address))
    except ImportError:
        raise InputError("url_failed", missing % (driver or "a driver of fsspec") + (driver or "fsspec")) from None
    except Exception as problem:  # noqa: BLE001 - drivers have errors of their own
        raise _Store(scheme, None, secret)._explained(problem) from None
    return _Store(scheme, system, secret)


def named(text: str) -> str:
    """What an object is called in a mirrored tree where its address is all that is known."""
    rest = split_credentials(text)[1].partition("://")[2]
    return mirrored("/".join(p for p in rest.split("/") if p)) if rest else "unnamed"


def base_name(text: str) -> str:
    """The last name in an address."""
    return os.path.basename(named(text)) or "unnamed"
