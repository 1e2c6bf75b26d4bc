"""What objects have beside their boxes, a mask or keypoints each: it moves with the picture that boxes move in."""

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as F

from visioncli.labelled.boxes import BoxSet
from visioncli.training.boxes.augment import Params, around, cut


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """Of n objects in a picture: `masks` `(n, H, W) uint8` of 0 and 1, or `points` `(n, K, 3) float32`, x, y and
    visibility, zeros where a keypoint is not in it. `mirrored` `(K,)` says which keypoint each becomes in a mirror
    image."""

    masks: np.ndarray | None = None
    points: np.ndarray | None = None
    mirrored: tuple[int, ...] | None = None

    def moved(self, size: tuple[int, int], params: Params, kept: np.ndarray) -> "Parts":
        """Those of the objects that are `kept` `(n,) bool`, as a picture of `size` (width, height) is changed."""
        x1, y1, x2, y2 = params.window
        masks = points = None
        if self.masks is not None:
            moved = tv_tensors.Mask(torch.from_numpy(self.masks[kept]))
            beyond = around(params.window, size)
            if any(beyond):
                moved = F.pad(moved, beyond, fill=0)
            if params.window != (0, 0, *size):
                moved = F.crop(moved, *cut(params.window, beyond))
            if params.mirror:
                moved = F.horizontal_flip(moved)
            masks = moved.as_subclass(torch.Tensor).contiguous().numpy()
        if self.points is not None:
            points = self.points[kept] - np.array([x1, y1, 0], np.float32)
            if params.mirror:
                assert self.mirrored is not None
                points[..., 0] = (x2 - x1) - points[..., 0]
                points = points[:, list(self.mirrored)]
            points = seen(points, (x2 - x1, y2 - y1))
        return Parts(masks, points, self.mirrored)


def seen(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Keypoints `(n, K, 3)` with zeros for those that lie outside of a picture of `size` (width, height)."""
    inside = ((points[..., :2] >= 0) & (points[..., :2] <= size)).all(-1) & (points[..., 2] > 0)
    found: np.ndarray = np.where(inside[..., None], points, 0).astype(np.float32)
    return found


def parts_in(pictures: BoxSet, place: int, rows: np.ndarray, before: tuple[int, int], size: tuple[int, int]) -> Parts:
    """What the objects `rows` of a picture have, in the picture, `before` (width, height), as kept at `size`."""
    objects = pictures.objects[place]
    if objects.masks is not None:
        from pycocotools import mask as compiled

        drawn = [compiled.decode(objects.masks[n]) for n in rows.tolist()]
        if size != before:
            drawn = [np.asarray(Image.fromarray(one).resize(size, Image.Resampling.NEAREST)) for one in drawn]
        return Parts(masks=np.stack(drawn) if drawn else np.zeros((0, size[1], size[0]), np.uint8))
    assert objects.points is not None and pictures.points is not None
    factor = np.array([size[0] / before[0], size[1] / before[1], 1])
    return Parts(points=seen(objects.points[rows] * factor, size), mirrored=pictures.points.mirrored)
