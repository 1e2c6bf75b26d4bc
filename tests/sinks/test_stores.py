import pytest

from visioncli.sinks.stores import is_store, open_store


@pytest.mark.parametrize("text", ["s3://bucket/a", "gs://b", "AZ://b", "memory://x", "hf://datasets/a/b"])
def test_addresses_with_other_schemes_are_stores(text: str) -> None:
    assert is_store(text)


@pytest.mark.parametrize("text", ["photos", "/a/b", "http://x/y", "HTTPS://x", "file:///tmp/a", "a:b", "s3:/x", "-"])
def test_folders_and_web_pages_are_none(text: str) -> None:
    assert not is_store(text)


def test_an_address_is_opened_with_its_path() -> None:
    system, path = open_store("memory://bucket/run")
    assert path == "/bucket/run" and "memory" in system.protocol
