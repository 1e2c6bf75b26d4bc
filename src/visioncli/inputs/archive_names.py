"""Which paths name archives and their members; what reads them is loaded where there is one."""

from visioncli.inputs.item import INSIDE

ZIPS = (".zip", ".cbz")
TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tbz", ".tar.xz", ".txz", ".tar.zst", ".tzst", ".cbt")


def is_archive(name: str) -> bool:
    """Whether a file of this name is taken for an archive."""
    return name.lower().endswith((*ZIPS, *TARS))


def names_member(path: str) -> bool:
    """Whether a path names a member of an archive."""
    outer, inside, member = path.partition(INSIDE)
    return bool(inside and member) and is_archive(outer)
