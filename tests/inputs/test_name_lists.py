"""Names of classes, one a line."""

from pathlib import Path

import pytest

from visioncli.errors import UsageError
from visioncli.inputs.name_lists import read_name_list


def test_names_are_one_a_line(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_text(" cat \nÜnß\n\n", encoding="utf-8")
    assert read_name_list(path) == ["cat", "Ünß"]
    for text in ("a\n\nb\n", ""):
        path.write_text(text)
        with pytest.raises(UsageError, match="one name a line"):
            read_name_list(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="UTF-8"):
        read_name_list(path)
    with pytest.raises(UsageError, match="cannot be read"):
        read_name_list(tmp_path / "absent")
