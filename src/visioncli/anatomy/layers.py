"""What each layer of a network costs and sees: shapes, parameters, multiply-adds, receptive field.

The network runs once on the meta device: shapes without numbers, so that size costs nothing. Multiply-adds are
counted where the arithmetic happens, in convolutions and matrix products. The receptive field follows the recursion
of Araujo, Norris and Sim, "Computing receptive fields of convolutional neural networks", 2019
(https://distill.pub/2019/computing-receptive-fields): it grows by (k - 1) d times the product of earlier strides;
where paths meet, the widest counts. Gates of squeeze-and-excitation, which see the whole picture, are left out.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from visioncli.errors import ModelUnavailable, UsageError
from visioncli.models.row import ModelRow
from visioncli.weights.checkpoints import architecture
from visioncli.weights.heads import no_fast_attention
from visioncli.weights.places import weight_file

_aten = torch.ops.aten


Pair = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Sight:
    """What one place of a feature map sees: `field` input pixels down and across, `step` of them between places."""

    field: Pair = (1.0, 1.0)
    step: Pair = (1.0, 1.0)

    def through(self, reach: Sequence[float], stride: Sequence[float]) -> "Sight":
        """After a window that reaches over so many places and moves by `stride` of them."""
        if self == WHOLE:
            return self
        (f1, f2), (s1, s2) = self.field, self.step
        return Sight(
            (f1 + (reach[0] - 1) * s1, f2 + (reach[-1] - 1) * s2),
            (s1 * stride[0], s2 * stride[-1]),
        )

    @staticmethod
    def widest(sights: "Sequence[Sight]") -> "Sight":
        """Where several paths meet."""
        return Sight(
            (max(s.field[0] for s in sights), max(s.field[1] for s in sights)),
            (max(s.step[0] for s in sights), max(s.step[1] for s in sights)),
        )


WHOLE = Sight((math.inf, math.inf), (math.inf, math.inf))


@dataclass(slots=True)
class Layer:
    """One layer, in the order of running. `sight` is None where attention mixes places in windows."""

    name: str
    kind: str
    parameters: int
    output: tuple[int, ...] = ()
    multiply_adds: int = 0
    kernel: str = ""
    stride: str = ""
    padding: str = ""
    dilation: str = ""
    sight: Sight | None = None


@dataclass(slots=True)
class LayerTable:
    """The layers of a network for one picture of `size` x `size` pixels."""

    size: int
    layers: list[Layer] = field(default_factory=list)
    parameters: int = 0
    note: str = ""

    @property
    def multiply_adds(self) -> int:
        """Of the whole network."""
        return sum(layer.multiply_adds for layer in self.layers)


def layer_table(row: ModelRow, size: int | None = None) -> LayerTable:
    """The layers of the row's network. Raises UsageError where it cannot take pictures of `size` pixels."""
    if row.tasks == ("caption",):
        raise UsageError(f"{row.name} has no layer table: only networks that take pictures have one.")
    if "generate" in row.tasks:
        raise UsageError(f"{row.name} has no layer table: it takes no pictures, and makes them of numbers.")
    if row.form == "sound":
        raise UsageError(f"{row.name} has no layer table: its file takes recordings, in 8 bits.")
    if row.architecture == "onnx":
        return _of_onnx_file(row, size)
    module, network = untrained(row)
    size = size or row.input.size
    x = torch.zeros((1, 3, size, size), device="meta")
    run: Callable[[nn.Module, Tensor], Any] = getattr(module, "run_parts", lambda network, x: network(x))
    table = LayerTable(size, parameters=sum(p.numel() for p in network.parameters()))
    table.note = getattr(module, "PARTS_NOTE", {}).get(row.tasks[0], "")
    try:
        with torch.no_grad(), no_fast_attention(), _Recorder(x) as recorder, recorder.watch(network, table):
            run(network, x)
    except (RuntimeError, AssertionError, ValueError) as problem:
        reason = str(problem).splitlines()[0]
        raise UsageError(f"{row.name} cannot take pictures of {size} pixels: {reason}") from problem
    return table


def untrained(row: ModelRow) -> tuple[ModuleType, nn.Module]:
    """The module that the row's network comes from, and the network without its weights, on the meta device."""
    module, variant = architecture(row)
    if hasattr(module, "untrained"):
        return module, module.untrained(row)
    with torch.device("meta"):
        return module, module.build(*variant).eval().to("meta")


def count_parameters(row: ModelRow) -> int:
    """Of the row's network, without its weights."""
    if row.architecture == "onnx":
        return _of_onnx_file(row, None).parameters
    return sum(p.numel() for p in untrained(row)[1].parameters())


def _of_onnx_file(row: ModelRow, size: int | None) -> LayerTable:
    from visioncli.anatomy.onnx_layers import read_layers

    path = weight_file(row)
    assert path is not None
    if not path.is_file():
        raise ModelUnavailable(
            f"The layers of {row.name} stand in its weight file, which is not here: vision models pull {row.name}"
        )
    layers, parameters = read_layers(path, size, row.input.size)
    table = LayerTable(size or row.input.size, parameters=parameters)
    table.layers = [Layer(**fields) for fields in layers]
    table.note = "Of an ONNX file, receptive fields are not worked out."
    return table


# Modules whose parts are functions rather than layers: they are listed as a whole.
_WHOLES = (nn.MultiheadAttention,)


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Follows receptive fields from tensor to tensor, and counts multiply-adds for the layer at work."""

    def __init__(self, x: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._sights: dict[int, Sight | None] = {id(x): Sight()}
        self._alive: list[Tensor] = [x]  # an address must not be used twice
        self._current: list[Layer] = []

    @contextmanager
    def watch(self, network: nn.Module, table: LayerTable) -> Iterator[None]:
        """Lists the layers of `network` in `table` while it runs."""
        handles = []
        for name, module in network.named_modules():
            if isinstance(module, _WHOLES) or not any(True for _ in module.children()):
                if any(isinstance(parent, _WHOLES) for parent in _parents(network, name)):
                    continue
                handles.append(module.register_forward_pre_hook(self._begin(name, module, table)))
                handles.append(module.register_forward_hook(self._end))
        self._outside = Layer("(between layers)", "functions", 0)
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()
        if self._outside.multiply_adds:
            table.layers.append(self._outside)

    def _begin(self, name: str, module: nn.Module, table: LayerTable) -> Callable[..., None]:
        def hook(*_: Any) -> None:
            own = sum(p.numel() for p in module.parameters())
            seen = any(layer.name == name for layer in table.layers)
            layer = Layer(name, type(module).__name__, 0 if seen else own, **_geometry(module))
            table.layers.append(layer)
            self._current.append(layer)

        return hook

    def _end(self, module: nn.Module, inputs: Any, output: Any) -> None:
        layer = self._current.pop()
        first = output[0] if isinstance(output, tuple | list) else output
        if isinstance(first, Tensor):
            layer.output = tuple(first.shape)
            layer.sight = self._sights.get(id(first))

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        outputs = [r for r in (result if isinstance(result, tuple | list) else (result,)) if isinstance(r, Tensor)]
        inputs = [a for a in _flat(args) if isinstance(a, Tensor) and id(a) in self._sights]
        layer = self._current[-1] if self._current else self._outside
        if outputs:
            layer.multiply_adds += _multiply_adds(func, args, outputs[0])
        if inputs:
            sight = self._follow(func, args, inputs, outputs)
            for output in outputs:
                self._sights[id(output)] = sight
                self._alive.append(output)
        return result

    def _follow(self, func: Any, args: Any, inputs: list[Tensor], outputs: list[Tensor]) -> Sight | None:
        name = func.overloadpacket
        sights = [(x, self._sights[id(x)]) for x in inputs]
        # A gate of one place a channel scales a map: what the map sees is what counts.
        largest = max(math.prod(x.shape[2:]) if x.ndim == 4 else 0 for x, _ in sights)
        kept = [s for x, s in sights if not largest or x.ndim != 4 or math.prod(x.shape[2:]) == largest]
        if None in kept:
            return None
        known = [s for s in kept if s is not None]
        sight = Sight.widest(known)
        x, out = inputs[0], outputs[0] if outputs else inputs[0]
        if name is _aten.convolution:
            return _through_convolution(sight, args)
        if name in (_aten.max_pool2d_with_indices, _aten.avg_pool2d):
            stride = (args[2] if len(args) > 2 else None) or args[1]
            dilation = args[4] if name is _aten.max_pool2d_with_indices and len(args) > 4 else [1]
            return sight.through(_reach(args[1], dilation), stride)
        if x.ndim == 4 and name in _POOLING and math.prod(out.shape[2:]) == 1:
            return WHOLE
        if x.ndim == 4 and name in _VIEWS and out.ndim == 2 and len(out) == len(x) and math.prod(x.shape[2:]) > 1:
            return WHOLE  # flattened for a fully connected layer
        if name in (_aten.upsample_bilinear2d, _aten.upsample_nearest2d, _aten.upsample_bicubic2d):
            ratio = [a / b for a, b in zip(x.shape[2:], out.shape[2:], strict=True)]
            return sight.through([1 if name is _aten.upsample_nearest2d else 2], ratio)
        if name in (_aten._softmax, _aten.bmm):
            # Batch entries beyond one picture are windows.
            return None if name is _aten._softmax and x.ndim > 3 and x.shape[0] > 1 else WHOLE
        return sight


_POOLING = (_aten._adaptive_avg_pool2d, _aten.mean, _aten.adaptive_max_pool2d)
_VIEWS = (_aten.view, _aten._unsafe_view)


def _parents(network: nn.Module, name: str) -> Iterator[nn.Module]:
    parts = name.split(".")
    for n in range(1, len(parts)):
        yield network.get_submodule(".".join(parts[:n]))


def _flat(values: Any) -> Iterator[Any]:
    for value in values:
        if isinstance(value, tuple | list):
            yield from _flat(value)
        else:
            yield value


def _through_convolution(sight: Sight, args: Any) -> Sight:
    weight, stride, dilation, transposed = args[1], args[3], args[5], args[6]
    reach = _reach(weight.shape[2:], dilation)
    if transposed:
        reach = [math.ceil(k / s) for k, s in zip(reach, stride, strict=True)]
        return sight.through(reach, [1 / s for s in stride])
    return sight.through(reach, stride)


def _reach(kernel: Sequence[int], dilation: Sequence[int]) -> list[int]:
    kernel, dilation = [kernel[0], kernel[-1]], [dilation[0], dilation[-1]]
    return [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]


def _multiply_adds(func: Any, args: Any, output: Tensor) -> int:
    name = func.overloadpacket
    if name is _aten.convolution:
        x, weight, transposed = args[0], args[1], args[6]
        places = math.prod((x if transposed else output).shape[2:])
        return int(x.shape[0] * places * weight.numel())
    if name is _aten.mm:
        return int(args[0].numel() * args[1].shape[-1])
    if name is _aten.addmm:
        return int(args[1].numel() * args[2].shape[-1])
    if name is _aten.bmm:
        return int(args[0].numel() * args[1].shape[-1])
    if name is _aten.baddbmm:
        return int(args[1].numel() * args[2].shape[-1])
    return 0


def _geometry(module: nn.Module) -> dict[str, Any]:
    if not hasattr(module, "kernel_size"):
        return {}
    padding = getattr(module, "padding", 0)
    if type(module).__name__ in ("SameConv", "SameConv2d"):
        padding = "same"
    geometry = {
        "kernel": module.kernel_size,
        "stride": getattr(module, "stride", None) or module.kernel_size,
        "padding": padding,
        "dilation": getattr(module, "dilation", 1),
    }
    return {name: _short(value) for name, value in geometry.items()}


def _short(value: Any) -> str:
    """`(3, 3)` as 3, `(1, 7)` as 1x7."""
    if isinstance(value, tuple | list):
        return str(value[0]) if len(set(value)) == 1 else "x".join(map(str, value))
    return str(value)
