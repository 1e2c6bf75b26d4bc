"""Checkpoints under the names of the network that they are of: what wraps it is taken off, heads are brought back.

Nothing is guessed: what is ambiguous stays as it is, and fails on loading.
"""

from collections import Counter, OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING

from visioncli.errors import ModelUnavailable
from visioncli.models import registry
from visioncli.models.row import ModelRow
from visioncli.weights.checkpoints import count_classes, shapes
from visioncli.weights.signatures import likeliest

if TYPE_CHECKING:
    from torch import Tensor


def fitted(state: "dict[str, Tensor]", row: ModelRow) -> "dict[str, Tensor]":
    """`state` with the names of the row's network, as far as they follow from the checkpoint alone.

    Whatever name the network has inside a larger module is taken off, with what lies beside it there (a loss's
    weights, a count of averaged steps). A linear head that is found inside or outside a `Sequential`, such as
    `Sequential(Dropout, Linear)`, is given the place of the network's own: what has no weights there does nothing
    once training is over. Raises ModelUnavailable where the network is there twice.
    """
    small, large = shapes(row)
    changing = {name for name in small if small[name] != large[name]}
    prefix = _prefix(state, set(small))
    inside = _renamed({n[len(prefix) :]: t for n, t in state.items() if n.startswith(prefix)}, small, changing)
    whole = all(name in inside or name.endswith("num_batches_tracked") for name in small)
    found = inside if not prefix or whole else {n.removeprefix(prefix): t for n, t in state.items()}
    result = OrderedDict(found)
    if hasattr(state, "_metadata") and not prefix:
        result._metadata = state._metadata  # type: ignore[attr-defined]
    return result


def _prefix(state: "dict[str, Tensor]", expected: set[str]) -> str:
    """What stands before the network's names in `state`."""
    votes: Counter[str] = Counter()
    for name in state:
        parts = name.split(".")
        votes.update(".".join([*parts[:n], ""]) for n in range(len(parts)) if ".".join(parts[n:]) in expected)
    most = max(votes.values(), default=0)
    if votes[""] == most or most * 2 < len(expected):
        return ""
    best = [prefix for prefix, count in votes.items() if count == most]
    if len(best) > 1:
        raise ModelUnavailable(
            f"The checkpoint holds the network {len(best)} times, as {', '.join(p.rstrip('.') for p in best[:4])}. "
            "Save the one that is wanted: torch.save(model.state_dict(), path)."
        )
    return best[0]


def _renamed(
    state: "dict[str, Tensor]", expected: "Mapping[str, tuple[int, ...]]", changing: set[str]
) -> "dict[str, Tensor]":
    """`state` with its linear head where the network has it, if that is the only thing that is elsewhere."""
    missing = _by_module([name for name in changing if name not in state])
    if len(missing) != 1:
        return state
    ((place, leaves),) = missing.items()
    top = place.split(".")[0]
    extra = _by_module([name for name in state if name not in expected and name.split(".")[0] == top])
    if len(extra) != 1:
        return state
    ((found, there),) = extra.items()
    weight = state.get(f"{found}.weight")
    if (
        "weight" not in leaves
        or leaves != there
        or weight is None
        or weight.shape[1:] != expected[f"{place}.weight"][1:]
    ):
        return state
    moved = {f"{found}.{leaf}": f"{place}.{leaf}" for leaf in leaves}
    return {moved.get(name, name): tensor for name, tensor in state.items()}


def _by_module(names: list[str]) -> dict[str, set[str]]:
    """The last parts of names by what stands before them."""
    found: dict[str, set[str]] = {}
    for name in names:
        module, _, leaf = name.rpartition(".")
        found.setdefault(module, set()).add(leaf)
    return found


def suggestion(state: "dict[str, Tensor]", name: str) -> str:
    """A sentence, with a leading blank, for a checkpoint that does not fit the network `name`: of which one it is.

    Empty where it is like none that is known.
    """
    for _ in range(_DEEPEST_WRAPPING):
        if best := likeliest(state):
            return _told(fitted(state, registry.find(best)), best, name)
        first = next(iter(state), "").partition(".")[0] + "."
        if not all(tensor.startswith(first) for tensor in state):
            break
        state = {tensor.removeprefix(first): value for tensor, value in state.items()}
    return ""


_DEEPEST_WRAPPING = 4


def _told(state: "dict[str, Tensor]", best: str, name: str) -> str:
    row = registry.find(best)
    if best == name:
        return (
            f" It is a {name} that was changed, which is not taken as it is: export the whole network to ONNX and "
            "give that file as --model onnx:FILE."
        )
    if count_classes(state, row) is not None and state.keys() >= shapes(row)[0].keys():
        return f" It fits {best}: give --model {best}."
    return f" The checkpoint looks like {best}: try --model {best}."
