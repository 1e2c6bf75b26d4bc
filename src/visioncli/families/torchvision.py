"""Torchvision's networks under this package's interface: `build` and `import_state`.

Whatever a network returns by itself (dictionaries, lists of them), here it takes `(N, 3, H, W)` and answers with
tensors that have N rows. Detection networks take one picture, N = 1, since their answers differ in length, as
`pixel / 255`: they resize and normalise by themselves. In training mode they take a list of pictures and one of
targets, as torchvision documents them, and answer with a dictionary of losses.
"""

import re
from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from visioncli.families.light_torchvision import import_torchvision

models = import_torchvision().models

# With these published weights torchvision sets the epsilon of batch normalisation to zero, as in their training.
_ZERO_EPSILON = {
    "fasterrcnn_resnet50_fpn",
    "maskrcnn_resnet50_fpn",
    "keypointrcnn_resnet50_fpn",
    "retinanet_resnet50_fpn",
}
# Classifiers that only training uses; published weights hold them.
_TRAINING_ONLY = ("aux1.", "aux2.", "AuxLogits.", "aux_classifier.")
_DETECTORS = ("fasterrcnn", "maskrcnn", "keypointrcnn", "retinanet", "fcos", "ssd")
_WITH_AUXILIARY = ("fcn_", "deeplabv3_")
_SEGMENTERS = (*_WITH_AUXILIARY, "lraspp_")


def build(variant: str, classes: str | None = None) -> nn.Module:
    """The untrained network of torchvision's builder `variant`, with as many `classes` as wanted.

    Without `classes` it is the network of the published weights. A builder with keypoints finds 17, or as many as
    stand after a slash (`keypointrcnn_resnet50_fpn/5`). It may be built on the meta device.
    """
    settings: dict[str, Any] = {}
    variant, _, points = variant.partition("/")
    if points:
        settings["num_keypoints"] = int(points)
    if classes is not None:
        settings["num_classes"] = int(classes)
    if variant in ("googlenet", "inception_v3"):
        # Published weights expect pictures scaled as their original training did.
        settings |= {"aux_logits": False, "transform_input": True, "init_weights": False}
    if variant == "vit_h_14":
        settings["image_size"] = 518  # of the published weights, whose position table is made for it
    if variant.startswith((*_DETECTORS, *_SEGMENTERS)):
        settings["weights_backbone"] = None
    with _ConstantsOnCpu():
        network: nn.Module = models.get_model(variant, weights=None, **settings)
    if variant in _ZERO_EPSILON and classes is None:
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eps = 0.0
    if variant.startswith(_DETECTORS):
        network.register_forward_pre_hook(lambda module, inputs: (list(inputs[0]), *inputs[1:]))
        network.register_forward_hook(
            lambda module, inputs, answers: answers if module.training else _one_picture(answers)
        )
    elif variant.startswith(_SEGMENTERS):
        _answers_with_logits(network)
    return network


def set_size(network: nn.Module, size: int) -> None:
    """Lets a detector resize pictures to a shorter side of `size`; the longer one may be as many times as long as
    before. What takes pictures of one size only, and what is no detector, stays as it is."""
    transform = getattr(network, "transform", None)
    if isinstance(transform, models.detection.transform.GeneralizedRCNNTransform) and not transform.fixed_size:
        (before,) = transform.min_size
        transform.min_size, transform.max_size = (size,), round(transform.max_size * size / before)


def build_learner(variant: str, classes: str) -> nn.Module:
    """The untrained network as it learns: FCN and DeepLab have an auxiliary classifier on features halfway (PSPNet,
    arXiv 1612.01105), whose logits follow those of the network, `(N, 2 C, H, W)`, in training mode."""
    if not variant.startswith(_WITH_AUXILIARY):
        return build(variant, classes)
    network: nn.Module = models.get_model(
        variant, weights=None, weights_backbone=None, num_classes=int(classes), aux_loss=True
    )
    _answers_with_logits(network)
    return network


def _answers_with_logits(network: nn.Module) -> None:
    """In place of a dictionary. Tells what of the network its published weights know, and which layer must not learn
    from its batch: the one that sees a whole picture as one pixel, of which one picture has no variance."""

    def logits(module: nn.Module, inputs: Any, answer: dict[str, Tensor]) -> Tensor:
        if module.training and "aux" in answer:
            return torch.cat((answer["out"], answer["aux"]), 1)
        return answer["out"]

    network.register_forward_hook(logits)
    network.encoder_parts = ("backbone",)  # type: ignore[assignment]
    network.still_parts = tuple(  # type: ignore[assignment]
        name for name, module in network.named_modules() if type(module).__name__ == "ASPPPooling"
    )


class _ConstantsOnCpu(TorchFunctionMode):
    """Keeps what builders compute with, such as widths and anchor shapes, off the meta device: it needs values."""

    _FACTORIES = (torch.arange, torch.linspace, torch.tensor, torch.as_tensor)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func in self._FACTORIES:
            kwargs.setdefault("device", "cpu")
        return func(*args, **kwargs)


def _one_picture(answers: list[dict[str, Tensor]]) -> tuple[Tensor, ...]:
    """`boxes (1, K, 4)`, `labels (1, K)`, `scores (1, K)`, then masks `(1, K, 1, H, W)` or keypoints `(1, K, 17, 3)`
    with their scores `(1, K, 17)`, where the network has them."""
    (answer,) = answers
    names = ("boxes", "labels", "scores", "masks", "keypoints", "keypoints_scores")
    return tuple(answer[name][None] for name in names if name in answer)


# Torchvision's oldest checkpoints: `denselayer1.norm.1.weight`, today `denselayer1.norm1.weight`.
_OLD_DENSENET = re.compile(r"^(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\..+)$")


def import_state(state: dict[str, Tensor], variant: str, classes: str | None = None) -> dict[str, Tensor]:
    """A checkpoint of torchvision under the names of `build`'s network. Whether it fits is checked on loading."""
    found = OrderedDict(
        (_OLD_DENSENET.sub(r"\1\2", name), tensor)
        for name, tensor in state.items()
        if not name.startswith(_TRAINING_ONLY)
    )
    # Tells torchvision the version of the file. MNASNet wants one even where training wrapped it away.
    found._metadata = getattr(state, "_metadata", {"": {"version": 2}})  # type: ignore[attr-defined]
    with torch.device("meta"):
        network = build(variant, classes)
    try:
        # Torchvision renames the tensors of its older versions while it loads them.
        result = network.load_state_dict(found, strict=False, assign=True)
    except RuntimeError:
        return found  # other shapes: whoever fills the network says which
    missing = set(result.missing_keys)
    filled = {name: tensor for name, tensor in network.state_dict().items() if name not in missing}
    # Frozen batch normalisation, as in published detectors, keeps no count of batches; only training reads it.
    filled |= {n: torch.zeros((), dtype=torch.int64) for n in missing if n.endswith("num_batches_tracked")}
    return filled | {n: found[n] for n in result.unexpected_keys if not n.endswith("num_batches_tracked")}


PARTS_NOTE = {
    "detect": "The heads of two-stage networks are counted for all regions that are proposed at most, masks for one.",
    "pose": "The heads are counted for all regions that are proposed at most, keypoints for one person.",
}
"""What the layer table of a task's networks does not show by itself."""


def run_parts(network: Any, x: Tensor) -> None:
    """Runs every layer once on shapes alone, without the suppression of boxes, which needs values."""
    if not hasattr(network, "backbone") or not hasattr(network, "transform"):
        network(x)
        return
    features = network.backbone(x)
    maps = list(features.values()) if isinstance(features, dict) else [features]
    if not hasattr(network, "rpn"):
        network.head(maps)
        return
    network.rpn.head(maps)
    heads, channels = network.roi_heads, maps[0].shape[1]

    def regions(count: int, pooler: Any) -> Tensor:
        return torch.zeros((count, channels, *pooler.output_size), device=x.device)

    heads.box_predictor(heads.box_head(regions(network.rpn.post_nms_top_n(), heads.box_roi_pool)))
    if heads.has_mask():
        heads.mask_predictor(heads.mask_head(regions(1, heads.mask_roi_pool)))
    if heads.has_keypoint():
        heads.keypoint_predictor(heads.keypoint_head(regions(1, heads.keypoint_roi_pool)))
