"""Where results go in object stores: file systems behind addresses such as `s3://bucket/run`, through fsspec."""

import re
from typing import Any

from visioncli.errors import UsageError, missing_extra
from visioncli.inputs.addresses import is_url, without_credentials
from visioncli.inputs.stores import DRIVERS, in_words

_SCHEME = re.compile(r"([a-z][a-z0-9+.\-]*)://", re.IGNORECASE)


def is_store(text: str) -> bool:
    """Whether `text` is an address that fsspec may know: with a scheme other than http, https and file."""
    found = _SCHEME.match(text)
    return found is not None and not is_url(text) and found[1].lower() != "file"


def open_store(address: str) -> tuple[Any, str]:
    """The file system behind an address, and the address's path on it. Nothing is asked of a server yet.

    Raises ModelUnavailable where fsspec is missing, UsageError where its driver is, or where none is known.
    """
    try:
        import fsspec
    except ImportError:
        raise missing_extra("fsspec", "cloud") from None
    scheme = address.partition("://")[0].lower()
    shown = without_credentials(address)
    try:
        system, path = fsspec.core.url_to_fs(address)
    except ImportError as problem:
        driver = DRIVERS.get(scheme)
        how = f"the package {driver}, which is not installed: pip install {driver}" if driver else in_words(problem)
        raise UsageError(f"{shown} needs {how}") from None
    except Exception as problem:  # noqa: BLE001 - each driver raises what it likes
        raise UsageError(f"{shown} cannot be used: {in_words(problem)}") from None
    return system, str(path)
