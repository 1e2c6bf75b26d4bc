from typing import Any

from visioncli.training.adversarial.translate_card import TranslationCard, translation_card


def card(**others: Any) -> str:
    facts: dict[str, Any] = {
        "name": "old*photos",
        "command": ["vision", "train", "photos", "--task", "translate"],
        "version": "1.2",
        "architecture": "cyclegan:pair-resnet6-24:2",
        "parameters": 2_220_486,
        "source": "photos",
        "kinds": ("new", "old"),
        "learned": (900, 400),
        "held_out": (100, 40),
        "size": 64,
        "resize": 128,
        "numbers": {"distance_before": 9.5, "distance_a_to_b": 3.25, "distance_b_to_a": None, "cycle_error": 0.05},
        "judge": "efficientnet_lite0 at 64 pixels",
        "identity": 0.0,
        "mirrors": True,
        "epochs": 12.5,
        "steps": 3000,
        "seed": 7,
        "unreadable": 0,
        "leaks": 0,
        "seconds": 75.0,
        "weights_sha256": "ab12",
    }
    return translation_card(TranslationCard(**(facts | others)))


def test_a_card_says_what_is_made_of_what_and_what_was_measured() -> None:
    text = card()
    assert text.startswith("# old\\*photos\n")
    assert "make old of new, `vision stylize" in text and "new of old, `vision stylize" in text
    assert "900 pictures of new and 100 held out; 400 pictures of old and 40 held out" in text
    assert "| Fréchet distance of new made old from old | 3.250 |" in text
    assert "| Fréchet distance of old made new from new | not measured |" in text
    assert "3,000 steps, 12.5 epochs" in text and "no identity losses" in text and "1 min 15 s" in text
    assert "could not be read" not in text and "two parts" not in text


def test_a_card_says_what_makes_its_numbers_doubtful() -> None:
    text = card(unreadable=3, leaks=2, identity=5.0)
    assert "could not be read: 3" in text and "two parts at once: 2" in text
    assert "identity losses weighted 5" in text
