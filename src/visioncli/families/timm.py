"""`timm:NAME`: the image classification networks of timm (Wightman, https://github.com/huggingface/pytorch-image-models).

What a picture must look like comes from timm's own configuration of each checkpoint.
"""

import math
import os
from typing import Any

import torch
from torch import nn

from visioncli.errors import ModelUnavailable, UsageError, missing_extra
from visioncli.families.hub import check_reachable, reason
from visioncli.models.row import Accuracy, Hub, InputSpec, Labels, ModelRow
from visioncli.names import did_you_mean
from visioncli.weights.downloads import Access


def _timm() -> Any:
    from visioncli.families.light_torchvision import import_torchvision

    try:
        import_torchvision()  # timm would import it too, and the compiler with it
        import timm
    except ImportError:
        raise missing_extra("timm", "timm") from None
    return timm


def row(name: str, task: str, access: Access) -> ModelRow:
    """The row of timm's network `name`. Raises ModelUnavailable without timm, UsageError for an unknown name."""
    timm = _timm()
    if task not in ("classify", "gradcam"):
        raise UsageError(f"timm's networks classify; they cannot {task}.")
    architecture, _, _ = name.partition(".")
    if not timm.is_model(architecture):
        near = did_you_mean(architecture, timm.list_models())
        raise UsageError(
            f"timm has no network {name!r}.{near} All: python -c 'import timm; print(timm.list_models())'"
        )
    settings = timm.get_pretrained_cfg(name) or timm.models.PretrainedCfg()
    size = settings.input_size[-1]
    resize = 0 if settings.crop_mode == "squash" else math.floor(size / settings.crop_pct)
    interpolation = settings.interpolation if settings.interpolation in ("bilinear", "nearest") else "bicubic"
    return ModelRow(
        name=f"timm:{name}",
        tasks=("classify", "gradcam"),
        architecture=f"timm:{name}",
        source=Hub("timm", name, offline=access.offline),
        input=InputSpec(size, resize, interpolation, tuple(settings.mean), tuple(settings.std)),
        labels=_labels(settings, settings.num_classes),
        parameters=0,
        gflops=0.0,
        licence=settings.license or "see timm",
        paper=settings.paper_name or "",
        about=settings.origin_url or "A network of timm.",
        accuracy=tuple[Accuracy, ...](),
    )


def task_of(name: str, access: Access) -> str:
    """All of timm's networks classify."""
    return "classify"


def _labels(settings: Any, count: int) -> Labels:
    if count == 1000:
        return "imagenet1k"
    data = _timm().data
    subset = data.infer_imagenet_subset(settings.to_dict())
    if subset and (info := data.ImageNetInfo(subset)).num_classes() == count:
        return tuple((i, info.index_to_description(i)) for i in range(count))
    return tuple((i, f"class {i}") for i in range(count))


def build(name: str, classes: str | None = None) -> nn.Module:
    """The untrained network. It is built on the CPU: not all of timm's networks can do without values."""
    settings: dict[str, Any] = {} if classes is None else {"num_classes": int(classes)}
    with torch.device("cpu"):
        network: nn.Module = _timm().create_model(name, pretrained=False, **settings)
    return network


def load(row: ModelRow) -> nn.Module:
    """The network with timm's own weights, from its cache or, unless offline, from where timm keeps them."""
    assert isinstance(row.source, Hub)
    timm = _timm()
    settings = timm.get_pretrained_cfg(row.source.name)
    if settings is not None and settings.hf_hub_id and not row.source.offline:
        check_reachable(settings.hf_hub_id, ("model.safetensors", "pytorch_model.bin"))
    before = os.environ.get("HF_HUB_OFFLINE")
    try:
        if row.source.offline:
            _set_offline(True)
        network: nn.Module = timm.create_model(row.source.name, pretrained=True)
    except Exception as problem:  # what is raised depends on where timm keeps the weights
        raise ModelUnavailable(
            f"timm cannot load the weights of {row.source.name}: {reason(problem)}. Run it once on a connected "
            "machine and copy the cache folder (HF_HOME), or give a checkpoint with --weights FILE."
        ) from problem
    finally:
        _set_offline(before not in (None, "", "0"))
    return network


def _set_offline(offline: bool) -> None:
    """The hub's library reads its environment variable only once, when it is imported."""
    from huggingface_hub import constants

    constants.HF_HUB_OFFLINE = offline
