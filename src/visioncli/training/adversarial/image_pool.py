"""Earlier translations, which the discriminator judges beside new ones (Shrivastava et al., 2017,
https://arxiv.org/abs/1612.07828, as CycleGAN uses it): it must not forget what the generator did before."""

import torch
from torch import Tensor


class ImagePool:
    """Keeps so many pictures. Chance comes from torch's own generator."""

    def __init__(self, size: int = 50) -> None:
        self._size = size
        self._kept: list[Tensor] = []

    def swap(self, pictures: Tensor) -> Tensor:
        """`(N, 3, H, W)`: each picture itself or, half of the time once the pool is full, one from the pool, whose
        place it takes."""
        given = []
        for picture in pictures.detach():
            if len(self._kept) < self._size:
                self._kept.append(picture.clone())
                given.append(picture)
            elif float(torch.rand(())) < 0.5:
                place = int(torch.randint(len(self._kept), ()))
                given.append(self._kept[place])
                self._kept[place] = picture.clone()
            else:
                given.append(picture)
        # In one layout whatever the pool was read back from: sums of another order differ in their last bits.
        return torch.stack(given).contiguous(memory_format=torch.channels_last)

    def state(self) -> Tensor:
        """The pictures, `(n, 3, H, W)`."""
        return torch.stack(self._kept) if self._kept else torch.zeros(0, 3, 1, 1)

    def restore(self, state: Tensor) -> None:
        """Goes on with what `state` gave."""
        self._kept = [picture.clone() for picture in state]
