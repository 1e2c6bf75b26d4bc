"""A picture over http or https: with a time-out, a size limit, and a sentence when it does not answer."""

import http.client
import socket
import time
import urllib.error
import urllib.request
from typing import IO

from visioncli.errors import InputError

TIMEOUT_SECONDS = 10.0
"""How long a server may stay silent."""
TOTAL_SECONDS = 60.0
"""How long one picture may take in all, so that a trickle cannot hold up a batch."""
MAX_BYTES = 256 << 20


class _HttpOnly(urllib.request.HTTPRedirectHandler):
    """Follows redirects to http and https and nowhere else (not file:, not ftp:)."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if not newurl.lower().startswith(("http://", "https://")):
            raise InputError("url_failed", f"The server redirects to {newurl[:80]}, which is not http or https.")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def fetch(
    url: str, *, timeout: float = TIMEOUT_SECONDS, total: float = TOTAL_SECONDS, limit: int = MAX_BYTES
) -> bytes:
    """The bytes at an http(s) address. Raises InputError("url_failed" or "too_large")."""
    opener = urllib.request.build_opener(_HttpOnly)
    headers = {"User-Agent": "visioncli", "Accept": "image/*,*/*;q=0.5"}
    deadline = time.monotonic() + total
    try:
        request = urllib.request.Request(_quoted(url), headers=headers)
        with opener.open(request, timeout=timeout) as answer:
            announced = int(answer.headers.get("Content-Length") or 0)
            chunks, size = [], 0
            while size <= limit >= announced and (chunk := answer.read1(1 << 16)):
                chunks.append(chunk)
                size += len(chunk)
                if time.monotonic() > deadline:
                    raise InputError("url_failed", f"The download took longer than {total:.0f} s. Try again later.")
    except urllib.error.HTTPError as problem:
        message = f"The server answered {problem.code} {problem.reason}. Check the address."
        problem.close()
        raise InputError("url_failed", message) from None
    except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError) as problem:
        reason = getattr(problem, "reason", problem)
        if isinstance(reason, TimeoutError | socket.timeout):
            raise InputError("url_failed", f"The server did not answer within {timeout:.0f} s.") from None
        raise InputError(
            "url_failed", f"The address could not be fetched ({reason}). Check it and the network."
        ) from None
    if max(size, announced) > limit:
        raise InputError(
            "too_large",
            f"The file at this address is larger than {limit >> 20} MiB, the limit for downloads.",
        )
    if size < announced:
        raise InputError("url_failed", f"The connection ended after {size:,} of {announced:,} bytes. Try again.")
    return b"".join(chunks)


def _quoted(url: str) -> str:
    """Blanks and non-ASCII letters as browsers send them."""
    return urllib.request.quote(url, safe=":/?#[]@!$&'()*+,;=%~-._")  # type: ignore[attr-defined,no-any-return]
