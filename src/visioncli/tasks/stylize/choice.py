"""Which network paints what `--style` asks for, where none is named."""

from visioncli.models.styles import STYLES
from visioncli.tasks.stylize.styles import parse_style


def network_of(style: str | None) -> str:
    """Pictures are another network's than names. Raises UsageError for what is neither."""
    return "arbitrary_style" if style and parse_style(style, dict(STYLES)).paintings else "multistyle26"
