"""`MODEL_CARD.md` of a network that learned masks, from facts alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from visioncli.metrics.report import LabelMapReport
from visioncli.models.offset import words
from visioncli.models.tta import SegmentTta
from visioncli.training.object_card import ObjectCard, measured, written

_WORDS = {"miou": "mean IoU", "dice": "mean Dice", "pixel_accuracy": "pixel accuracy"}
_VIEWS: dict[str, str] = {
    SegmentTta.FLIP: " Its answer is the mean over the picture and its mirror image (`--tta flip`).",
    SegmentTta.TURNS: " Its answer is the mean over eight views, turned by quarters and mirrored (`--tta turns`).",
}
_OF_CLASS = ("iou", "dice", "precision", "recall")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class MaskCard(ObjectCard):
    """What the card says.

    `pixels` are those of the training part by class, `side` that of the crops, `views` the word for `--tta` that
    holds where nobody says one, `offset` how far masks lie beside what they mark.
    """

    reports: Mapping[str, LabelMapReport]
    pixels: Sequence[int]
    side: int
    views: str = ""
    offset: tuple[float, float] | None = None


def mask_card(facts: MaskCard) -> str:
    """The card as Markdown."""
    total = max(sum(facts.pixels), 1)
    numbers = {part: report.numbers() for part, report in facts.reports.items()}
    beside = "" if facts.offset is None else f" Masks lie {words(facts.offset)} what they mark; so do its answers."
    amounts = ("pixels learned from", [f"{100 * pixels / total:.2f} %" for pixels in facts.pixels])
    return written(
        facts,
        does=f"tells the class of each pixel, of {len(facts.classes)}. It takes pictures as large as they are, and "
        f"learned from crops of {facts.side} x {facts.side} pixels: objects should be about as large, in pixels, as "
        f"in the pictures that it learned from.{_VIEWS.get(facts.views, '')}{beside}",
        answers="masks",
        beyond="Pixels of anything else: it knows only its classes and gives every pixel one of them.",
        learned="",
        numbers=measured(facts, _WORDS, lambda part, name: numbers[part][name], _OF_CLASS, amounts),
    )
