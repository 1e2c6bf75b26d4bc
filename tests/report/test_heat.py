import base64
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import made_runs
from visioncli.predictions import Explanation
from visioncli.report import heat
from visioncli.report.recordings import LOOK
from visioncli.sounds.log_mel import centres, to_mel

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


def test_the_map_of_a_recording_lies_where_the_page_draws_its_pitches(tmp_path: Path) -> None:
    """64 bands of 50 to 4,000 Hz, on a page that draws 40 to 8,000."""
    values = np.zeros((64, 50), np.float32)
    low, high = np.linspace(*to_mel(np.array([50.0, 4000.0]), "htk"), 66)[[9, 58]]
    values[63 - 8, 10:20] = 1  # of the 9th band from below
    values[63 - 57, 30:40] = 1
    (tmp_path / "out").mkdir()
    np.save(tmp_path / "out" / "a.map.npy", values)
    one = Explanation("dog", 1, 0.9, "net", "gradcam", "conv", (3.0, 4.0), (0.0, 0.0, 9.0, 9.0), 0.5)
    files = {"map": str(tmp_path / "out" / "a.map.npy")}
    axis = {"pitches": {"lowest_hz": 50.0, "highest_hz": 4000.0, "scale": "htk"}}
    made_runs.write(tmp_path / "out", [made_runs.record("gradcam", "a.wav", [one], files=files, extra=axis)])
    found = grid(tmp_path / "out").astype(float)
    drawn = to_mel(centres(LOOK), "htk")[::-1]
    for columns, mel in ((slice(3, 6), low), (slice(9, 13), high)):
        rows = found[:, columns].sum(axis=1)
        row = float((rows * np.arange(len(rows))).sum() / rows.sum())
        assert np.interp(mel, drawn[::-1], np.arange(len(drawn))[::-1]) / len(drawn) * len(found) == pytest.approx(
            row + 0.5, abs=1
        )
    assert found[: len(found) // 4].max() == 0  # above 4 kHz nothing is heard


def test_without_maps_there_is_no_column(tmp_path: Path) -> None:
    folder = explained(tmp_path / "out", "png")
    (folder / "a.map.png").write_bytes(b"no picture")
    assert heat.columns(loaded([folder])[0][0]) == {}


def test_colours_are_those_of_annotated_pictures() -> None:
    assert len(base64.b64decode(heat.colours())) == 3 * 256
