"""A network of torch that makes a picture of a picture, such as the generator of a CycleGAN."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from visioncli.results import ModelInfo
from visioncli.tasks.stylize.interface import Painter

Averages = list[tuple[Tensor, Tensor]]
"""Mean and variance of each map, `(1, C, 1, 1)`, of the layers in the order in which they run."""


class NetworkPainter(Painter):
    """A network that takes and answers `(1, 3, h, w)` of -1 to 1, and whose only steps that look at the picture as a
    whole are layers `nn.InstanceNorm2d`.

    `step` is by how much it reduces the picture inside, `reach` how far away a pixel still changes the answer; where
    that is more than tiles can share, their borders are blended.
    """

    least = 32

    def __init__(
        self, info: ModelInfo, network: nn.Module, *, method: str, step: int, reach: int, device: str | torch.device
    ) -> None:
        self.info, self.method, self.step, self.reach = info, method, step, reach
        self._network, self._device = network.eval().to(device), device
        self._layers = [one for one in network.modules() if isinstance(one, nn.InstanceNorm2d)]

    def look(self, whole: np.ndarray) -> tuple[np.ndarray, Any]:
        """Painted; the averages of features over the picture."""
        averages: Averages = []

        def note(layer: nn.Module, args: tuple[Tensor], output: Tensor) -> None:
            variance, mean = torch.var_mean(args[0], (2, 3), correction=0, keepdim=True)
            averages.append((mean, variance))

        return self._run(whole, note), averages

    def paint(self, part: np.ndarray, seen: Any) -> np.ndarray:
        """Painted, with the averages of the whole."""
        left = iter(seen)

        def replace(layer: nn.InstanceNorm2d, args: tuple[Tensor], output: Tensor) -> Tensor:
            mean, variance = next(left)
            normal: Tensor = (args[0] - mean) * torch.rsqrt(variance + layer.eps)
            if layer.affine:
                normal = normal * layer.weight[:, None, None] + layer.bias[:, None, None]
            return normal

        return self._run(part, replace)

    @torch.no_grad()
    def _run(self, pixels: np.ndarray, hook: Any) -> np.ndarray:
        hooks = [layer.register_forward_hook(hook) for layer in self._layers]
        try:
            planes = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))[None].to(self._device)
            answer: np.ndarray = self._network(planes * 2 - 1)[0].cpu().numpy()
        finally:
            for one in hooks:
                one.remove()
        painted: np.ndarray = answer.transpose(1, 2, 0) / 2 + 0.5
        return painted
