"""Files of a set as another library's reader wants them: in one folder, under their own names."""

import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from visioncli.labelled.interface import SetError
from visioncli.labelled.trees import Tree

MOST_BYTES = 2 << 30
"""No file of a standard set is larger."""


@contextmanager
def in_folder(tree: Tree, names: Iterable[str], folder: str = "") -> Iterator[Path]:
    """A temporary folder in which, below `folder`, the files `names` of a tree lie: links to them where they are
    files of their own, else copies. Raises SetError."""
    with tempfile.TemporaryDirectory(prefix="vision-") as temporary:
        place = Path(temporary) / folder
        place.mkdir(parents=True, exist_ok=True)
        for name in names:
            target = place / name.rpartition("/")[2]
            if tree.content(name) is None:
                os.symlink(os.path.abspath(tree.path(name)), target)
            else:
                target.write_bytes(tree.read(name, MOST_BYTES))
        yield Path(temporary)


@contextmanager
def unpacked(archive: str, wanted: frozenset[str]) -> Iterator[Path]:
    """A temporary folder with those files of a .tar or .tar.gz whose names, without folders, are `wanted`.

    What else lies in it is left there; no name in the archive becomes a path. Raises SetError where it is damaged.
    """
    with tempfile.TemporaryDirectory(prefix="vision-") as temporary:
        try:
            with tarfile.open(archive) as packed:
                for member in packed:
                    name = member.name.rpartition("/")[2]
                    if name in wanted and member.isfile() and (stream := packed.extractfile(member)):
                        if member.size > MOST_BYTES:
                            raise SetError(
                                f"{archive}: {name} in it is too large for what it is called.", "too_large"
                            )
                        with (Path(temporary) / name).open("wb") as target:
                            shutil.copyfileobj(stream, target, 1 << 20)
        except (tarfile.TarError, EOFError, zlib.error, OSError) as problem:
            reason = problem.strerror if isinstance(problem, OSError) and problem.strerror else "it is damaged"
            raise SetError(f"{archive}: the archive cannot be read: {reason}. Copy or download it again.") from None
        yield Path(temporary)
