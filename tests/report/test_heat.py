import base64
from pathlib import Path

import numpy as np
from PIL import Image

import made_runs
from visioncli.report import heat
from visioncli.results import Explanation

from .judging import loaded


def explained(folder: Path, kind: str) -> Path:
    values = np.zeros((48, 64), np.float32)
    values[:, 32:] = 1
    path = folder / f"a.map.{kind}"
    folder.mkdir()
    if kind == "npy":
        np.save(path, values)
    else:
        Image.fromarray((values * 65535).astype(np.uint16)).save(path)
    one = Explanation("cat", 1, 0.9, "net", "gradcam", "conv", (3.0, 4.0), (0.0, 0.0, 9.0, 9.0), 0.5)
    return made_runs.write(folder, [made_runs.record("gradcam", "a", [one], files={"map": str(path)})])


def grid(folder: Path) -> np.ndarray:
    (run,), _, _ = loaded([folder])
    ((height, width, text),) = heat.columns(run)["heat"]
    return np.frombuffer(base64.b64decode(text), np.uint8).reshape(height, width)


def test_maps_are_read_from_both_kinds_of_file(tmp_path: Path) -> None:
    for kind in ("png", "npy"):
        found = grid(explained(tmp_path / kind, kind))
        assert found.shape == (30, 40)
        assert (found[:, :20] == 0).all()
        assert (found[:, 20:] == 255).all()


def test_maps_are_found_again_where_the_folder_has_moved(tmp_path: Path) -> None:
    explained(tmp_path / "out", "png").rename(tmp_path / "moved")
    assert grid(tmp_path / "moved").max() == 255


def test_without_maps_there_is_no_column(tmp_path: Path) -> None:
    folder = explained(tmp_path / "out", "png")
    (folder / "a.map.png").write_bytes(b"no picture")
    assert heat.columns(loaded([folder])[0][0]) == {}


def test_colours_are_those_of_annotated_pictures() -> None:
    assert len(base64.b64decode(heat.colours())) == 3 * 256
