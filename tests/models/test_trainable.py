import pytest

from visioncli.models import registry
from visioncli.models.trainable import is_trainable


@pytest.mark.parametrize(
    ("name", "tasks"),
    [
        ("yolov3_tiny", {"detect"}),
        ("rfcn_resnet50", {"detect"}),
        ("ssd_mobilenet_v2", {"detect"}),
        ("fcos_resnet50_fpn", {"detect"}),
        ("efficientdet_lite0", set()),
        ("maskrcnn_resnet50_fpn", set()),
        ("keypointrcnn_resnet50_fpn", set()),
        ("unet_lite0", {"segment"}),
        ("deeplab_v3_mobilenet_v2", {"segment"}),
        ("lenet5", {"classify"}),
        ("movenet_lightning", set()),
    ],
)
def test_a_row_tells_what_its_network_learns(name: str, tasks: set[str]) -> None:
    row = registry.find(name)
    assert {task for task in ("classify", "segment", "detect", "pose") if is_trainable(row, task)} == tasks
