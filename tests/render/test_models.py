import dataclasses

import numpy as np
import pytest
from PIL import Image

from visioncli.errors import UsageError
from visioncli.models.registry import find
from visioncli.models.row import Accuracy, ModelRow, Trained
from visioncli.render.models import draw_plot


def row(name: str, ap: float, gflops: float = 5.0, *, own: bool = False) -> ModelRow:
    """A detector of a family of its own."""
    base = find("fasterrcnn_resnet50_fpn")
    on = "validation" if own else "COCO val2017"
    changed = dataclasses.replace(base, name=name, accuracy=(Accuracy("box AP", ap, on),), gflops=gflops, family=name)
    return dataclasses.replace(changed, source=Trained("run/model.safetensors", "0" * 64)) if own else changed


def inked(image: Image.Image) -> np.ndarray:
    """`(x, y)` of pixels in a strong colour between the axes: dots and names."""
    hsv = np.asarray(image.convert("HSV"))[110:910, 90:1350]
    y, x = np.nonzero(hsv[..., 1] > 100)
    return np.stack([x, y], 1)


def test_what_is_slower_lies_further_right() -> None:
    rows = [row("a", 30.0, 1.0), row("b", 40.0, 9.0)]
    by_cost = draw_plot(rows, "detect")
    turned = draw_plot(rows, "detect", {"a": 90.0, "b": 10.0})
    # The better of the two is at the top: its column tells which side it is on.
    for image, right in ((by_cost, True), (turned, False)):
        points = inked(image)
        top = points[points[:, 1] < points[:, 1].mean()]
        assert (top[:, 0].mean() > 630) == right


def test_networks_without_a_measured_speed_are_left_out() -> None:
    rows = [row("a", 30.0), row("b", 40.0)]
    both, one = (inked(draw_plot(rows, "detect", s)) for s in ({"a": 9.0, "b": 20.0}, {"a": 9.0}))
    assert len(one) < 0.7 * len(both)
    with pytest.raises(UsageError, match="None of the networks in the figures of vision bench has box AP"):
        draw_plot(rows, "detect", {"c": 1.0})


def test_trained_networks_are_squares() -> None:
    def filled(own: bool) -> float:
        """Of the smallest box around a dot, the share that it fills; its name lies apart."""
        image = draw_plot([row("", 30.0, own=own)], "detect")
        points = inked(image)
        wide, high = np.ptp(points, axis=0) + 1
        return float(len(points) / (wide * high))

    assert filled(True) > 0.95
    assert filled(False) < 0.85


def test_without_figures_there_is_nothing_to_draw() -> None:
    with pytest.raises(UsageError, match="No network for detect has a published accuracy"):
        draw_plot([dataclasses.replace(row("a", 1.0), accuracy=())], "detect")
    with pytest.raises(UsageError, match="has a measured accuracy"):
        draw_plot([row("a", 1.0)], "detect", measured=True)
