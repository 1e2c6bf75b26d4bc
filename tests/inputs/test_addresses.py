import pytest

from visioncli.inputs.addresses import (
    OddAddress,
    fingerprint,
    parse,
    presentable,
    split_credentials,
    without_credentials,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://user:secret@host/x.jpg", "http://***@host/x.jpg"),
        ("HTTPS://user@host:8443/x.jpg?a=b@c", "HTTPS://***@host:8443/x.jpg?a=b@c"),
        ("http://us%40er:se%2Fcret@host/", "http://***@host/"),
        ("http://a:b@c:secret@host/", "http://***@host/"),
        ("http://user:sec/ret@host/x", "http://***@host/x"),
        ("http://user:sec#ret@host/x", "http://***@host/x"),
        ("http://user:sec?ret@host/x", "http://***@host/x"),
        ("http://user:/secret@host/x", "http://***@host/x"),
        ("http://:?secret@host/x", "http://***@host/x"),
        ("http://user:secret@[::1", "http://***@[::1"),
        ("http://user:sec\nret@host/x", "http://***@host/x"),
        ("http:/user:secret@host/x", "http:/***@host/x"),
        (" ftp://user:secret@host/x", " ftp://***@host/x"),
        ("http://host/x@y.jpg?signature=abc", "http://host/x@y.jpg?signature=abc"),
        ("http://host:8080/~@y", "http://host:8080/~@y"),
        ("photos/a@b.jpg", "photos/a@b.jpg"),
    ],
)
def test_user_and_password_are_not_shown(text: str, shown: str) -> None:
    assert without_credentials(text) == shown


def test_credentials_go_apart_from_the_rest() -> None:
    assert split_credentials("http://user:secret@host/x") == ("user:secret", "http://host/x")
    assert split_credentials("http://host/x") == ("", "http://host/x")


def test_fingerprints_tell_credentials_apart_and_do_not_hold_them() -> None:
    one, other = (fingerprint(f"http://{given}@host/x") for given in ("user:secret", "user:secret2"))
    assert one != other
    assert b"secret" not in one
    assert fingerprint("http://user:secret@host/y") == one
    assert fingerprint("http://user:secret@elsewhere/x") != one
    assert fingerprint("http://host/x") == fingerprint("photos/a.jpg") == b""


def test_an_address_in_a_message_is_one_short_printable_line() -> None:
    shown = presentable("http://user:secret@host/\x1b[31m\n\u202e" + "x" * 100_000)
    assert (shown.isascii() and shown[:-1].isprintable()) or shown.endswith("…")
    assert len(shown) == 120
    assert "secret" not in shown


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("HTTP://Host", "http://host/"),
        ("http://host?q#fragment", "http://host/?q"),
        ("http://host:80/a b/é\udcff\n", "http://host/a%20b/%C3%A9%FF%0A"),
        ("https://host:443/%20", "https://host/%20"),
        ("http://bücher.example/x", "http://xn--bcher-kva.example/x"),
        ("http://[::1]:8080/", "http://[::1]:8080/"),
        ("http://host:/x", "http://host/x"),
        ("http://host.:8080", "http://host.:8080/"),
    ],
)
def test_addresses_are_quoted_as_browsers_do(text: str, url: str) -> None:
    assert parse(text).url == url


@pytest.mark.parametrize(
    "text",
    [
        "http://",
        "http:///x",
        "http://[::1",
        "http://[zz]/",
        "http://:80/",
        "http://host:99999/",
        "http://host:0/",
        "http://host:abc/",
        "http://host:1" + "0" * 5000,
        "http://a b/",
        "http://a\nb/",
        "http://a..b/",
        f"http://{'a' * 64}/",
        f"http://{'a.' * 200}/",
        "http://user:sec/ret@host/",
        "http://user:/secret@host/",
        "http://ho%zzst/",
        "ftp://host/",
    ],
)
def test_what_makes_no_sense_is_refused_in_words_without_the_password(text: str) -> None:
    with pytest.raises(OddAddress) as caught:
        parse(text)
    assert str(caught.value).isprintable()
    assert "secret" not in str(caught.value) and "sec/ret" not in str(caught.value)


def test_credentials_are_unquoted_and_sent_as_basic_authorization() -> None:
    assert parse("http://host/").authorization is None
    assert parse("http://@host/").authorization is None
    assert parse("http://Aladdin:open%20sesame@host/").authorization == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
    assert "sesame" not in repr(parse("http://Aladdin:sesame@host/")) + parse("http://Aladdin:sesame@host/").url


def test_a_redirect_takes_credentials_along_on_its_own_server_only() -> None:
    start = parse("http://user:secret@host/x")
    assert start.redirected("/y").credentials == "user:secret"
    assert start.redirected("http://HOST:80/y").credentials == "user:secret"
    for elsewhere in ("https://host/y", "http://host:81/y", "http://other/y", "//other/y", "http://host.other/y"):
        assert start.redirected(elsewhere).credentials is None
    assert start.redirected("http://you:too@other/y").credentials == "you:too"
    assert start.redirected("http://you:too@host/y").credentials == "you:too"


@pytest.mark.parametrize("where", ["file:///etc/passwd", "FTP://u:secret@host/", "data:,x", "http://["])
def test_a_redirect_leads_to_http_and_nowhere_else(where: str) -> None:
    with pytest.raises(OddAddress) as caught:
        parse("http://host/").redirected(where)
    assert "secret" not in str(caught.value)
