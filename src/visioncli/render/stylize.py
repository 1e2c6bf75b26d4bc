"""The painting itself is what there is to see of it."""

from PIL import Image

from visioncli.render.canvas import Arrays
from visioncli.results import Record


def draw(image: Image.Image, record: Record, arrays: Arrays) -> Image.Image:
    """The painted picture; `image` is the photo that it was made of."""
    return Image.fromarray(arrays["stylized"])
