"""What is in an input that is not one picture but holds some: each kind of holder has a file of its own."""

import os
from collections.abc import Iterator

from visioncli.inputs import archives
from visioncli.inputs.item import INSIDE, Item


def holds_many(item: Item) -> bool:
    """Whether there may be several inputs in it, as far as its name tells."""
    return not item.is_url and archives.is_archive(item.path)


def expand(item: Item, counts: archives.Counts) -> Iterator[Item]:
    """The item itself, or what is in it, as it comes by; `counts` says which members of archives are inputs."""
    if INSIDE in item.path and archives.names_member(item.path) and not os.path.lexists(item.path):
        yield archives.named(item)
    elif archives.is_archive(item.path) and os.path.isfile(item.path):
        yield from archives.members(item, counts)
    else:
        yield item


def lies_within(path: str) -> str | None:
    """The file that holds what such a path as `photos.zip!/a.jpg` names; None where it names nothing like that."""
    if archives.names_member(path) and not os.path.lexists(path):
        outer = path.partition(INSIDE)[0]
        return outer if os.path.isfile(outer) else None
    return None


def content_of(path: str) -> bytes | None:
    """The bytes of what a path such as `photos.zip!/a.jpg` names; None where it names nothing within another file.

    Raises InputError.
    """
    if archives.names_member(path) and not os.path.lexists(path):
        return archives.of_path(path)
    return None
