import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sinks.samples import failed, folder, outcome, record
from visioncli.predictions import Explanation
from visioncli.runner import Outcome
from visioncli.sinks.heat import HeatSink
from visioncli.tasks.gradcam.heat import packed, unpacked


def explanation(label: str) -> Explanation:
    return Explanation(label, 1, 0.5, "tiny", "gradcam", "last", (1.0, 1.0), (0.0, 0.0, 2.0, 2.0), 0.5)


def given() -> Outcome:
    heats = [np.random.default_rng(n).random((7, 7)).astype(np.float32) for n in range(2)]
    arrays = packed(0, heats[0] / heats[0].max(), (0, 0, 120, 100)) | packed(1, heats[1], (10, 0, 110, 100))
    return outcome(record("gradcam", "cat.jpg", explanation("tabby"), explanation("tiger cat")), arrays=arrays)


def test_a_map_is_a_picture_of_16_bits_at_the_pictures_size(tmp_path: Path) -> None:
    files = HeatSink("png").write(given(), folder(tmp_path, "cat.jpg"), "cat.jpg")
    assert [Path(f).name for f in files.values()] == ["cat.jpg.map.png", "cat.jpg.map-1-tiger_cat.png"]
    for n, path in enumerate(files.values()):
        with Image.open(path) as image:
            assert image.mode == "I;16"
            np.testing.assert_array_equal(np.asarray(image), unpacked(given().arrays, n, 120, 100))


def test_a_map_is_an_array_of_0_to_1(tmp_path: Path) -> None:
    files = HeatSink("npy").write(given(), folder(tmp_path, "cat.jpg"), "cat.jpg")
    heat = np.load(files["map"])
    assert (heat.shape, heat.dtype) == ((100, 120), np.float32)
    assert heat.min() >= 0 and heat.max() == pytest.approx(1, abs=0.02)


def test_the_map_of_a_recording_is_as_large_as_its_spectrogram(tmp_path: Path) -> None:
    heat = np.random.default_rng(0).random((64, 90)).astype(np.float32)
    arrays = packed(0, heat / heat.max(), (0, 0, 90, 64)) | {"spectrogram": np.zeros((90, 64), np.uint8)}
    heard = record("gradcam", "dog.wav", explanation("dog"))
    body = dataclasses.replace(outcome(heard, arrays=arrays), picture=None)
    files = HeatSink("npy").write(body, folder(tmp_path, "dog.wav"), "dog.wav")
    np.testing.assert_allclose(np.load(files["map"]), heat / heat.max(), atol=1e-3)


def test_a_failure_has_no_map(tmp_path: Path) -> None:
    assert HeatSink("png").write(outcome(failed("gradcam", "a")), folder(tmp_path), "a") == {}


def test_a_long_name_and_a_long_label_make_a_name_that_the_disk_takes(tmp_path: Path) -> None:
    base = "n" * 236 + ".jpg"
    body = outcome(record("gradcam", base, explanation("a"), explanation("猫" * 60)), arrays=given().arrays)
    files = HeatSink("npy").write(body, folder(tmp_path, base), base)
    assert all(Path(f).is_file() for f in files.values())
