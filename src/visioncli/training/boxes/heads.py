"""The heads of a detector for other classes: what is known of a class is taken over, the rest begins anew."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from visioncli.models.labels import load_labels
from visioncli.models.row import ModelRow
from visioncli.resolve import outputs_of
from visioncli.weights.checkpoints import architecture, shapes


def known_columns(base: ModelRow, row: ModelRow, *, background: bool, gaps: bool = True) -> list[int | None]:
    """Of each class of `row`'s network, that for nothing first where there is one, its place in the network of
    `base`; None where it has none. Classes are the same whose names are, in small letters.

    With `gaps` the network of `base` has a place for each number up to the highest id, else for each class.
    """
    labels = load_labels(base.labels)
    count = base.architecture.rpartition(":")[2]
    if base.form == "people" and base.labels == "coco":
        labels = {1: "person"}  # of COCO's classes the only one that has keypoints
    elif count.isdecimal() and int(count) != outputs_of(base):
        labels = {}  # weights of one's own, whose classes nobody named
    places = labels if gaps else dict(enumerate(labels[n] for n in sorted(labels)))
    known = {label.casefold(): place for place, label in places.items()}
    columns = [known.get(label.casefold()) for label in load_labels(row.labels).values()]
    return [0, *columns] if background else columns


def fresh(row: ModelRow, seed: int) -> nn.Module:
    """The untrained network of `row`, the same for a seed."""
    module, variant = architecture(row)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network: nn.Module = module.build(*variant)
    return network


def carried_over(
    old: Mapping[str, Tensor],
    new: Mapping[str, Tensor],
    row: ModelRow,
    known: Sequence[int | None],
    *,
    apart: int = 0,
    anchors_first: bool = False,
) -> dict[str, Tensor]:
    """The tensors `new` of `row`'s network, with all that `old`, those of the network it comes from, knows.

    Tensors whose size follows the number of classes have as many rows for each. With `anchors_first` these are
    ordered by anchor, then class, else by class; the first `apart` of an anchor are of no class, and are taken over.
    """
    few, many = shapes(row)
    result = {}
    for name, tensor in new.items():
        if few[name] == many[name]:
            result[name] = old[name].clone()
            continue
        count = len(known) + apart
        rest = len(tensor) // count
        begun, told = (
            t.reshape(rest, -1, *t.shape[1:]) if anchors_first else t.reshape(-1, rest, *t.shape[1:]).transpose(0, 1)
            for t in (tensor.clone(), old[name])
        )
        begun[:, :apart] = told[:, :apart]
        for column, place in enumerate(known):
            if place is not None:
                begun[:, apart + column] = told[:, apart + place]
        result[name] = (begun if anchors_first else begun.transpose(0, 1)).reshape(tensor.shape)
    return result
