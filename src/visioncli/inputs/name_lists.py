"""Names of classes in a text file, one a line."""

from pathlib import Path

from visioncli.errors import UsageError
from visioncli.inputs.small_files import read_small


def read_name_list(path: Path) -> list[str]:
    """The names in a text file, one a line; blank lines at its end do not count. Raises UsageError."""
    try:
        names = read_small(path, "class names").decode("utf-8-sig").rstrip().splitlines()
    except OSError as problem:
        raise UsageError(f"The names in {path} cannot be read: {problem.strerror or problem}.") from problem
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text; it must hold one name a line.") from None
    if not names or any(not name.strip() for name in names):
        raise UsageError(f"{path} must hold one name a line, with none left blank.")
    return [name.strip() for name in names]
