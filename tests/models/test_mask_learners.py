"""What learning masks can begin with."""

import pytest

from visioncli.models import registry
from visioncli.models.mask_learners import as_learner, can_begin_with, needs_weights


@pytest.mark.parametrize(
    ("name", "architecture", "weights"),
    [
        ("unet", "unet:small", False),
        ("deeplab_v3_mobilenet_v2", "deeplab_dense:half", True),
        ("fcn_resnet50", "torchvision:fcn_resnet50", True),
        ("deeplabv3_mobilenet_v3_large", "torchvision:deeplabv3_mobilenet_v3_large", True),
        ("lraspp_mobilenet_v3_large", "torchvision:lraspp_mobilenet_v3_large", True),
    ],
)
def test_networks_that_learn_masks_answer_for_each_pixel_of_pictures_as_large_as_they_are(
    name: str, architecture: str, weights: bool
) -> None:
    row = registry.find(name, "segment")
    assert can_begin_with(row)
    assert needs_weights(row) is weights
    learner = as_learner(row)
    assert (learner.architecture, learner.form, learner.input.resize) == (architecture, "dense", 0)
    assert as_learner(learner) == learner


@pytest.mark.parametrize(("name", "task"), [("efficientnet_lite0", "classify"), ("maskrcnn_resnet50_fpn", "segment")])
def test_others_do_not(name: str, task: str) -> None:
    assert not can_begin_with(registry.find(name, task))
