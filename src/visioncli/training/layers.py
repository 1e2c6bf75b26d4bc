"""Which layers of a network learn: its head, its last blocks, or all; and how they behave while they do."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import nn

from visioncli.models.row import ModelRow
from visioncli.training.recipe import Unfreeze
from visioncli.weights.checkpoints import shapes

LAST_BLOCKS = 2
"""What `--unfreeze last` frees beside the head: a quarter of the cost of all layers, and most of the gain."""


def units(network: nn.Module) -> list[nn.Module]:
    """The network's layers and blocks in order: `Sequential`s, and modules that hold several, are opened."""
    return [unit for child in network.children() for unit in _opened(child)] or [network]


def _opened(module: nn.Module) -> Iterator[nn.Module]:
    children = list(module.children())
    chain = isinstance(module, nn.Sequential | nn.ModuleList)
    holds_chain = any(isinstance(child, nn.Sequential | nn.ModuleList) and len(child) > 1 for child in children)
    is_block = not chain and not (holds_chain and _is_trunk(children))
    if not children or is_block:
        if any(True for _ in module.parameters()):
            yield module
        return
    for child in children:
        yield from _opened(child)


def _is_trunk(children: list[nn.Module]) -> bool:
    """Whether a module strings blocks together, rather than being a block: blocks lie two levels below it."""
    return any(
        any(True for _ in grandchild.children())
        for child in children
        for grandchild in (child.children() if isinstance(child, nn.Sequential | nn.ModuleList) else [])
    )


def free(network: nn.Module, what: Unfreeze, head: nn.Module) -> list[nn.Parameter]:
    """Sets which parameters learn, and returns them: those of the head alone, of the last blocks too, or all."""
    for parameter in network.parameters():
        parameter.requires_grad = what is Unfreeze.ALL
    if what is not Unfreeze.ALL:
        learning = [head]
        if what is Unfreeze.LAST:
            every = units(network)
            blocks = [n for n, unit in enumerate(every) if any(True for _ in unit.children())]
            first = blocks[-LAST_BLOCKS] if len(blocks) > LAST_BLOCKS else len(every) * 2 // 3
            learning += every[first:]
        for module in learning:
            for parameter in module.parameters():
                parameter.requires_grad = True
    return [parameter for parameter in network.parameters() if parameter.requires_grad]


def learning_mode(network: nn.Module, *, keep_statistics: bool) -> None:
    """Training mode; with `keep_statistics` batch normalisation goes on with the means that it was trained with.

    A pretrained network's statistics are of a million pictures: those of small batches are worse, and a head that
    was fitted on frozen features would be off from the first step.
    """
    network.train()
    if keep_statistics:
        for module in network.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()


@contextmanager
def statistics_kept_for_one(network: nn.Module, pictures: int) -> Iterator[None]:
    """Where a part of a batch is one picture alone, batch normalisation goes by the statistics so far: a map of one
    place has none of its own, which torch refuses."""
    norms = [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.training]
    for module in norms if pictures == 1 else ():
        module.eval()
    try:
        yield
    finally:
        for module in norms:
            module.train()


def drop_before(head: nn.Module, network: nn.Module, share: float) -> None:
    """Dropout on what the head takes, where the network has none of its own (arXiv 1207.0580)."""
    if share and not any(isinstance(module, nn.Dropout) and module.p > 0 for module in network.modules()):
        head.register_forward_pre_hook(
            lambda module, inputs: (F.dropout(inputs[0], share, module.training), *inputs[1:])
        )


def drop_before_last(row: ModelRow, network: nn.Module, share: float) -> None:
    """Dropout of whole channels (arXiv 1411.4280) on what the last layers take, those that tell classes apart: of
    maps, a value alone is known from its neighbours. Where a network has dropout of its own, that gets the share."""
    own = [m for m in network.modules() if isinstance(m, nn.Dropout | nn.Dropout2d) and m.p > 0]
    for module in own:
        module.p = share
    if own:
        return
    few, many = shapes(row)
    for name in {name.rpartition(".")[0] for name in few if few[name] != many[name]}:
        network.get_submodule(name).register_forward_pre_hook(
            lambda module, inputs: (F.dropout2d(inputs[0], share, module.training), *inputs[1:])
        )


def groups(parameters: list[nn.Parameter], weight_decay: float) -> list[dict[str, object]]:
    """For the optimizer: weights decay; biases and normalisation, of one dimension, do not (arXiv 1812.01187)."""
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


class Average:
    """The moving average of a network's weights and statistics: what is validated and kept in place of the last step.

    It begins as a plain mean, so that the first steps do not linger.
    """

    def __init__(self, network: nn.Module, keep: float) -> None:
        self._keep = keep
        self.state = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Moves the average towards the weights after step number `step`, from 1 on."""
        keep = min(self._keep, step / (step + 9))
        for name, tensor in network.state_dict().items():
            kept = self.state[name]
            if kept.is_floating_point():
                kept.lerp_(tensor, 1 - keep)
            else:
                kept.copy_(tensor)
