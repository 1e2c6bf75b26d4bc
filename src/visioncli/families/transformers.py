"""`hf:NAME_OR_PATH`: classification, detection, semantic segmentation and captioning with transformers.

Networks and picture processors are those of transformers; `trust_remote_code` stays off.
"""

import importlib
import os
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import nn

from visioncli.errors import ModelUnavailable, UsageError, missing_extra
from visioncli.families.hub import check_folder, check_reachable, file_sha256, reason, state_of
from visioncli.models.row import Hub, InputSpec, ModelRow
from visioncli.weights.downloads import Access

_CLASSES = {
    "classify": "AutoModelForImageClassification",
    "detect": "AutoModelForObjectDetection",
    "segment": "AutoModelForSemanticSegmentation",
    "caption": "AutoModelForImageTextToText",
}


def _transformers() -> Any:
    try:
        transformers: Any = importlib.import_module("transformers")
    except ImportError:
        raise missing_extra("transformers", "hf") from None
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    return transformers


def _config(name: str, access: Access) -> Any:
    transformers = _transformers()
    check_folder(name)
    if not _here(name, access.offline):
        check_reachable(name)
    try:
        return transformers.AutoConfig.from_pretrained(name, local_files_only=_here(name, access.offline))
    except (OSError, ValueError) as problem:
        raise _unavailable(name, problem) from problem


def _folder(name: str) -> str:
    return os.path.expanduser(name)


_ENDINGS = {
    "ForImageClassification": "classify",
    "ForObjectDetection": "detect",
    "ForSemanticSegmentation": "segment",
    "ForConditionalGeneration": "caption",
    "EncoderDecoderModel": "caption",
}


def task_of(name: str, access: Access) -> str:
    """What the network of the folder or repository `name` was trained for. Raises ModelUnavailable and UsageError."""
    kinds = getattr(_config(_folder(name), access), "architectures", None) or ()
    for kind in kinds:
        for ending, task in _ENDINGS.items():
            if kind.endswith(ending):
                return task
    raise UsageError(
        f"hf:{name} is {', '.join(kinds) or 'a network without a task'}; of hf: come {', '.join(_CLASSES)}."
    )


def row(name: str, task: str, access: Access) -> ModelRow:
    """The row of the folder or repository `name`. Raises ModelUnavailable and UsageError."""
    if task not in _CLASSES:
        raise UsageError(f"With hf: come {', '.join(_CLASSES)}, not {task}.")
    name = _folder(name)
    config = _config(name, access)
    names = {} if task == "caption" else config.id2label
    labels = tuple(sorted((int(i), str(label)) for i, label in names.items()))
    sizes = getattr(config, "image_size", None)
    size = sizes if isinstance(sizes, int) else sizes[0] if sizes else 224
    return ModelRow(
        name=f"hf:{name}",
        tasks=(task,),
        architecture="transformers",
        source=Hub("transformers", name, file_sha256(name), access.offline, state_of(name)),
        input=InputSpec(size, 0, "bilinear", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
        labels=labels,
        parameters=0,
        gflops=0.0,
        licence="see its model card",
        paper="",
        about=f"{config.model_type} of transformers.",
        form={"detect": "boxes", "segment": "pixels"}.get(task, ""),  # type: ignore[arg-type]
    )


def load(row: ModelRow) -> nn.Module:
    """The network, answering with plain tensors: logits, and for detection also relative boxes."""
    assert isinstance(row.source, Hub)
    kind = getattr(_transformers(), _CLASSES[row.tasks[0]])
    try:
        network: nn.Module = kind.from_pretrained(
            row.source.name, local_files_only=_here(row.source.name, row.source.offline)
        )
    except (OSError, ValueError) as problem:
        raise _unavailable(row.source.name, problem) from problem
    if row.tasks != ("caption",):
        network.register_forward_hook(_plain)
    return network.eval()


def untrained(row: ModelRow) -> nn.Module:
    """The network without its weights, on the meta device, for its layers."""
    assert isinstance(row.source, Hub)
    config = _config(row.source.name, Access(offline=row.source.offline))
    with torch.device("meta"):
        network: nn.Module = getattr(_transformers(), _CLASSES[row.tasks[0]]).from_config(config)
    network.register_forward_hook(_plain)
    return network.eval()


def input_spec(row: ModelRow) -> InputSpec:
    """How the checkpoint's own processor prepares pictures. Raises UsageError where an InputSpec cannot say it."""
    assert isinstance(row.source, Hub)
    own = processor(row.source)
    size, crop = (dict(getattr(own, name, None) or {}) for name in ("size", "crop_size"))
    cropped = crop.get("height") if getattr(own, "do_center_crop", False) else None
    if size.keys() >= {"height", "width"} and size["height"] == size["width"] and cropped in (None, size["height"]):
        sides = size["height"], 0
    elif "shortest_edge" in size and "longest_edge" not in size and cropped and cropped == crop.get("width"):
        sides = cropped, size["shortest_edge"]
    else:
        sides = 0, 0
    scaled = abs(getattr(own, "rescale_factor", 0) * 255 - 1) < 1e-6 and getattr(own, "do_rescale", False)
    interpolation = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic"}.get(int(getattr(own, "resample", -1)))
    if not sides[0] or not scaled or interpolation is None or not getattr(own, "do_resize", False):
        raise UsageError(f"{row.name} prepares pictures in a way that an ONNX file of ours cannot say.")
    plain = not getattr(own, "do_normalize", False)
    mean, std = ((0.0,) * 3, (1.0,) * 3) if plain else (tuple(own.image_mean), tuple(own.image_std))
    return InputSpec(*sides, interpolation, mean, std)


def _here(name: str, offline: bool) -> bool:
    """Whether transformers may look on this machine only: a folder is complete, and nobody named a server."""
    return offline or Path(name).is_dir()


def _plain(module: nn.Module, inputs: Any, answer: Any) -> Any:
    names = [name for name in ("logits", "pred_boxes") if name in answer]
    return tuple(answer[name] for name in names)


@cache
def processor(source: Hub) -> Any:
    """The picture processor that belongs to the checkpoint."""
    try:
        return _transformers().AutoImageProcessor.from_pretrained(
            source.name, local_files_only=_here(source.name, source.offline)
        )
    except (OSError, ValueError) as problem:
        raise _unavailable(source.name, problem) from problem


@cache
def tokeniser(source: Hub) -> Any:
    """What turns the checkpoint's numbers into words."""
    try:
        return _transformers().AutoTokenizer.from_pretrained(
            source.name, local_files_only=_here(source.name, source.offline)
        )
    except (OSError, ValueError) as problem:
        raise _unavailable(source.name, problem) from problem


def prepare(source: Hub, rgb: np.ndarray) -> np.ndarray:
    """`(H, W, 3) uint8` -> what the processor makes of it, `(3, h, w) float32`."""
    pixels = processor(source)(images=rgb, return_tensors="pt", input_data_format="channels_last")["pixel_values"]
    prepared: np.ndarray = pixels[0].float().numpy()
    return prepared


def boxes(
    source: Hub, logits: np.ndarray, relative: np.ndarray, size: tuple[int, int], score: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The objects of one picture of `size` (width, height): boxes `(K, 4)` in pixels, label ids, scores."""
    outputs = SimpleNamespace(logits=torch.from_numpy(logits), pred_boxes=torch.from_numpy(relative))
    width, height = size
    (found,) = processor(source).post_process_object_detection(
        outputs, threshold=score, target_sizes=torch.tensor([[height, width]])
    )
    return found["boxes"].numpy(), found["labels"].numpy().astype(int), found["scores"].numpy()


def _unavailable(name: str, problem: BaseException) -> ModelUnavailable:
    return ModelUnavailable(
        f"transformers cannot load {name}: {reason(problem)}. Give a folder that save_pretrained wrote, or fetch the "
        f"repository once on a connected machine (hf download {name}) and copy the cache folder (HF_HOME)."
    )
