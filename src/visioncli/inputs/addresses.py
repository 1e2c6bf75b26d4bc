"""http(s) addresses as people write them: taken apart, fit to be sent, and shown without user and password."""

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from urllib.parse import quote, unquote, urljoin

# Schemes other than ours, and a slash too few: what is mistyped must not be shown with its password either.
_PARTS = re.compile(
    r"(?P<scheme>\s*(?:https?://?|[a-z][a-z0-9+.\-]*://))(?P<authority>[^/?#]*)(?P<rest>.*)", re.I | re.DOTALL
)
_HOST_AND_PORT = re.compile(r"(?P<host>\[[^\[\]]*\]|[^:\[\]]+)(?::(?P<port>[0-9]+))?")
_SAFE = ":/?#[]@!$&'()*+,;=%~-._"
_DEFAULT_PORTS = {"http": 80, "https": 443}


class OddAddress(Exception):
    """Not an address that can be asked for anything. Its text is a clause that never holds a password."""


def is_url(text: str) -> bool:
    """Whether `text` is an http or https address."""
    return text[:8].lower().startswith(("http://", "https://"))


def path_of(text: str) -> str:
    """The path that a `file:` address of this machine names; `text` itself where it is no such address."""
    found = re.fullmatch(r"file:(?://(?:localhost)?)?(/[^/].*|/)", text, re.IGNORECASE | re.DOTALL)
    return unquote(found[1], errors="surrogateescape") if found else text


def split_credentials(text: str) -> tuple[str, str]:
    """User and password as they are written before the host of an address, and the text without them.

    Empty, and the text itself, where there are none.
    """
    found = _PARTS.match(text)
    if not found:
        return "", text
    given, at, host = found["authority"].rpartition("@")
    rest = found["rest"]
    if not at and "@" in rest and not _HOST_AND_PORT.fullmatch(found["authority"]):
        # A password with a slash that is not quoted: rather too much is taken for it than too little.
        inner, _, rest = rest.rpartition("@")
        given, host = f"{found['authority']}{inner}", ""
    return given, f"{found['scheme']}{host}{rest}"


def without_credentials(text: str) -> str:
    """`text` with `***` in place of a user and password: for records, names and messages."""
    given, bare = split_credentials(text)
    if not given:
        return text
    scheme = _PARTS.match(text)["scheme"]  # type: ignore[index]
    return f"{scheme}***@{bare[len(scheme) :]}"


def fingerprint(text: str) -> bytes:
    """What tells an address from all others, without giving its password away.

    Bytes that end up in files could be tried against lists of passwords: it takes long to make them.
    """
    given, bare = split_credentials(text)
    found = _PARTS.match(bare)
    return _slow_hash(given, found["authority"] if found else "") if given else b""


@lru_cache(maxsize=1024)
def _slow_hash(secret: str, salt: str) -> bytes:
    import hashlib

    return hashlib.pbkdf2_hmac("sha256", _raw(secret), b"visioncli " + _raw(salt), 200_000)


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def presentable(text: str, most: int = 120) -> str:
    """An address for a message: no password, one line, ASCII, not too long."""
    shown = quote(without_credentials(text), safe=_SAFE, errors="surrogateescape")
    return shown if len(shown) <= most else shown[: most - 1] + "…"


@dataclass(frozen=True, slots=True)
class Address:
    """An http(s) address: `target` is path and query, quoted; `credentials` is `user:password`, or None."""

    scheme: str
    host: str
    port: int
    target: str
    credentials: str | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """The whole address, without credentials and fragment."""
        port = "" if self.port == _DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}{self.target}"

    @property
    def authorization(self) -> str | None:
        """The header that carries the credentials (RFC 7617)."""
        if self.credentials is None:
            return None
        import base64

        return "Basic " + base64.b64encode(_raw(self.credentials)).decode()

    def redirected(self, location: str) -> "Address":
        """Where a redirect leads. Credentials stay with the server that they were given for. Raises OddAddress."""
        try:
            target = urljoin(self.url, location)
        except ValueError:
            raise OddAddress("the server redirects to an address that makes no sense") from None
        if not is_url(target):
            scheme = re.match(r"[a-z][a-z0-9+.\-]{,20}:", target, re.I)
            where = scheme[0] if scheme else "an address"
            raise OddAddress(f"the server redirects to {where} which is neither http nor https")
        there = parse(target)
        same = (there.scheme, there.host, there.port) == (self.scheme, self.host, self.port)
        return replace(there, credentials=self.credentials) if same and there.credentials is None else there


def parse(text: str) -> Address:
    """The address in `text`; blanks and other letters are quoted as browsers do. Raises OddAddress."""
    found = _PARTS.fullmatch(text)
    if not found or not is_url(text):
        raise OddAddress("the address does not begin with http:// or https://")
    scheme = found["scheme"].partition(":")[0].lower()
    given, at, place = found["authority"].rpartition("@")
    if not at and split_credentials(text)[0]:
        raise OddAddress("a / ? or # in the user or password of an address is written as %2F, %3F or %23")
    host_and_port = _HOST_AND_PORT.fullmatch(place.removesuffix(":"))
    if not host_and_port:
        raise OddAddress("the address has no valid host and port")
    port = host_and_port["port"] or str(_DEFAULT_PORTS[scheme])
    if len(port) > 5 or not 0 < int(port) < 65536:
        raise OddAddress("the port in the address is not a number from 1 to 65535")
    target = found["rest"].partition("#")[0]
    target = quote(target if target.startswith("/") else "/" + target, safe=_SAFE, errors="surrogateescape")
    user, _, password = given.partition(":")
    credentials = f"{_unquoted(user)}:{_unquoted(password)}" if given else None
    return Address(scheme, _host(host_and_port["host"]), int(port), target, credentials)


def _unquoted(text: str) -> str:
    return unquote(text, errors="surrogateescape")


def _host(text: str) -> str:
    """A host's name in ASCII, or an IPv6 address in brackets. Raises OddAddress."""
    if text.startswith("["):
        if not re.fullmatch(r"\[[0-9A-Fa-f:.]+(%25[\w.\-]+|%[\w.\-]+)?\]", text, re.ASCII):
            raise OddAddress("what stands between brackets in the address is no IPv6 address")
        return text.lower()
    try:
        name = unquote(text, errors="strict").encode("idna").decode("ascii").lower()
    except UnicodeError:
        name = ""
    if not re.fullmatch(r"[\w.\-~]{1,254}", name, re.ASCII):
        raise OddAddress("the host in the address is not a name that a host can have")
    return name
