"""A picture over http or https: with a time-out, a size limit, and a sentence when it does not answer."""

import io
import zlib

from visioncli.errors import InputError
from visioncli.inputs.limits import MAX_BYTES, TIMEOUT_SECONDS, TOTAL_SECONDS
from visioncli.inputs.transfer import Answer, Deadline, TransferFailed, explain_status, get

_CHUNK = 1 << 16
_PACKED = ("gzip", "x-gzip", "deflate")


def fetch(
    url: str, *, timeout: float = TIMEOUT_SECONDS, total: float = TOTAL_SECONDS, limit: int = MAX_BYTES
) -> bytes:
    """The bytes at an http(s) address, within `total` seconds whatever the server does.

    A user and password in the address are sent to its server and to no other. Raises InputError("url_failed",
    "too_large", or "unreadable_picture" for a web page).
    """
    try:
        with get(url, Deadline(total, timeout), {"Accept": "image/*,*/*;q=0.5"}) as answer:
            if answer.status not in (200, 203):
                raise TransferFailed(explain_status(answer))
            data = _body(answer, limit)
            is_html = answer.header("Content-Type").lower().startswith("text/html")
    except TransferFailed as problem:
        words = str(problem)
        raise InputError("url_failed", f"{words[0].upper()}{words[1:]}.") from None
    start = data[:512].lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")) or (is_html and start.startswith(b"<")):
        raise InputError(
            "unreadable_picture",
            "The address answers with a web page, not a picture. Open it in a browser, and take the address of the "
            "picture itself.",
        )
    return data


def _body(answer: Answer, limit: int) -> bytes:
    """What the answer holds, unpacked where the server packed it. Raises TransferFailed, InputError."""
    coding = answer.header("Content-Encoding").lower()
    if coding not in ("", "identity", *_PACKED):
        raise TransferFailed("the server sends the file packed in a way that was not asked for; check the address")
    announced = answer.length
    unpack = zlib.decompressobj(zlib.MAX_WBITS | 32) if coding in _PACKED else None
    body, received = io.BytesIO(), 0
    while max(received, body.tell(), announced or 0) <= limit and (chunk := answer.read(_CHUNK)):
        received += len(chunk)
        try:
            body.write(unpack.decompress(chunk, limit + 1 - body.tell()) if unpack else chunk)
        except zlib.error:
            raise TransferFailed("the server sends the file packed, and damaged; try again later") from None
    if max(received, body.tell(), announced or 0) > limit:
        raise InputError(
            "too_large",
            f"The file at this address is larger than {limit >> 20} MiB, the limit for downloads. "
            "Fetch it with another program, and give the file.",
        )
    if announced is not None and received < announced:
        raise TransferFailed(f"the connection ended after {received:,} of {announced:,} bytes; try again")
    if unpack and received and not unpack.eof:
        raise TransferFailed("the connection ended before the whole file was there; try again")
    return body.getvalue()
