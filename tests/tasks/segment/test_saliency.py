from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import make_picture
from visioncli.engines.interface import Engine
from visioncli.errors import UsageError
from visioncli.models import registry
from visioncli.pictures import Picture
from visioncli.resolve import resolve
from visioncli.tasks.segment.saliency import SaliencySegmenter
from visioncli.tasks.segment.task import SegmentTask, build, open_segmenter

ROW = registry.find("u2netp", "segment")


class Saliency(Engine):
    """Answers with one map, and a second that is of no use."""

    def __init__(self, found: np.ndarray) -> None:
        self._map = found.astype(np.float32)

    def compute(self, batch: np.ndarray) -> tuple[np.ndarray, ...]:
        maps = np.repeat(self._map[None, None], len(batch), 0)
        return maps, 1 - maps


def segmenter(found: np.ndarray) -> SaliencySegmenter:
    return SaliencySegmenter(Saliency(found), ROW.input)


def disc(most: float, least: float = 0.0) -> np.ndarray:
    y, x = np.mgrid[:320, :320]
    return np.where((y - 160) ** 2 + (x - 160) ** 2 < 80**2, most, least)


def test_the_brightest_number_of_the_picture_counts_as_white() -> None:
    image = make_picture(3, (500, 300))
    dark = image.point([n // 4 for n in range(256)] * 3)
    squashed = np.asarray(dark.resize((320, 320), Image.Resampling.LANCZOS), np.float64)
    mean, std = np.array(ROW.input.mean), np.array(ROW.input.std)
    expected = ((squashed / squashed.max() - mean) / std).transpose(2, 0, 1)
    x = segmenter(disc(1)).prepare(dark, 513)
    assert (x.shape, x.dtype) == ((3, 320, 320), np.float32)
    np.testing.assert_allclose(x, expected, atol=1e-4)


def test_a_black_picture_is_prepared_too() -> None:
    x = segmenter(disc(1)).prepare(Image.new("RGB", (30, 20)), 513)
    np.testing.assert_allclose(x[:, 0, 0], -np.array(ROW.input.mean) / np.array(ROW.input.std), rtol=1e-5)


def test_what_is_found_is_stretched_from_clear_to_opaque() -> None:
    alpha = segmenter(disc(0.7, 0.1))
    found = alpha.alpha(alpha.logits(np.zeros((3, 320, 320), np.float32)), 640, 640)
    assert (found.dtype, found.shape) == (np.uint8, (640, 640))
    assert (found[320, 320], found[0, 0]) == (255, 0)


@pytest.mark.parametrize("found", [disc(0.3, 0.1), np.zeros((320, 320)), np.full((320, 320), 0.4)])
def test_where_nothing_is_found_nothing_is_stretched(found: np.ndarray) -> None:
    task = SegmentTask(ROW, segmenter(found), mode="foreground", size=320)
    (answer,) = task.predict([task.prepare(Picture(make_picture(1, (90, 60)), "x.png"))])
    assert answer.predictions == ()
    assert answer.arrays["alpha"].max() == round(255 * float(found.max()))


def test_edges_of_a_cut_out_are_as_soft_as_the_map() -> None:
    ramp = np.tile(np.linspace(0, 1, 320), (320, 1))
    task = SegmentTask(ROW, segmenter(ramp), mode="foreground", size=320)
    (answer,) = task.predict([task.prepare(Picture(make_picture(1, (200, 100)), "x.png"))])
    alpha = answer.arrays["alpha"]
    assert alpha.shape == (100, 200)
    np.testing.assert_allclose(alpha[50], 255 * (np.arange(200) + 0.5) / 200, atol=2)
    (whole,) = answer.predictions
    assert whole.label == "foreground"
    np.testing.assert_array_equal(answer.arrays["classes"], alpha >= 128)


@pytest.mark.parametrize("mode", ["semantic", "instance"])
def test_it_knows_no_classes(mode: str) -> None:
    with pytest.raises(UsageError, match=r"u2netp tells the foreground from the rest, .* add --mode foreground"):
        build(ROW, mode=mode)


@pytest.mark.shared_data
@pytest.mark.pulled("u2netp")
@pytest.mark.usefixtures("pulled")
def test_maps_are_those_of_another_program(shared_data: Path) -> None:
    network = open_segmenter(resolve("u2netp", "segment"))
    expected = sorted((shared_data / "reference" / "u2netp").glob("*.png"))
    assert expected
    for path in expected:
        image = Image.open(shared_data / "coco" / "images" / f"{path.stem}.jpg").convert("RGB")
        alpha = network.alpha(network.logits(network.prepare(image, 320)), 320, 320)
        # The other program cuts a fraction of a grey level off where ours rounds.
        difference = np.abs(alpha.astype(int) - np.asarray(Image.open(path)))
        assert difference.max() <= 1 and difference.mean() < 0.5
