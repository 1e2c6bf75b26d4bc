"""What is in an input that is not one picture but holds some: each kind of holder has a file of its own."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from visioncli.inputs import lists, pages, stores
from visioncli.inputs.archive_names import is_archive, names_member
from visioncli.inputs.item import INSIDE, Item
from visioncli.inputs.pages import Paging

if TYPE_CHECKING:
    from visioncli.inputs.archives import Counts


@dataclass(frozen=True, slots=True)
class Inside:
    """What counts within an input: members of archives for which `counts` says so, objects that are not `excluded`,
    the pages of `paging`, and the `column` of a list, of which `listed` finds what its paths name."""

    counts: "Counts"
    excluded: Callable[[str], bool]
    paging: Paging
    column: str | None
    listed: lists.Listed


def holds_many(item: Item, paging: Paging, column: str | None) -> bool:
    """Whether there may be several inputs in it, as far as its name tells."""
    if item.is_url:
        return False
    if _is_stored(item.path) or (column is not None and lists.is_list(item.path)):
        return True
    return is_archive(item.path) or (paging.wanted and pages.has_pages(item.path, paging))


def expand(item: Item, inside: Inside) -> Iterator[Item]:
    """The item itself, or what is in it, as it comes by."""
    paging, column = inside.paging, inside.column
    if _is_stored(item.path):
        yield from stores.objects(item, inside.excluded)
    elif _names_member(item.path):
        from visioncli.inputs import archives

        yield archives.named(item)
    elif (found := pages.split_page(item.path)) is not None:
        yield pages.named(item, *found, paging)
    elif (row := lists.split_row(item.path)) is not None:
        yield lists.named(item, *row)
    elif column is not None and lists.is_list(item.path) and os.path.isfile(item.path):
        yield from lists.rows(item, column, inside.listed)
    elif is_archive(item.path) and os.path.isfile(item.path):
        from visioncli.inputs import archives

        yield from archives.members(item, inside.counts)
    elif pages.has_pages(item.path, paging) and os.path.isfile(item.path):
        yield from pages.pages(item, paging)
    else:
        yield item


def _is_stored(path: str) -> bool:
    return "://" in path and stores.is_address(path) and not os.path.lexists(path)


def _names_member(path: str) -> bool:
    return INSIDE in path and names_member(path) and not os.path.lexists(path)


def lies_within(path: str) -> str | None:
    """The file that holds what such a path as `photos.zip!/a.jpg` names; None where it names nothing like that."""
    outer = None
    if _names_member(path):
        outer = path.partition(INSIDE)[0]
    elif (found := pages.split_page(path)) is not None:
        outer = found[0]
    elif (row := lists.split_row(path)) is not None:
        outer = row[0]
    elif path.lower().endswith(pages.PDFS):
        outer = path
    return outer if outer is not None and os.path.isfile(outer) else None


def content_of(path: str, paging: Paging = Paging()) -> bytes | None:  # noqa: B008 - frozen
    """The bytes of what a path such as `photos.zip!/a.jpg` names; None where it names nothing within another file.

    Raises InputError, OSError.
    """
    if _is_stored(path):
        return stores.fetch(path)
    if _names_member(path):
        from visioncli.inputs import archives

        return archives.of_path(path)
    if lies_within(path) is None:
        return None
    if (row := lists.split_row(path)) is not None:
        return lists.one(*row)
    return pages.one(*(pages.split_page(path) or (path, 1)), paging)
