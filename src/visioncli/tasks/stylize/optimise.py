"""A picture whose features are the photo's, and whose textures are a painting's, found by gradient descent on its
pixels: Gatys et al., 2016, "A Neural Algorithm of Artistic Style", https://arxiv.org/abs/1508.06576.

Coarse to fine, as in Gatys et al., 2017, https://arxiv.org/abs/1611.07865: large shapes of the style are laid down in
few pixels, where they cost little, and are refined in many.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from visioncli.errors import UsageError
from visioncli.models.row import ModelRow
from visioncli.results import ModelInfo

Steps = Callable[[int, int], None]
"""Told how many steps of how many are done."""
COLOURS = "colours"
COARSEST = 192
"""Pixels on the longer side at which a painting begins."""
COLOUR_WEIGHT = 20.0
AROUND = 16
"""Pixels of its mirror image around a picture, so that its border is seen like the rest, not beside black."""


@dataclass(frozen=True, slots=True)
class Features:
    """Which maps of a classifier stand for a style, and which for what is to be seen; names of its modules."""

    style: tuple[str, ...]
    content: tuple[str, ...]
    style_weight: float
    smoothness: float


KINDS = {
    "efficientnet_lite": Features(
        ("stem", "blocks.1.expand", "blocks.2.expand", "blocks.3.expand", "blocks.5.expand", "blocks.8.expand"),
        ("blocks.3.expand", "blocks.5.expand"),
        style_weight=6.0,
        smoothness=80.0,
    ),
    "vgg": Features(
        ("features.1", "features.6", "features.11", "features.20", "features.29"),
        ("features.22",),
        style_weight=6.0,
        smoothness=80.0,
    ),
}
"""Of VGG-19 the layers of the paper: relu1_1 to relu5_1, and relu4_2."""


class Optimise:
    """Paints one picture at a time, as large as it comes. The same numbers come out of the same `seed`.

    `styles` are pictures and their shares; what these leave of 1 belongs to the photo's own textures. Of `iterations`
    steps those at each size are the fewer, the larger it is. Calls `steps` after each.
    """

    method = "optimise"
    canvas: int | None = None

    def __init__(
        self,
        info: ModelInfo,
        network: nn.Module,
        row: ModelRow,
        styles: Sequence[tuple[Image.Image, float]],
        own: float,
        *,
        iterations: int,
        seed: int,
        device: str | torch.device = "cpu",
        steps: Steps = lambda done, total: None,
    ) -> None:
        self.info = info
        self._features = features_of(row)
        self._textures = (COLOURS, *self._features.style)
        self._network = network.eval().to(device).requires_grad_(False)
        self._mean, self._std = (
            torch.tensor(numbers, device=device)[:, None, None] for numbers in (row.input.mean, row.input.std)
        )
        self._styles, self._own = styles, own
        self._iterations, self._seed, self._device, self._steps = iterations, seed, device, steps

    def __call__(self, photo: Image.Image) -> np.ndarray:
        """`(H, W, 3) uint8`, as large as the photo, which has mode RGB."""
        sizes = _sizes(max(photo.size))
        counts = _shared_out(self._iterations, sizes)
        generator = torch.Generator().manual_seed(self._seed)
        painting: Tensor | None = None
        done = 0
        for size, count in zip(sizes, counts, strict=True):
            content = self._tensor(_at_most(photo, size))
            shape = content.shape[-2:]
            if painting is None:
                noise = torch.randn(content.shape, generator=generator).to(self._device)
                painting = content + 0.02 * noise
            else:
                painting = F.interpolate(painting, shape, mode="bicubic", align_corners=False)
            painting = self._descended(painting, self._goal(content), count, done)
            done += count
        assert painting is not None
        if painting.shape[-2:] != (photo.height, photo.width):
            painting = F.interpolate(painting, (photo.height, photo.width), mode="bicubic", align_corners=False)
        whole: np.ndarray = (painting[0].clamp(0, 1) * 255 + 0.5).byte().permute(1, 2, 0).cpu().numpy()
        return whole

    def _descended(self, start: Tensor, goal: tuple[list[Tensor], list[Tensor]], count: int, done: int) -> Tensor:
        """The picture after `count` steps of L-BFGS, each of which sees it once; `done` were made before.

        Unlike Adam it leaves pixels alone that do not matter, so that there is no grain.
        """
        if not count:
            return start
        free = start.clone().requires_grad_(True)
        descent = torch.optim.LBFGS([free], max_iter=count, max_eval=count, history_size=20)
        seen = 0

        def closure() -> Tensor:
            nonlocal seen
            descent.zero_grad()
            loss = self._loss(_shown(free), *goal)
            loss.backward()  # type: ignore[no-untyped-call]
            if seen < count:
                seen += 1
                self._steps(done + seen, self._iterations)
            return loss

        descent.step(closure)  # type: ignore[no-untyped-call]
        for n in range(seen, count):  # there was nothing left to be gained
            self._steps(done + n + 1, self._iterations)
        with torch.no_grad():
            return _shown(free).clamp(0, 1)

    def _goal(self, content: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """The features that the painting shall have, and the Gram matrices."""
        with torch.no_grad():
            seen = self._seen(_framed(content))
            grams = [self._own * _gram(seen[name]) for name in self._textures]
            area = content.shape[-1] * content.shape[-2]
            for image, share in self._styles:
                # As many pixels as the painting has, so that a stroke is as wide there as here.
                scale = (area / (image.width * image.height)) ** 0.5
                width, height = (max(32, round(side * scale)) for side in image.size)
                style = self._seen(self._tensor(image.resize((width, height), Image.Resampling.LANCZOS)))
                for n, name in enumerate(self._textures):
                    grams[n] = grams[n] + share * _gram(style[name])
        return [seen[name] for name in self._features.content], grams

    def _loss(self, painting: Tensor, content: list[Tensor], grams: list[Tensor]) -> Tensor:
        """Each part relative to what it should be, so that weights mean the same at all layers and sizes."""
        seen = self._seen(_framed(painting))
        kept = style = torch.zeros((), device=painting.device)
        for name, goal in zip(self._features.content, content, strict=True):
            away = (seen[name] - goal).square().sum() / goal.square().sum().clamp_min(1e-6)
            kept = kept + away / len(content)
        for name, gram in zip(self._textures, grams, strict=True):
            weight = COLOUR_WEIGHT if name == COLOURS else self._features.style_weight
            away = (_gram(seen[name]) - gram).square().sum() / gram.square().sum().clamp_min(1e-12)
            style = style + weight * away
        rough = sum(_jumps(painting, axis) for axis in (-1, -2))
        loss: Tensor = kept + style + self._features.smoothness * rough
        return loss

    def _seen(self, picture: Tensor) -> dict[str, Tensor]:
        """The maps of the features' modules, by name, and the picture's own colours beside a map of ones, whose Gram
        matrix holds their means."""
        found: dict[str, Tensor] = {COLOURS: torch.cat([picture, torch.ones_like(picture[:, :1])], 1)}
        wanted = {*self._features.style, *self._features.content}
        hooks = []
        last = ""
        for name, module in self._network.named_modules():
            if name in wanted:
                last = name

                def note(module: nn.Module, args: Any, output: Tensor, name: str = name) -> None:
                    # What changes its input in place would change what was noted.
                    found[name] = output.clone()
                    if name == self._last:
                        raise _Enough

                hooks.append(module.register_forward_hook(note))
        self._last = last
        try:
            self._network((picture - self._mean) / self._std)
        except _Enough:
            pass
        finally:
            for hook in hooks:
                hook.remove()
        return found

    def _tensor(self, image: Image.Image) -> Tensor:
        pixels = np.asarray(image, np.float32).transpose(2, 0, 1)[None] / 255
        return torch.from_numpy(np.ascontiguousarray(pixels)).to(self._device)


def _shown(free: Tensor) -> Tensor:
    """What is shown of the numbers that are changed: a binomial mean over 3 x 3, in which no grid of single pixels is
    left, such as the network's strides would not notice."""
    kernel = torch.tensor([0.25, 0.5, 0.25], device=free.device)
    wider = F.pad(free, (1,) * 4, mode="replicate")
    across = kernel[None, None, None, :].expand(3, 1, 1, 3)
    mean = F.conv2d(F.conv2d(wider, across, groups=3), across.transpose(2, 3), groups=3)
    return mean


def _framed(picture: Tensor) -> Tensor:
    """The picture with some of its mirror image around it, which is there to be seen, not to be changed."""
    wider = F.pad(picture.detach(), (AROUND,) * 4, mode="reflect")
    wider[..., AROUND:-AROUND, AROUND:-AROUND] = picture
    return wider


class _Enough(Exception):
    """All maps that are wanted were seen: what comes behind them need not be computed."""


def features_of(row: ModelRow) -> Features:
    """Raises UsageError for a network whose features nobody chose."""
    kind = "vgg" if row.name == "vgg19" else row.architecture.partition(":")[0]
    if kind not in KINDS:
        raise UsageError(
            f"--method optimise looks through efficientnet_lite0 or vgg19, not through {row.name}. Leave out --model."
        )
    return KINDS[kind]


def _gram(maps: Tensor) -> Tensor:
    flat = maps[0].flatten(1)
    return flat @ flat.T / flat.shape[1]


def _jumps(painting: Tensor, axis: int) -> Tensor:
    """The mean square difference of neighbours."""
    size = painting.shape[axis]
    if size < 2:
        return painting.new_zeros(())
    return (painting.narrow(axis, 1, size - 1) - painting.narrow(axis, 0, size - 1)).square().mean()


def _sizes(longer: int) -> list[int]:
    """Longer sides from coarse to fine, each twice the one before it; the last is the picture's."""
    sizes = [longer]
    while sizes[0] > COARSEST * 1.5:
        sizes.insert(0, (sizes[0] + 1) // 2)
    return sizes


def _shared_out(iterations: int, sizes: Sequence[int]) -> list[int]:
    """How many steps each size gets: half as many as the size before it, which takes a quarter of the time."""
    weights = [2.0**-n for n in range(len(sizes))]
    counts = [round(iterations * weight / sum(weights)) for weight in weights]
    counts[0] += iterations - sum(counts)
    return counts


def _at_most(image: Image.Image, longer: int) -> Image.Image:
    """With at least 32 pixels on a side, below which maps would have none."""
    scale = longer / max(image.size)
    width, height = (max(32, round(side * scale)) for side in image.size)
    return image if (width, height) == image.size else image.resize((width, height), Image.Resampling.LANCZOS)
