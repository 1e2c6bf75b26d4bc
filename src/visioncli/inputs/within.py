"""What is in an input that is not one picture but holds some: each kind of holder has a file of its own."""

import os
from collections.abc import Iterator

from visioncli.inputs import archives, pages
from visioncli.inputs.item import INSIDE, Item
from visioncli.inputs.pages import Paging


def holds_many(item: Item, paging: Paging) -> bool:
    """Whether there may be several inputs in it, as far as its name tells."""
    if item.is_url:
        return False
    return archives.is_archive(item.path) or (paging.wanted and pages.has_pages(item.path, paging))


def expand(item: Item, counts: archives.Counts, paging: Paging) -> Iterator[Item]:
    """The item itself, or what is in it, as it comes by; `counts` says which members of archives are inputs."""
    if _names_member(item.path):
        yield archives.named(item)
    elif (found := pages.split_page(item.path)) is not None:
        yield pages.named(item, *found, paging)
    elif archives.is_archive(item.path) and os.path.isfile(item.path):
        yield from archives.members(item, counts)
    elif pages.has_pages(item.path, paging) and os.path.isfile(item.path):
        yield from pages.pages(item, paging)
    else:
        yield item


def _names_member(path: str) -> bool:
    return INSIDE in path and archives.names_member(path) and not os.path.lexists(path)


def lies_within(path: str) -> str | None:
    """The file that holds what such a path as `photos.zip!/a.jpg` names; None where it names nothing like that."""
    outer = None
    if _names_member(path):
        outer = path.partition(INSIDE)[0]
    elif (found := pages.split_page(path)) is not None:
        outer = found[0]
    elif path.lower().endswith(pages.PDFS):
        outer = path
    return outer if outer is not None and os.path.isfile(outer) else None


def content_of(path: str, paging: Paging = Paging()) -> bytes | None:  # noqa: B008 - frozen
    """The bytes of what a path such as `photos.zip!/a.jpg` names; None where it names nothing within another file.

    Raises InputError, OSError.
    """
    if _names_member(path):
        return archives.of_path(path)
    if lies_within(path) is None:
        return None
    return pages.one(*(pages.split_page(path) or (path, 1)), paging)
