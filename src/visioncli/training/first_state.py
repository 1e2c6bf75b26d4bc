"""The tensors of a network that has not learned yet."""

import torch
from torch import Tensor, nn

from visioncli.models.row import ModelRow
from visioncli.weights.checkpoints import architecture


def learner(row: ModelRow) -> nn.Module:
    """The untrained network as it learns, which may have parts that it answers without."""
    module, variant = architecture(row)
    network: nn.Module = getattr(module, "build_learner", module.build)(*variant)
    return network


def fresh_state(row: ModelRow, seed: int) -> dict[str, Tensor]:
    """The untrained network's tensors, the same for a seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = learner(row)
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}
