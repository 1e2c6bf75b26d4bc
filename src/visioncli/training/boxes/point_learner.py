"""How Keypoint R-CNN learns: as torchvision's other detectors do, and its keypoints by their names."""

from typing import Any

from torch import Tensor, nn

from visioncli.geometry.keypoints import NAMES
from visioncli.models.row import ModelRow
from visioncli.training.boxes.heads import fresh
from visioncli.training.boxes.torchvision_learner import TorchvisionLearner
from visioncli.training.recipe import Start

_PREDICTOR = "roi_heads.keypoint_predictor.kps_score_lowres."


class PointLearner(TorchvisionLearner):
    """Pictures, boxes and keypoints -> losses."""

    def __init__(self, network: nn.Module, row: ModelRow, start: Start, knows: bool = False) -> None:
        super().__init__(network, row, start, knows)
        # The loop keeps channels last in memory, in which torchvision's loss cannot view the maps.
        network.get_submodule("roi_heads.keypoint_predictor").register_forward_hook(
            lambda module, inputs, maps: maps.contiguous()
        )

    @classmethod
    def settings(cls, base: ModelRow, row: ModelRow, *given: Any) -> dict[str, Any]:
        """Whether the network knows all classes and all keypoints."""
        known = super().settings(base, row, *given)
        return {"knows": known["knows"] and set(names_of(row)) <= set(names_of(base))}

    @classmethod
    def known_state(cls, base: ModelRow, row: ModelRow, known: dict[str, Tensor], seed: int) -> dict[str, Tensor]:
        """Of the keypoints' last layer the maps of those of the same name; the rest begins anew."""
        places = {name: n for n, name in enumerate(names_of(base))}
        fresh_state = fresh(row, seed).state_dict()
        weight, bias = (fresh_state[_PREDICTOR + name].clone() for name in ("weight", "bias"))
        for n, name in enumerate(names_of(row)):
            if (place := places.get(name)) is not None:
                weight[:, n] = known[f"{_PREDICTOR}weight"][:, place]
                bias[n] = known[f"{_PREDICTOR}bias"][place]
        return known | {f"{_PREDICTOR}weight": weight, f"{_PREDICTOR}bias": bias}


def names_of(row: ModelRow) -> tuple[str, ...]:
    """What a network's keypoints are called."""
    return row.points or NAMES
