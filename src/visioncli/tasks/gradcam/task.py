"""Explanations: where in a picture a classifier's class, or a detector's box, comes from.

Grad-CAM (Selvaraju et al., 2017, https://arxiv.org/abs/1610.02391) and its relatives. Networks run in PyTorch,
since gradients are needed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from PIL.Image import Image
from torch import Tensor, nn

from visioncli.engines.interface import EngineOptions, check_finite
from visioncli.errors import UsageError
from visioncli.models.labels import load_labels
from visioncli.models.registry import ModelRow
from visioncli.pictures import Picture
from visioncli.predictions import Box, Explanation
from visioncli.results import ModelInfo
from visioncli.tasks.class_names import parse_wanted
from visioncli.tasks.classify.scores import probabilities
from visioncli.tasks.detect import ssd
from visioncli.tasks.gradcam.heat import hotspot, on_picture, packed
from visioncli.tasks.gradcam.methods import Layer, activation_map, check_method, choose_layer, feature_layers
from visioncli.tasks.interface import Answer, Task
from visioncli.tasks.limits import between_0_and_1
from visioncli.tasks.preprocess import crop_box, preprocess
from visioncli.tasks.seeds import check_seed


@dataclass(frozen=True, slots=True)
class Target:
    """One output of a network that is to be explained."""

    index: int
    label: str
    label_id: int
    score: float
    layer: str
    box: Box | None = None


class Explainable(Protocol):
    """A network whose outputs can be traced back to a picture."""

    info: ModelInfo
    labels: dict[int, str]

    def prepare(self, image: Image) -> tuple[np.ndarray, Box]:
        """The network's input `(3, H, W)` and the part of the picture that it shows."""
        ...

    def targets(self, x: Tensor, width: int, height: int) -> tuple[nn.Module, list[Target]]:
        """A module whose output `(1, C)` holds the targets at their indices."""
        ...

    def layers(self) -> list[Layer]:
        """The places that maps can be taken from."""
        ...


class ExplainableClassifier:
    """A classifier and the classes to explain: names, ids, or `top-N`."""

    def __init__(self, row: ModelRow, network: nn.Module, wanted: str, layer: str) -> None:
        self.info = ModelInfo(row.name, row.source.sha256, "fp32")
        self.labels = load_labels(row.labels)
        self._row, self._spec, self._network = row, row.input, network
        self._top, self._chosen = parse_wanted(wanted, self.labels)
        self._layer = choose_layer(network, self._blank(), layer).name

    def _blank(self) -> Tensor:
        device = next(self._network.parameters()).device
        return torch.zeros(1, 3, self._spec.size, self._spec.size, device=device)

    def prepare(self, image: Image) -> tuple[np.ndarray, Box]:
        return preprocess(image, self._spec), crop_box(*image.size, self._spec)

    def targets(self, x: Tensor, width: int, height: int) -> tuple[nn.Module, list[Target]]:
        with torch.no_grad():
            (logits,) = check_finite((self._network(x).cpu().numpy(),))
        scores = probabilities(logits, self._row)[0]
        best = np.argsort(-scores, kind="stable")[: self._top].tolist()
        ids = [*best, *(i for i in self._chosen if i not in best)]
        return self._network, [Target(i, self.labels[i], i, float(scores[i]), self._layer) for i in ids]

    def layers(self) -> list[Layer]:
        return feature_layers(self._network, self._blank())


class ExplainableDetector:
    """The embedded SSD and the boxes to explain: the best `N` (`top-N`), or the best of each named class."""

    # Boxes from the finest level rest on block 13; all coarser levels grow out of the last shared map.
    _FINE, _COARSE = "blocks.13.expand", "last"
    _FINE_ANCHORS = 19 * 19 * 3

    def __init__(self, row: ModelRow, network: nn.Module, wanted: str, layer: str, score: float) -> None:
        self.info = ModelInfo(row.name, row.source.sha256, "fp32")
        self.labels = load_labels(row.labels)
        self._network, self._score = network, score
        self._top, chosen = parse_wanted(wanted, self.labels)
        self._chosen = chosen
        self._layer = None if layer == "auto" else choose_layer(network, self._blank(), layer).name

    def _blank(self) -> Tensor:
        return torch.zeros(1, 3, ssd.SIZE, ssd.SIZE, device=next(self._network.parameters()).device)

    def prepare(self, image: Image) -> tuple[np.ndarray, Box]:
        return ssd.preprocess(image), (0.0, 0.0, float(image.width), float(image.height))

    def targets(self, x: Tensor, width: int, height: int) -> tuple[nn.Module, list[Target]]:
        with torch.no_grad():
            codes, logits = check_finite(tuple(output[0].cpu().numpy() for output in self._network(x)))
        boxes, scores, ids = ssd.postprocess(codes, logits, width, height, score=self._score, iou=0.6, most=100)
        order = list(range(len(ids)))[: self._top]
        order += [next(n for n in range(len(ids)) if ids[n] == i) for i in self._chosen if i in ids]
        anchors: list[tuple[int, int]] = []
        targets: list[Target] = []
        for n in dict.fromkeys(order):
            label_id = int(ids[n])
            # The anchor that this box was decoded from is the one with its score.
            anchor = int(np.abs(1 / (1 + np.exp(-logits[:, label_id])) - scores[n]).argmin())
            layer = self._layer or (self._FINE if anchor < self._FINE_ANCHORS else self._COARSE)
            x1, y1, x2, y2 = (float(v) for v in boxes[n])
            label = self.labels.get(label_id, str(label_id))
            targets.append(Target(len(anchors), label, label_id, float(scores[n]), layer, (x1, y1, x2, y2)))
            anchors.append((anchor, label_id))
        return _BoxLogits(self._network, anchors), targets

    def layers(self) -> list[Layer]:
        return feature_layers(self._network, self._blank())


class _BoxLogits(nn.Module):
    """The logits of chosen (anchor, class) pairs of a detector, `(1, K)`."""

    def __init__(self, network: nn.Module, anchors: list[tuple[int, int]]) -> None:
        super().__init__()
        self.network = network
        self._anchors = [a for a, _ in anchors]
        self._classes = [c for _, c in anchors]

    def forward(self, x: Tensor) -> Tensor:
        _, logits = self.network(x)
        chosen: Tensor = logits[:, self._anchors, self._classes]
        return chosen


@dataclass(frozen=True, slots=True)
class Prepared:
    """Each network's input and the part of the picture that it shows."""

    inputs: list[tuple[np.ndarray, Box]]
    width: int
    height: int


class GradCam(Task):
    """Heat maps of the evidence, at the picture's size. One picture at a time, so neighbours never matter."""

    name = "gradcam"

    def __init__(
        self,
        networks: list[Explainable],
        *,
        method: str,
        seed: int,
        settings: dict[str, Any],
        device: str | torch.device = "cpu",
    ) -> None:
        check_method(method)
        self.networks = networks
        self._device = device
        self._method, self._seed = method, seed
        self.model = networks[0].info
        self.labels = networks[0].labels
        self.settings = settings | {"method": method, "seed": seed, "models": [n.info.name for n in networks]}

    def prepare(self, picture: Picture) -> Prepared:
        """The inputs of all networks that are compared."""
        return Prepared([n.prepare(picture.image) for n in self.networks], picture.width, picture.height)

    def predict(self, batch: Sequence[Prepared]) -> list[Answer]:
        """One explanation for each target of each network; `arrays` hold the maps as `heat.packed` makes them."""
        return [self._answer(prepared) for prepared in batch]

    def _answer(self, prepared: Prepared) -> Answer:
        found: list[Explanation] = []
        maps: dict[str, np.ndarray] = {}
        for network, (array, seen) in zip(self.networks, prepared.inputs, strict=True):
            x = torch.from_numpy(np.ascontiguousarray(array))[None].to(self._device)
            module, targets = network.targets(x, prepared.width, prepared.height)
            prefix = "network." if isinstance(module, _BoxLogits) else ""
            for target in targets:
                layer = prefix + target.layer
                heat = activation_map(module, x, layer, target.index, self._method, seed=self._seed)
                spot = hotspot(on_picture(heat, seen, prepared.width, prepared.height))
                maps |= packed(len(found), heat, seen)
                found.append(
                    Explanation(
                        label=target.label,
                        label_id=target.label_id,
                        score=target.score,
                        model=network.info.name,
                        method=self._method,
                        layer=target.layer,
                        peak=spot.peak,
                        box=spot.box,
                        energy=spot.energy,
                        target=target.box,
                    )
                )
        return Answer(tuple(found), arrays=maps)


def build(
    row: ModelRow,
    options: EngineOptions | None = None,
    *,
    method: str = "gradcam",
    layer: str = "auto",
    target: str = "top-1",
    compare: list[ModelRow] | None = None,
    detect: bool = False,
    score: float = 0.4,
    seed: int = 0,
) -> Task:
    """The task with its networks loaded; `compare` are further models, explained beside the first."""
    from visioncli.engines.pytorch import choose_device
    from visioncli.weights.load import load_network
    from visioncli.weights.runs import told_apart

    check_method(method)
    between_0_and_1(score=score)
    options = options or EngineOptions()
    if options.engine == "onnx" or options.precision not in ("auto", "fp32"):
        raise UsageError("Maps are made of gradients, which need --engine torch and --precision fp32.")
    check_seed(seed)
    chosen_device = choose_device(options.device)
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    settings = {
        "layer": layer,
        "class": target,
        "detect": detect,
        "score": score if detect else None,
        "compare": [each.shaping() for each in compare or []],
    }
    if row.sound is not None:
        from visioncli.tasks.gradcam.sound import SoundCam

        if compare:
            raise UsageError(f"{row.name} listens to recordings, and is explained alone. Leave out --compare.")
        network = load_network(row).to(chosen_device)
        return SoundCam(
            row, network, method=method, layer=layer, target=target, seed=seed, settings=settings,
            device=chosen_device,
        )  # fmt: skip
    networks: list[Explainable] = []
    for each in told_apart([row, *(compare or [])]):
        network = load_network(each).to(chosen_device)
        if detect and each.architecture.split(":")[0] != "ssd_mobilenet_v2":
            raise UsageError(f"Boxes of {each.name} cannot be explained, only those of ssd_mobilenet_v2.")
        if detect:
            networks.append(ExplainableDetector(each, network, target, layer, score))
        else:
            networks.append(ExplainableClassifier(each, network, target, layer))
    return GradCam(networks, method=method, seed=seed, settings=settings, device=chosen_device)
