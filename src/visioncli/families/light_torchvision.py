"""Torchvision without torch's compiler: importing it takes half the time.

One module of torchvision (`ops.roi_align`) imports the compiler, two of the four seconds that torch and torchvision
take together, for a single function that is called only where deterministic algorithms are asked for on a GPU.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

_COMPILER = ("torch._dynamo", "torch._dynamo.utils")


class _StandIn(ModuleType):
    """In the compiler's place until anything of it is asked for; then the compiler itself."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        _step_aside()
        return getattr(import_module(self.__name__), name)


def _is_compile_supported(device_type: str) -> bool:
    """What torchvision imports; asks the compiler when it is called."""
    supported: bool = import_module("torch._dynamo.utils").is_compile_supported(device_type)
    return supported


def _step_aside() -> None:
    for name in _COMPILER:
        if isinstance(sys.modules.get(name), _StandIn):
            del sys.modules[name]


def import_torchvision() -> ModuleType:
    """The package `torchvision`. Raises ImportError where it is not installed."""
    import torch  # noqa: F401 - it may import its compiler itself

    if "torchvision" not in sys.modules and not any(name in sys.modules for name in _COMPILER):
        package, utils = (_StandIn(name) for name in _COMPILER)
        package.__path__ = []
        utils.is_compile_supported = _is_compile_supported  # type: ignore[attr-defined]
        sys.modules |= {package.__name__: package, utils.__name__: utils}
        try:
            return import_module("torchvision")
        finally:
            _step_aside()
    return import_module("torchvision")
