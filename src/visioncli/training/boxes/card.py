"""`MODEL_CARD.md` of a network that learned boxes, from facts alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from visioncli.metrics.report import Report
from visioncli.training.object_card import ObjectCard, measured, written

_WORDS = {"AP": "AP", "AP50": "AP50", "AP75": "AP75", "AR100": "AR, 100 a picture"}
_OF_CLASS = ("AP", "AP50", "AP75")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class BoxCard(ObjectCard):
    """What the card says. `objects` are those of the training part by class, `parts` the AP of masks or keypoints in
    the validation part."""

    reports: Mapping[str, Report]
    objects: Sequence[int]
    parts: Mapping[str, float]
    unfreeze: str


def box_card(facts: BoxCard) -> str:
    """The card as Markdown."""
    amounts = ("objects learned from", [f"{count:,}" for count in facts.objects])
    more = [_of_parts(facts.parts)] if facts.parts else []
    return written(
        facts,
        does=f"finds objects of {_counted(len(facts.classes))} and puts a box around each. Objects should be about "
        "as large, as a part of the picture, as in those that it learned from.",
        answers="boxes",
        beyond="Objects of other classes: it knows only its own, and calls some others by their names.",
        learned=f"Layers that learned: {facts.unfreeze}. ",
        numbers=measured(
            facts, _WORDS, lambda part, name: facts.reports[part].official[name], _OF_CLASS, amounts, more
        ),
    )


def _of_parts(parts: Mapping[str, float]) -> str:
    """The sentence about masks or keypoints."""
    what = "Masks" if any(name.startswith("mask") for name in parts) else "Keypoints, by OKS"
    numbers = ", ".join(f"{name.rpartition('_')[2]} {value:.3f}" for name, value in parts.items())
    return f"{what}, validation part: {numbers}."


def _counted(classes: int) -> str:
    return "1 class" if classes == 1 else f"{classes:,} classes"
