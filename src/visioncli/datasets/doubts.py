"""Whether boxes can be meant as they are read: in pixels, and by width and height."""

from visioncli.datasets.interface import Annotations, Images

SOME_BOXES = 10_000
"""So many are looked at."""
OVERHANG = 1.1
"""A box may overhang its picture a little; detectors round, and pad."""


def odd_boxes(images: Images, boxes: Annotations, source: str) -> list[str]:
    """A warning for people where most boxes cannot lie in their pictures, or none reaches beyond the first pixel."""
    some = slice(0, SOME_BOXES)
    sizes = images.sizes[boxes.image[some]]
    known = (sizes > 1).all(axis=1)
    if not known.any():
        return []
    sizes = sizes[known]
    corner = boxes.xywh[some, :2][known] + boxes.xywh[some, 2:][known]
    if (corner <= 1).all():
        return [f"{source}: no box reaches beyond the first pixel; are they shares of the picture? Give pixels."]
    if (corner > OVERHANG * sizes).any(axis=1).mean() > 0.5:
        return [
            f"{source}: most boxes reach beyond their pictures; are they of pictures of another size, or corners "
            "where the format has width and height?"
        ]
    return []
