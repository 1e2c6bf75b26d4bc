"""The layer that classifies, at the end of a network: what it takes are the network's features of a picture."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from visioncli.errors import UsageError
from visioncli.weights.checkpoints import architecture, shapes

if TYPE_CHECKING:
    from visioncli.models.row import ModelRow


def head_of(network: nn.Module, row: "ModelRow") -> tuple[str, nn.Linear]:
    """The name and the module of the layer that turns features `(N, F)` of `row`'s `network` into logits.

    It is the one whose tensors change with the number of classes. Raises UsageError where it is no linear layer, not
    the last one, or takes anything but `(N, F)`.
    """
    name = _place(row)
    head = network.get_submodule(name)
    assert isinstance(head, nn.Linear)
    return name, head


def without_head(network: nn.Module, row: "ModelRow") -> nn.Module:
    """`network` itself, which from now on answers with its features `(N, F)`. Raises UsageError as `head_of`."""
    name, _ = head_of(network, row)
    parent, _, last = name.rpartition(".")
    setattr(network.get_submodule(parent), last, nn.Identity())
    return network


@cache
def _place(row: "ModelRow") -> str:
    """The name of the head, which is the last layer and gives one row a picture. Raises UsageError."""
    module, _ = architecture(row)
    if not hasattr(module, "build") or "classify" not in row.tasks:
        raise _without(row, "it is not a classifier whose classes can be chosen")
    few, many = shapes(row)
    changing = {name.rpartition(".")[0] for name in few if few[name] != many[name]}
    if len(changing) != 1:
        raise _without(row, f"{len(changing)} of its layers depend on the number of classes" if changing else "")
    name = changing.pop()
    _check_last(row, name)
    return name


def _without(row: "ModelRow", reason: str) -> UsageError:
    because = f": {reason}" if reason else ""
    return UsageError(
        f"{row.name} has no features of a picture that a new last layer could be trained on{because}. Choose another "
        "network: `vision models --task classify` lists them."
    )


def _check_last(row: "ModelRow", name: str) -> None:
    """Raises UsageError where the layer `name` is not linear, does not answer what the network answers, or does not
    take one row a picture.

    A network without weights tells: shapes alone are computed.
    """
    module, variant = architecture(row)
    with torch.device("meta"):
        network: nn.Module = module.build(*variant).eval().to("meta")
    seen: list[tuple[Tensor, Tensor]] = []
    head = network.get_submodule(name)
    if not isinstance(head, nn.Linear) or not _is_linear(head):
        raise _without(row, "its last layer is not a linear one")
    head.register_forward_hook(lambda module, inputs, output: seen.append((inputs[0], output)))
    with torch.no_grad(), no_fast_attention():
        answer: Tensor = network(torch.zeros(2, 3, row.input.size, row.input.size, device="meta"))
    if len(seen) != 1 or answer is not seen[0][1]:
        raise _without(row, "its last layer is not what its answer comes from")
    if seen[0][0].ndim != 2 or len(seen[0][0]) != 2:
        raise _without(row, "its last layer looks at places of the picture one by one")


def _is_linear(head: nn.Linear) -> bool:
    """Whether a layer is linear as its class promises: of a class that was derived from it, numbers tell."""
    if type(head) is nn.Linear:
        return True
    made_up = copy.deepcopy(head).to_empty(device="cpu")
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in made_up.parameters():
            parameter.normal_(generator=generator)
        x = torch.randn(2, head.in_features, generator=generator)
        return torch.allclose(made_up(x), F.linear(x, made_up.weight, made_up.bias), rtol=1e-4, atol=1e-4)


@contextmanager
def no_fast_attention() -> Iterator[None]:
    """PyTorch's fused attention layer does not exist on the meta device."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)
