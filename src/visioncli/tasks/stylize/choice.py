"""Which network paints what `--style` asks for, where none is named."""

from visioncli.models import registry
from visioncli.models.row import Download
from visioncli.models.styles import STYLES
from visioncli.tasks.stylize.styles import parse_style
from visioncli.weights.places import stored_file


def network_of(style: str | None, method: str = "network") -> str:
    """Pictures are another network's than names. Raises UsageError for what is neither.

    For the method "optimise" it is a classifier, through which pictures are seen: VGG-19, as in the paper, where its
    weights are in the cache, else the embedded one.
    """
    if method == "optimise":
        vgg = registry.find("vgg19").source
        here = isinstance(vgg, Download) and stored_file(vgg).is_file()
        return "vgg19" if here else "efficientnet_lite0"
    return "arbitrary_style" if style is not None and parse_style(style, dict(STYLES)).paintings else "multistyle26"
